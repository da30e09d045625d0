// The Lab: short experiments that answer a "what if" by trying it on this server, on keys of their own. Which one is looked at, and
// with what, stands in the address.
'use client';
import { useId } from 'react';
import { Select } from '@/components/ui/input';
import { changeAddress, useAddress } from '@/hooks/use-address';
import { cn } from '@/lib/cn';
import { dbFrom, labAddress } from '@/lib/lab/address';
import { EXPERIMENTS } from '@/lib/lab/experiments';
import { ExperimentView } from './experiment-view';

export function Lab() {
  const query = useAddress();
  const id = useId();
  const experiment = EXPERIMENTS.find((one) => one.id === query.get('x')) ?? EXPERIMENTS[0];
  // The database is kept from one experiment to the next; the other begins with its own parameters.
  const addressOf = (other: string) => labAddress(other, [], {}, dbFrom(query));
  if (experiment === undefined) return null;
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[300px_minmax(0,1fr)]">
      <nav aria-label="Experiments" className="rounded-lg border border-line bg-panel p-2 max-sm:hidden">
        <ul className="grid gap-0.5 sm:max-lg:grid-cols-2">
          {EXPERIMENTS.map((one) => {
            const active = one.id === experiment.id;
            return (
              <li key={one.id}>
                <a
                  href={addressOf(one.id)}
                  aria-current={active ? 'page' : undefined}
                  onClick={(event) => {
                    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
                    event.preventDefault();
                    changeAddress(addressOf(one.id), 'push');
                  }}
                  className={cn('relative flex min-h-9 items-center rounded-md px-3 py-1.5 text-dim -outline-offset-2 hover:bg-raised hover:text-ink coarse:min-h-11', active && 'bg-tint-accent font-medium text-ink before:absolute before:inset-y-1.5 before:left-0 before:w-0.5 before:rounded-full before:bg-accent')}
                >
                  {one.title}
                </a>
              </li>
            );
          })}
        </ul>
      </nav>
      <div className="flex flex-col gap-1.5 sm:hidden">
        <label htmlFor={id}>Experiment</label>
        <Select id={id} className="flex" value={experiment.id} onChange={(event) => changeAddress(addressOf(event.target.value), 'push')}>
          {EXPERIMENTS.map((one) => (
            <option key={one.id} value={one.id}>
              {one.title}
            </option>
          ))}
        </Select>
      </div>
      <ExperimentView key={experiment.id} experiment={experiment} query={query} />
    </div>
  );
}
