// The boxes of the data-flow view: each says its figures in words and leads to where there is more of it.
'use client';
import { ArrowLeft, ArrowRight, CircleX } from 'lucide-react';
import type { ReactNode } from 'react';
import { Age } from '@/components/state/age';
import { Link } from '@/components/ui/link';
import { display } from '@/lib/bytes';
import { cn } from '@/lib/cn';
import type { Kept } from '@/hooks/use-flow';
import type { ListenedTo, Listening, ListeningTotals, Sample, Snapshots } from '@/lib/contract';
import type { ClientGroup, FamilyFlow, KeyFlow } from '@/lib/flow-groups';
import { groupBox, keyBox, LISTENING, LOG, SNAPSHOTS, TONES } from '@/lib/flow-lines';
import { counted, formatByteRate, formatBytes, formatCompact, formatCount, formatMicros, formatRate, formatRatio, formatSeconds, MISSING } from '@/lib/format';

const INK = { 1: 'text-series-1', 2: 'text-series-2', 3: 'text-series-3', 4: 'text-series-4', 6: 'text-series-6' } as const;
type Ink = keyof typeof INK;

/** A figure that goes one way; the word is for who does not see the arrow. */
function Going({ tone, back = false, name, children }: { tone: Ink; back?: boolean; name: string; children: ReactNode }) {
  const Arrow = back ? ArrowLeft : ArrowRight;
  return (
    <span className="inline-flex items-center gap-1 whitespace-nowrap" title={name}>
      <Arrow aria-hidden className={cn('size-3 shrink-0', INK[tone])} />
      <span className="sr-only">{name} </span>
      {children}
    </span>
  );
}

interface CardProps {
  box: string;
  href: string | null;
  title: string;
  isCode?: boolean;
  aside?: ReactNode;
  onLit(box: string | null): void;
  children?: ReactNode;
  below?: ReactNode;
}

function Card({ box, href, title, isCode = false, aside, onLit, children, below }: CardProps) {
  const shape = 'block min-w-0 rounded-md border border-line bg-page px-3 py-1.5 coarse:min-h-11';
  const content = (
    <>
      <span className="flex items-baseline justify-between gap-2">
        <span className={cn('min-w-0 truncate', isCode ? 'font-mono text-xs leading-5' : 'font-medium')} title={title}>
          {title}
        </span>
        {aside !== undefined && <span className="num shrink-0 text-xs text-dim">{aside}</span>}
      </span>
      {children !== undefined && <span className="num flex flex-wrap gap-x-3 text-xs text-dim">{children}</span>}
    </>
  );
  return (
    <li className="min-w-0" onPointerEnter={() => onLit(box)} onPointerLeave={() => onLit(null)} onFocus={() => onLit(box)} onBlur={() => onLit(null)}>
      {href === null ? (
        <div data-flow={box} className={shape}>
          {content}
        </div>
      ) : (
        <Link data-flow={box} href={href} className={cn(shape, 'transition-colors duration-[120ms] hover:bg-raised')}>
          {content}
        </Link>
      )}
      {below}
    </li>
  );
}

interface OfBox<Of> {
  of: Of;
  onLit(box: string | null): void;
}

/** Before a sum that is not whole: some of its parts are not known. */
function sum(value: number | null, unknown: number): string {
  if (unknown === 0 || value === null) return formatByteRate(value);
  // That it is at least nothing says nothing.
  return value === 0 ? MISSING : `≥ ${formatByteRate(value)}`;
}

/** So many names have room in a line. */
const TOUCHED_MAX = 3;

/** `touched`: the keys that they were seen to touch, most first; null where nobody looks. */
export function GroupCard({ of, touched, onLit }: OfBox<ClientGroup> & { touched: readonly string[] | null }) {
  const href = `/monitoring/?tab=clients${of.filter === null ? '' : `&q=${encodeURIComponent(of.filter)}`}`;
  return (
    <Card box={groupBox(of)} href={href} title={of.label} aside={counted(of.clients, 'client')} onLit={onLit}>
      <Going tone={TONES.requests} name="sent to the server">
        {sum(of.in_s, of.in_unknown)}
      </Going>
      <Going tone={TONES.answers} back name="answered">
        {sum(of.out_s, of.out_unknown)}
      </Going>
      {/* Side by side with the keys, threads say it; the line has its place before anything was seen. */}
      {touched !== null && (
        <span className="block min-h-4 basis-full truncate text-muted @min-[600px]:sr-only">
          {touched.length === 0 ? 'Not seen at these keys lately' : `Seen at ${touched.slice(0, TOUCHED_MAX).join(', ')}${touched.length > TOUCHED_MAX ? ` and ${counted(touched.length - TOUCHED_MAX, 'other')}` : ''}`}
        </span>
      )}
    </Card>
  );
}

export function KeyCard({ of, onLit }: OfBox<KeyFlow>) {
  const isOthers = of.reads === null || of.writes === null;
  return (
    <Card box={keyBox(of)} href={of.href} title={of.label} isCode={!isOthers} aside={of.keys > 1 ? counted(of.keys, 'hot key') : undefined} onLit={onLit}>
      {isOthers ? (
        <Going tone={TONES.requests} name="commands">
          ≈ {formatRate(of.rate)}
        </Going>
      ) : (
        <>
          <Going tone={TONES.writes} name="writes">
            ≈ {formatRate(of.writes)}
          </Going>
          <Going tone={TONES.answers} back name="reads">
            ≈ {formatRate(of.reads)}
          </Going>
        </>
      )}
    </Card>
  );
}

export function LogCard({ of, sample, at, onLit }: OfBox<Kept> & { sample: Sample | null; at: number | null }) {
  const { persistence } = of;
  const how = persistence?.settings;
  const behind = persistence === null ? 0 : Number(persistence.lsn) - Number(persistence.durable_lsn);
  const [box, href, title] = [LOG, '/snapshots/', 'Log'];
  if (persistence === null) return <Card box={box} href={href} title={title} onLit={onLit}>needs +info</Card>;
  if (!persistence.log) return <Card box={box} href={href} title={title} aside="off" onLit={onLit}>Writes are in memory only</Card>;
  return (
    <Card box={box} href={href} title={title} aside={formatBytes(persistence.log_bytes)} onLit={onLit}>
      <Going tone={TONES.writes} name="write commands">
        {formatRate(sample?.writes)}
      </Going>
      <span>
        LSN {formatCount(Number(persistence.lsn))}
        {of.pace !== null && <span title={`Records per second, in the ${formatSeconds(of.pace.span_s)} before it was asked for`}>, {formatRate(Math.round(of.pace.lsn_s))}</span>}
      </span>
      {how != null && <span>fsync {display(how.fsync)}</span>}
      <span>{behind > 0 ? `${formatCount(behind)} not on disk yet` : 'all on disk'}</span>
      <Age at={at} prefix="as of " />
      {persistence.log_failure !== null && (
        <span className="inline-flex items-center gap-1 text-error-text">
          <CircleX aria-hidden className="size-3" /> {display(persistence.log_failure)}
        </span>
      )}
    </Card>
  );
}

export function SnapshotsCard({ of, sample, onLit }: OfBox<Snapshots> & { sample: Sample | null }) {
  const captured = sample?.snapshot_captured ?? null;
  return (
    <Card box={SNAPSHOTS} href="/snapshots/" title="Snapshots" aside={formatCount(of.snapshots.length)} onLit={onLit}>
      {captured !== null ? (
        <Going tone={TONES.snapshot} name="one is being taken">
          {formatRatio(captured)} taken
        </Going>
      ) : sample?.snapshot_newest_ms == null ? (
        'none has been made yet'
      ) : (
        <Age at={sample.snapshot_newest_ms} prefix="newest " />
      )}
    </Card>
  );
}

const NAMES_MAX = 4;

export function ListeningCard({ of, totals, onLit }: OfBox<Listening> & { totals: ListeningTotals | null }) {
  const names = of.names.slice(0, NAMES_MAX);
  return (
    <Card
      box={LISTENING}
      href="/monitoring/?tab=pubsub"
      title="Pub/Sub"
      aside={counted(totals?.subscriptions, 'subscription')}
      onLit={onLit}
      below={
        names.length > 0 && (
          <ul aria-label="What is listened to" className="flex flex-wrap gap-1 pt-1">
            {names.map((name) => (
              <Heard key={`${name.kind} ${display(name.name)}`} of={name} />
            ))}
            {of.matching > names.length && <li className="px-1 py-0.5 text-xs text-muted">{formatCount(of.matching - names.length)} more</li>}
          </ul>
        )
      }
    >
      <Going tone={TONES.messages} name="published">
        {formatRate(totals?.published)}
      </Going>
      <Going tone={TONES.messages} back name="delivered">
        {formatRate(totals?.delivered)}
      </Going>
    </Card>
  );
}

function Heard({ of }: { of: ListenedTo }) {
  const name = display(of.name);
  return (
    <li className="min-w-0 max-w-full">
      <Link href={`/monitoring/?tab=pubsub&q=${encodeURIComponent(name)}`} className="flex min-h-6 items-center gap-1.5 rounded-sm bg-raised px-1.5 text-xs text-dim hover:text-ink coarse:min-h-11 coarse:px-3" title={`${name}: ${counted(of.subscribers, 'subscriber')}`}>
        <span className="min-w-0 truncate font-mono">{name === '' ? '(empty name)' : name}</span>
        <span className="num">{formatCount(of.subscribers)}</span>
        <span className="sr-only">{of.subscribers === 1 ? 'subscriber' : 'subscribers'}</span>
      </Link>
    </li>
  );
}

const RATES: readonly [string, (sample: Sample) => string][] = [
  ['Reads', (sample) => formatRate(sample.reads)],
  ['Writes', (sample) => formatRate(sample.writes)],
  ['p99', (sample) => formatMicros(sample.p99_us)],
  ['Errors', (sample) => formatRate(sample.errors)],
  ['In', (sample) => formatByteRate(sample.net_in)],
  ['Out', (sample) => formatByteRate(sample.net_out)],
  ['Cores busy', (sample) => (sample.cpu === null ? MISSING : sample.cpu.toFixed(2))],
  ['Keys', (sample) => formatCompact(sample.keys)],
];

export function ServerBox({ name, sample, families }: { name: string; sample: Sample | null; families: readonly FamilyFlow[] }) {
  const most = Math.max(1, ...families.map((family) => family.rate ?? 0));
  return (
    <div data-flow="server" className="flex min-w-0 flex-col gap-3 rounded-lg border border-control bg-raised/60 px-4 py-3">
      <p className="min-w-0">
        <span className="block truncate text-xs text-dim">{display(name)}</span>
        <span className="num block text-2xl font-semibold tracking-tight whitespace-nowrap">{formatRate(sample?.ops)}</span>
        <span className="block text-xs text-dim">commands in the core loops</span>
      </p>
      <dl className="grid grid-cols-2 gap-x-3 gap-y-2 text-xs @min-[320px]:grid-cols-4 @min-[600px]:grid-cols-1 @min-[600px]:gap-y-0.5 @min-[1000px]:grid-cols-2 @min-[1000px]:gap-y-1">
        {RATES.map(([label, figure]) => (
          <div key={label} className="min-w-0 @min-[600px]:flex @min-[600px]:justify-between @min-[600px]:gap-2 @min-[1000px]:block">
            <dt className="text-dim">{label}</dt>
            <dd className="num truncate font-medium">{sample === null ? MISSING : figure(sample)}</dd>
          </div>
        ))}
      </dl>
      {families.length > 0 && (
        <ul aria-label="Families of commands" className="-mx-2 flex flex-col">
          {families.map((family) => (
            <Family key={family.name} of={family} most={most} />
          ))}
        </ul>
      )}
    </div>
  );
}

function Family({ of, most }: { of: FamilyFlow; most: number }) {
  const part = (value: number | null) => (100 * Math.max(0, value ?? 0)) / most;
  const [all, reads, writes] = [part(of.rate), part(of.reads), part(of.writes)];
  const said = of.reads === null ? '' : `${formatRate(of.reads)} reads, ${formatRate(of.writes)} writes`;
  return (
    <li>
      <Link href={`/monitoring/?tab=commands${of.name === 'others' ? '' : `&q=${encodeURIComponent(of.name)}`}`} title={said} className="flex flex-col gap-0.5 rounded-md px-2 py-1 hover:bg-raised coarse:min-h-11 coarse:justify-center">
        <span className="flex items-baseline justify-between gap-2 text-xs">
          <span className="min-w-0 truncate">{display(of.name)}</span>
          <span className="num shrink-0 font-medium">{formatRate(of.rate)}</span>
        </span>
        <span className="sr-only">{said}</span>
        <svg aria-hidden viewBox="0 0 100 4" preserveAspectRatio="none" className="h-1 w-full">
          <rect width="100" height="4" className="fill-line/60" />
          <rect width={Math.min(100, all)} height="4" className="fill-series-1" />
          <rect width={Math.min(100, reads)} height="4" className="fill-series-3" />
          <rect x={Math.min(100, reads)} width={Math.max(0, Math.min(100 - reads, writes))} height="4" className="fill-series-2" />
        </svg>
      </Link>
    </li>
  );
}
