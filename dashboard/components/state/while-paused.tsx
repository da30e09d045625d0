// Beside a list that holds still while drawing is paused: how much has come meanwhile.
import { formatCount } from '@/lib/format';

export function WhilePaused({ paused, waiting }: { paused: boolean; waiting: number }) {
  if (!paused) return null;
  return (
    <span role="status" className="num text-xs text-dim">
      {waiting === 0 ? 'holding still' : `+${formatCount(waiting)} while paused`}
    </span>
  );
}
