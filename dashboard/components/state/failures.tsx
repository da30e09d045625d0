// What stands in place of a panel that could not be filled: an error with its request id, or a missing right with
// the line that would grant it. Only the panel falls, never the page.
'use client';
import { KeyRound, RotateCw, TriangleAlert } from 'lucide-react';
import { Button } from '@/components/ui/button';
import { CopyButton } from '@/components/ui/copy-button';
import { ApiError } from '@/lib/api';
import { display } from '@/lib/bytes';
import { errorAdvice, errorText } from '@/lib/errors';
import { useServerStore } from '@/stores/server';

interface FailureProps {
  error: unknown;
  onRetry?(): void;
}

export function Failure({ error, onRetry }: FailureProps) {
  if (error instanceof ApiError && error.code === 'NOPERM') return <NoPermission needs={error.needs ?? 'another right'} />;
  const advice = errorAdvice(error);
  const requestId = error instanceof ApiError ? error.requestId : null;
  return (
    <div role="alert" className="flex flex-col items-start gap-2 rounded-md border border-line bg-page p-4">
      <p className="flex items-center gap-2 font-medium">
        <TriangleAlert aria-hidden className="size-4 shrink-0 text-error" />
        {errorText(error)}
      </p>
      {advice !== null && <p className="text-dim">{advice}</p>}
      <div className="flex flex-wrap items-center gap-2">
        {onRetry !== undefined && (
          <Button size="sm" onClick={onRetry}>
            <RotateCw /> Try again
          </Button>
        )}
        {requestId !== null && (
          <span className="flex items-center font-mono text-xs text-muted">
            {requestId}
            <CopyButton text={requestId} label="Copy request id" />
          </span>
        )}
      </div>
    </div>
  );
}

/** `needs` as the server names it, such as `+slowlog|get`. */
export function NoPermission({ needs }: { needs: string }) {
  const user = useServerStore((store) => store.session?.user ?? 'you');
  const line = `ACL SETUSER ${user} ${needs}`;
  return (
    <div className="flex flex-col items-start gap-2 rounded-md border border-line bg-page p-4">
      <p className="flex items-center gap-2 font-medium">
        <KeyRound aria-hidden className="size-4 shrink-0 text-warning" />
        This needs <code className="font-mono">{display(needs)}</code>
      </p>
      <p className="text-dim">An administrator can grant it to {display(user)} with this line:</p>
      <div className="flex max-w-full items-center gap-1 rounded-md bg-raised pl-3">
        <code className="overflow-x-auto py-1.5 font-mono text-xs">{display(line)}</code>
        <CopyButton text={line} label="Copy the line" />
      </div>
    </div>
  );
}
