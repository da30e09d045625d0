// Whether a user may run a command, asked of the server; nothing is run.
'use client';
import { Ban, CircleCheck, Play } from 'lucide-react';
import { useId, useState, type FormEvent } from 'react';
import { Button } from '@/components/ui/button';
import { Input } from '@/components/ui/input';
import { api } from '@/lib/api';
import { display } from '@/lib/bytes';
import type { Bytes } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { useServerStore } from '@/stores/server';

type Answer = { line: string; allowed: boolean; text: string };

export function DryRun({ user, unsaved }: { user: Bytes; unsaved: boolean }) {
  const may = useServerStore((store) => store.session?.capabilities['acl|dryrun'] !== false);
  const [line, setLine] = useState('');
  const [answer, setAnswer] = useState<Answer | null>(null);
  const id = useId();
  const run = async (event: FormEvent) => {
    event.preventDefault();
    try {
      const { allowed, reason } = await api.dryRun(user, line);
      setAnswer({ line, allowed, text: allowed ? 'allowed' : display(reason ?? 'refused') });
    } catch (error) {
      setAnswer({ line, allowed: false, text: errorText(error) });
    }
  };
  return (
    <form onSubmit={run} className="flex flex-col gap-1.5 border-t border-line pt-4">
      <label htmlFor={id} className="font-medium">
        Dry run <span className="font-normal text-muted">{unsaved ? 'by the rules in force, not by those above' : 'asks the server and runs nothing'}</span>
      </label>
      <div className="flex gap-2">
        <Input id={id} variant="mono" autoComplete="off" spellCheck={false} placeholder="GET cart:1" disabled={!may} value={line} onChange={(event) => setLine(event.target.value)} />
        <Button type="submit" disabled={!may || line.trim() === ''}>
          <Play /> Try
        </Button>
      </div>
      <p role="status" className="flex min-h-6 items-center gap-2 [&>svg]:size-4 [&>svg]:shrink-0">
        {!may && <span className="text-muted">Your user lacks +acl|dryrun.</span>}
        {answer !== null && (
          <>
            {answer.allowed ? <CircleCheck aria-hidden className="text-success" /> : <Ban aria-hidden className="text-error" />}
            <span className="min-w-0 break-words">
              <code className="font-mono text-xs">{display(answer.line)}</code>: {answer.text}
            </span>
          </>
        )}
      </p>
    </form>
  );
}
