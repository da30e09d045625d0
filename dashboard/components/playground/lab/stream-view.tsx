// The orders of a stream on the lanes of the two consumers: who was handed which, who crashed with it, and who took it over.
'use client';
import { ArrowLeft, Check, CircleDashed, Mail, Zap } from 'lucide-react';
import { Badge } from '@/components/ui/badge';
import { formatCount, MISSING } from '@/lib/format';
import type { Entry, StreamResult } from '@/lib/lab/stream';

export function StreamView({ result }: { result: StreamResult }) {
  const { entries, pending, rested_ms, idle_ms } = result;
  const crashed = pending.crash !== null;
  const facts = [
    { name: 'Not done after the crash', value: formatCount(pending.crash) },
    { name: `Claimed before ${formatCount(idle_ms)} ms`, value: formatCount(pending.early) },
    { name: 'Rested until the claim', value: rested_ms === null ? MISSING : `${formatCount(rested_ms)} ms` },
    { name: 'Not done in the end', value: formatCount(pending.end) },
  ];
  return (
    <>
      <dl className="grid grid-cols-2 gap-x-6 gap-y-3 md:grid-cols-4">
        {facts.map((fact) => (
          <div key={fact.name}>
            <dt className="text-xs text-muted">{fact.name}</dt>
            <dd className="num text-lg font-semibold">{fact.value}</dd>
          </div>
        ))}
      </dl>
      <div className="overflow-x-auto" role="region" aria-label="Orders by consumer" tabIndex={0}>
        <table className="w-full text-left">
          <thead>
            <tr className="border-b border-line text-xs text-muted">
              <th scope="col" className="h-8 pr-3 font-medium">
                Order
              </th>
              <th scope="col" className="h-8 w-2/5 border-l border-line px-3 font-medium">
                ada
              </th>
              <th scope="col" className="h-8 w-2/5 border-l border-line px-3 font-medium">
                bob
              </th>
            </tr>
          </thead>
          <tbody>
            {entries.map((entry, at) => (
              <tr key={entry.id} className="row-h border-b border-line last:border-0">
                <th scope="row" className="py-1 pr-3 font-normal" title={entry.id}>
                  <span className="num">{1001 + at}</span> <code className="ml-1 font-mono text-xs whitespace-nowrap text-muted max-lg:hidden">{entry.id}</code>
                </th>
                <td className="border-l border-line px-3 py-1">{(entry.reader === 'ada' || entry.claimed) && <Ada entry={entry} />}</td>
                <td className="border-l border-line px-3 py-1">{entry.reader === 'bob' && <Bob isOver={crashed} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Ada({ entry }: { entry: Entry }) {
  return (
    <span className="flex flex-wrap items-center gap-1.5">
      {entry.claimed ? (
        <Badge variant="warning">
          <ArrowLeft aria-hidden /> claimed{entry.deliveries > 1 ? `, delivery ${entry.deliveries}` : ''}
        </Badge>
      ) : (
        <Badge variant="accent">
          <Mail aria-hidden /> read
        </Badge>
      )}
      {entry.isDone ? (
        <Badge variant="success">
          <Check aria-hidden /> done
        </Badge>
      ) : (
        <Badge>
          <CircleDashed aria-hidden /> pending
        </Badge>
      )}
    </span>
  );
}

function Bob({ isOver }: { isOver: boolean }) {
  return (
    <span className="flex flex-wrap items-center gap-1.5">
      <Badge variant="accent">
        <Mail aria-hidden /> read
      </Badge>
      {isOver && (
        <Badge variant="error">
          <Zap aria-hidden /> crashed
        </Badge>
      )}
    </span>
  );
}
