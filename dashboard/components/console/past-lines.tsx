// The newest of what was run, beside the prompt: a press puts a line there to be read first, and runs nothing.
import { display } from '@/lib/bytes';

const SHOWN = 12;

export function PastLines({ lines, onPick }: { lines: readonly string[]; onPick(line: string): void }) {
  if (lines.length === 0) return null;
  return (
    <section aria-label="Your history" className="mt-4 border-t border-line pt-3">
      <h2 className="text-xs text-muted">Your history</h2>
      <ul className="-mx-1.5 mt-1">
        {lines
          .slice(-SHOWN)
          .reverse()
          .map((line) => (
            <li key={line}>
              <button type="button" title={display(line)} onClick={() => onPick(line)} className="block min-h-7 w-full truncate rounded-sm px-1.5 text-left font-mono text-xs text-dim -outline-offset-2 hover:bg-raised hover:text-ink coarse:min-h-11">
                {display(line)}
              </button>
            </li>
          ))}
      </ul>
    </section>
  );
}
