// For a server without keys: how to connect to it from here, with this host filled in, and a few keys to look at.
'use client';
import { Sprout } from 'lucide-react';
import { useState } from 'react';
import { GatedButton } from '@/components/state/gated-button';
import { CopyButton } from '@/components/ui/copy-button';
import { Panel } from '@/components/ui/panel';
import { api } from '@/lib/api';
import { errorText } from '@/lib/errors';
import { SAMPLE_COMMANDS } from '@/lib/sample-data';
import { useServerStore } from '@/stores/server';
import { useToastStore } from '@/stores/toast';

export function FirstSteps() {
  const port = useServerStore((store) => store.server?.port ?? 6379);
  const say = useToastStore((store) => store.say);
  const [busy, setBusy] = useState(false);
  const host = window.location.hostname;
  const ways = [
    { label: 'Shell', line: `redis-cli -h ${host} -p ${port}` },
    { label: 'Python', line: `redis.Redis(host="${host}", port=${port})` },
    { label: 'Node.js', line: `createClient({ url: "redis://${host}:${port}" })` },
  ];
  const fill = async () => {
    setBusy(true);
    try {
      for (const line of SAMPLE_COMMANDS) {
        const { reply } = await api.execute(line, 0);
        if (reply.type === 'error') throw new Error(reply.message);
      }
      say('Sample keys are there; look at them in the Explorer');
    } catch (error) {
      say(errorText(error), 'error');
    } finally {
      setBusy(false);
    }
  };
  return (
    <Panel
      title="This server is empty"
      actions={
        <GatedButton right="set" size="sm" disabled={busy} onClick={fill}>
          <Sprout /> Add sample keys
        </GatedButton>
      }
    >
      <p className="mb-2 text-dim">Connect with any Redis client:</p>
      <ul className="grid gap-2 md:grid-cols-3">
        {ways.map((way) => (
          <li key={way.label} className="flex min-w-0 items-center gap-2 rounded-md border border-line bg-page pl-3">
            <span className="shrink-0 text-xs text-muted">{way.label}</span>
            <code tabIndex={0} className="min-w-0 flex-1 overflow-x-auto py-2 font-mono text-xs whitespace-nowrap">
              {way.line}
            </code>
            <CopyButton text={way.line} label={`Copy the line for ${way.label}`} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}
