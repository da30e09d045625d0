// This session: who, how long, and what the user's rights are; and the other sessions.
'use client';
import { Check, Minus } from 'lucide-react';
import { Panel } from '@/components/ui/panel';
import { useNow } from '@/hooks/use-now';
import { display } from '@/lib/bytes';
import { formatDay, formatSeconds, MISSING } from '@/lib/format';
import { useServerStore } from '@/stores/server';
import { Sessions } from './sessions';

export function SessionTab() {
  const session = useServerStore((store) => store.session);
  const now = useNow(1000);
  if (session === null) return null;
  const facts: [string, string][] = [
    ['User', display(session.user)],
    ['Mode', session.mode === 'unlocked' ? 'editing unlocked' : 'read-only'],
    ['Signed in', formatDay(session.created_ms)],
    ['Ends', now === null ? MISSING : `in ${formatSeconds(Math.max(0, (session.expires_ms - now) / 1000))}, or after ${formatSeconds(session.idle_ms / 1000)} idle`],
    ['Server', `${display(session.server.name)}, version ${session.server.version}`],
    ['Speaks like', `Redis ${session.server.redis_version}`],
  ];
  return (
    <div className="grid items-start gap-4 lg:grid-cols-3">
      <Panel title="This session">
        <dl className="divide-y divide-line">
          {facts.map(([name, value]) => (
            <div key={name} className="row-h flex items-center justify-between gap-4">
              <dt className="text-dim">{name}</dt>
              <dd className="num truncate text-right">{value}</dd>
            </div>
          ))}
        </dl>
      </Panel>
      <Sessions className="lg:col-span-2" />
      <Panel title="Rights" unit="as the server sees them" className="lg:col-span-3">
        <ul className="grid grid-cols-2 gap-x-4 md:grid-cols-3 lg:grid-cols-5">
          {Object.entries(session.capabilities).map(([right, allowed]) => (
            <li key={right} className="row-h flex items-center gap-2">
              {allowed ? <Check aria-label="allowed" className="size-4 text-success" /> : <Minus aria-label="not allowed" className="size-4 text-muted" />}
              <code className={allowed ? 'font-mono text-xs' : 'font-mono text-xs text-muted'}>{right}</code>
            </li>
          ))}
        </ul>
      </Panel>
    </div>
  );
}
