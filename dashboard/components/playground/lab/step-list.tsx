// The commands of an experiment, each with its script, how often it was run, how long that took, and its last reply.
'use client';
import { SquareTerminal } from 'lucide-react';
import { CopyButton } from '@/components/ui/copy-button';
import { Link } from '@/components/ui/link';
import { Highlight } from '@/components/console/highlight';
import { display } from '@/lib/bytes';
import { counted, formatMicros } from '@/lib/format';
import type { Step } from '@/lib/lab/bench';
import { shownCommand } from '@/lib/lab/command-text';
import { toRaw } from '@/lib/reply';

const REPLY_LINES = 8;

const scriptOf = ({ first }: Step) => (first.args[0] === 'EVAL' ? first.args[1] : null) ?? null;

/** The console runs in a database of its own. */
function toDatabase(db: number): void {
  void import('@/stores/console').then(({ useConsoleStore }) => useConsoleStore.getState().setDb(db));
}

export function StepList({ steps, db }: { steps: readonly Step[]; db: number }) {
  return (
    <ol className="flex flex-col">
      {steps.map((step) => (
        <StepView key={step.id} step={step} db={db} like={steps.find((one) => one.id < step.id && scriptOf(one) !== null && scriptOf(one) === scriptOf(step))?.id ?? null} />
      ))}
    </ol>
  );
}

/** `like`: an earlier step with the same script. */
function StepView({ step, db, like }: { step: Step; db: number; like: number | null }) {
  const { line, script, whole, href } = shownCommand(step.first.args);
  return (
    <li className="flex min-w-0 flex-col gap-1.5 border-t border-line py-3 first:border-0 first:pt-0 last:pb-0">
      <div className="flex min-h-7 flex-wrap items-center gap-x-3">
        <span className="num w-5 text-right text-xs text-muted">{step.id}</span>
        <h3 className="min-w-0 flex-1 font-medium">{step.label}</h3>
        <span className="num text-xs text-muted max-sm:order-last max-sm:basis-full max-sm:pl-8">
          {step.count > 1 && `${counted(step.count, 'call')}, `}
          {formatMicros(step.total_us)}
        </span>
        <span className="flex">
          <CopyButton text={whole} label={`Copy the command: ${step.label}`} />
          {href !== null && (
            <Link href={href} onClick={() => toDatabase(db)} aria-label={`Open in the console: ${step.label}`} title="Open in the console" className="inline-flex size-7 items-center justify-center rounded-md text-dim hover:bg-raised hover:text-ink coarse:size-11 [&_svg]:size-4">
              <SquareTerminal aria-hidden />
            </Link>
          )}
        </span>
      </div>
      <div className="flex min-w-0 flex-col gap-1.5 sm:pl-8">
        <code className="font-mono text-xs wrap-anywhere">
          <Highlight line={display(line)} />
        </code>
        {like !== null && <p className="text-xs text-muted">with the script of step {like}</p>}
        {script !== null && like === null && (
          <pre tabIndex={0} aria-label={`Script: ${step.label}`} className="overflow-x-auto rounded-md border border-line bg-page px-3 py-2 font-mono text-xs text-dim">
            {script}
          </pre>
        )}
        <Answer step={step} />
      </div>
    </li>
  );
}

function Answer({ step }: { step: Step }) {
  const { reply } = step.last;
  const lines = toRaw(reply).split('\n');
  const rest = lines.length - REPLY_LINES;
  return (
    <div className="flex gap-2 font-mono text-xs text-muted">
      <span aria-hidden>→</span>
      <pre className={reply.type === 'error' ? 'min-w-0 whitespace-pre-wrap wrap-anywhere text-error-text' : 'min-w-0 whitespace-pre-wrap wrap-anywhere'}>
        <span className="sr-only">{step.count > 1 ? 'Last reply: ' : 'Reply: '}</span>
        {lines.slice(0, REPLY_LINES).join('\n')}
        {rest > 0 && `\n… ${counted(rest, 'more line')}`}
      </pre>
    </div>
  );
}
