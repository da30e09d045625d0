// What a command that only reads has answered, below the rows of the palette. It goes with the next letter that is typed.
'use client';
import { CopyButton } from '@/components/ui/copy-button';
import { ReplyView } from '@/components/console/reply-view';
import { display } from '@/lib/bytes';
import { formatMicros } from '@/lib/format';
import { extent, toRaw } from '@/lib/reply';
import type { Ran } from '@/hooks/use-inline-run';

export function PaletteReply({ ran }: { ran: Ran }) {
  const { state } = ran;
  const said = state.kind === 'running' ? 'running…' : state.kind === 'failed' ? 'was refused' : [formatMicros(state.duration_us), extent(state.reply)].filter(Boolean).join(' · ');
  return (
    <section aria-label="Reply" className="flex min-h-0 shrink-0 flex-col border-t border-line">
      <header className="flex min-h-8 items-center gap-3 px-4">
        <code className="min-w-0 flex-1 truncate font-mono text-xs">{display(ran.line)}</code>
        <span role="status" className="num shrink-0 text-xs text-muted">
          db{ran.db} · {said}
        </span>
        {state.kind === 'done' && <CopyButton text={toRaw(state.reply)} label="Copy the reply" />}
      </header>
      {state.kind !== 'running' && (
        <div tabIndex={0} role="region" aria-label="What came back" className="max-h-[28vh] min-h-0 overflow-auto px-4 pb-3 -outline-offset-2">
          {state.kind === 'failed' ? <p className="text-error-text">{state.text}</p> : <ReplyView reply={state.reply} view="raw" />}
        </div>
      )}
    </section>
  );
}
