// How a job ended, as a word with its colour.
import { Badge, type BadgeProps } from '@/components/ui/badge';
import { display } from '@/lib/bytes';
import type { BenchJob } from '@/lib/contract';

const LOOK: Record<BenchJob['state'], BadgeProps['variant']> = { running: 'accent', paused: 'warning', done: 'success', failed: 'error', aborted: 'warning' };

export function JobState({ state, error }: { state: BenchJob['state']; error: string | null }) {
  return (
    <Badge variant={LOOK[state]} title={error === null ? undefined : display(error)}>
      {state}
    </Badge>
  );
}
