// The box in front of a key that says whether it is selected. A picture for the mouse: the row itself carries the state.
import { Check } from 'lucide-react';
import type { MouseEvent } from 'react';
import { cn } from '@/lib/cn';

export function CheckMark({ checked, onPress }: { checked: boolean; onPress(event: MouseEvent): void }) {
  return (
    <span
      aria-hidden
      data-check
      onClick={(event) => {
        event.stopPropagation();
        onPress(event);
      }}
      className="-m-1 inline-flex size-6 shrink-0 items-center justify-center coarse:size-11 coarse:-mx-3"
    >
      <span className={cn('inline-flex size-4 items-center justify-center rounded-sm border', checked ? 'border-accent-hover bg-accent-hover text-on-accent' : 'border-control')}>{checked && <Check className="size-3" />}</span>
    </span>
  );
}
