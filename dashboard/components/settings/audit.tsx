// Who did what to the server: the newest of the audit log, which grows while it is looked at. Filters are part of the address.
'use client';
import { Download, ScrollText } from 'lucide-react';
import { useId, useState } from 'react';
import { Empty } from '@/components/state/empty';
import { Failure, NoPermission } from '@/components/state/failures';
import { Refresh } from '@/components/state/refresh';
import { SkeletonRows } from '@/components/state/skeleton';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { type Column, DataTable } from '@/components/ui/data-table';
import { Input, Select } from '@/components/ui/input';
import { Panel } from '@/components/ui/panel';
import { useDebounced } from '@/hooks/use-debounced';
import { usePages } from '@/hooks/use-pages';
import { useQueryState } from '@/hooks/use-query-state';
import { useSpaced } from '@/hooks/use-spaced';
import { useTopic } from '@/hooks/use-topic';
import { api } from '@/lib/api';
import { asLines, detailText, joined, KIND_LABELS, kindOf, SPANS, toneOf, whatText, withTold } from '@/lib/audit';
import { display } from '@/lib/bytes';
import { AUDIT_KINDS, type AuditEntry, type AuditFilter, type AuditPage } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { counted, formatClock, formatCount, formatDay, formatIso, MISSING } from '@/lib/format';
import { saveFile } from '@/lib/save-file';
import { useServerStore } from '@/stores/server';
import { useToastStore } from '@/stores/toast';

const PAGE = 100;
const EXPORT_PAGE = 500;
const QUIET_MS = 250;

const COLUMNS: readonly Column<AuditEntry>[] = [
  { id: 'time', label: 'When', part: 'fact', value: (row) => row.t, className: 'num', cell: (row) => <Moment at={row.t} /> },
  { id: 'user', label: 'User', part: 'fact', value: (row) => row.user, cell: (row) => <Who entry={row} /> },
  { id: 'what', label: 'What', part: 'title', value: (row) => whatText(row), cell: (row) => <span className="font-medium">{display(whatText(row))}</span> },
  { id: 'outcome', label: 'Outcome', part: 'aside', value: (row) => row.outcome, cell: (row) => <Outcome entry={row} /> },
  { id: 'detail', label: 'Asked for', part: 'text', className: 'w-full min-w-44 whitespace-normal', cell: (row) => <Detail entry={row} /> },
  { id: 'addr', label: 'From', part: 'fact', value: (row) => row.addr, cell: (row) => (row.addr === '' ? MISSING : <span className="font-mono text-xs text-dim">{display(row.addr)}</span>) },
];

/** To the second: what stands together is told apart by it. */
function Moment({ at }: { at: number }) {
  return (
    <time dateTime={formatIso(at)} title={formatIso(at)} className="num text-dim">
      {formatDay(at).slice(0, 10)} {formatClock(at)}
    </time>
  );
}

function Who({ entry }: { entry: AuditEntry }) {
  if (entry.user === '') return MISSING;
  return (
    <span>
      {display(entry.user)}
      {entry.by !== '' && entry.by !== entry.user && <span className="text-dim"> by {display(entry.by)}</span>}
    </span>
  );
}

function Outcome({ entry }: { entry: AuditEntry }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      <Badge variant={toneOf(entry.outcome)}>{entry.outcome.replace('-', ' ')}</Badge>
      {entry.count > 1 && <span className="num text-xs text-dim">{formatCount(entry.count)} times</span>}
    </span>
  );
}

function Detail({ entry }: { entry: AuditEntry }) {
  const text = display(detailText(entry));
  return (
    <code className="line-clamp-2 font-mono text-xs break-all text-dim" title={entry.request_id === '' ? text : `${text}\n${entry.request_id}`}>
      {text}
    </code>
  );
}

interface Known {
  dropped: number;
  file: string | null;
}

const RIGHT = 'acl|log';

/** Who may not see it is told so without asking the server. */
export function Audit() {
  const may = useServerStore((store) => store.session?.capabilities[RIGHT] !== false);
  if (may) return <AuditLog />;
  return (
    <Panel title="Audit log">
      <NoPermission needs={`+${RIGHT}`} />
    </Panel>
  );
}

function AuditLog() {
  const [kind, setKind] = useQueryState('kind', '');
  const [user, setUser] = useQueryState('by', '');
  const [text, setText] = useQueryState('q', '');
  const [span, setSpan] = useQueryState('span', 'all');
  const [wantedUser, wantedText] = [useDebounced(user.trim(), QUIET_MS), useDebounced(text.trim(), QUIET_MS)];
  const ms = SPANS.find((one) => one.id === span)?.ms ?? null;
  const paused = useServerStore((store) => store.paused);
  const [filter, setFilter] = useState<AuditFilter>({ kind: kindOf(kind), user: wantedUser, q: wantedText, from: null });
  const [told, setTold] = useState<ReadonlyMap<number, AuditEntry>>(new Map());
  const [known, setKnown] = useState<Known>({ dropped: 0, file: null });
  const pages = usePages<AuditEntry>(
    async (cursor, signal) => {
      // How long ago something was is counted from when it is asked for.
      const wanted = cursor === null ? { kind: kindOf(kind), user: wantedUser, q: wantedText, from: ms === null ? null : Date.now() - ms } : filter;
      const page = await api.audit(wanted, cursor, PAGE, signal);
      if (cursor === null) {
        setFilter(wanted);
        setTold(new Map());
      }
      setKnown({ dropped: page.dropped, file: page.file });
      return { items: page.entries, cursor: page.next === null ? null : String(page.next) };
    },
    [kind, wantedUser, wantedText, span, paused],
  );
  const again = useSpaced(pages.reload);
  const refused = useTopic('audit', { onMessage: (entry) => !paused && setTold((before) => withTold(before, entry)), onLost: again, onFresh: pages.reload });
  const rows = joined(pages.items, told, filter);
  const isFiltered = kind !== '' || user !== '' || text !== '' || span !== 'all';
  if (refused !== null) {
    return (
      <Panel title="Audit log">
        <NoPermission needs={refused} />
      </Panel>
    );
  }
  return (
    <Panel
      title="Audit log"
      unit={pages.loadedAt === null ? undefined : `${formatCount(rows.length)}${pages.cursor === null ? '' : '+'}`}
      actions={
        <>
          <Refresh resource={{ loading: pages.loading, loadedAt: pages.loadedAt, reload: pages.reload }} />
          <ExportButton filter={() => ({ kind: kindOf(kind), user: user.trim(), q: text.trim(), from: ms === null ? null : Date.now() - ms })} disabled={rows.length === 0} />
        </>
      }
    >
      <Filters kind={kind} user={user} text={text} span={span} setKind={setKind} setUser={setUser} setText={setText} setSpan={setSpan} />
      {pages.error !== null && <Failure error={pages.error} onRetry={pages.reload} />}
      {pages.loadedAt === null && pages.error === null && <SkeletonRows />}
      {pages.loadedAt !== null && (
        <div className="flex flex-col gap-3">
          <DataTable
            label="Events of the audit log"
            columns={COLUMNS}
            rows={rows}
            rowKey={(row) => String(row.id)}
            empty={
              <Empty icon={<ScrollText aria-hidden />} title={isFiltered ? 'Nothing of this kind' : 'Nothing yet'}>
                {isFiltered ? 'No event matches the filter.' : 'Logins, and what is done to users, settings and whole databases, appear here.'}
              </Empty>
            }
          />
          {pages.cursor !== null && (
            <Button size="sm" className="self-start" disabled={pages.loading} onClick={pages.more}>
              Ask for older ones
            </Button>
          )}
          <Kept known={known} />
        </div>
      )}
    </Panel>
  );
}

function Kept({ known }: { known: Known }) {
  return (
    <p className="border-t border-line pt-3 text-xs text-muted">
      Kept in memory since the start of the server{known.dropped > 0 && `, ${counted(known.dropped, 'older event')} had to go`}.{' '}
      {known.file === null ? (
        <>
          With the setting <code className="font-mono">audit-logfile</code> they stay in a file.
        </>
      ) : (
        <>
          They stay in <code className="font-mono">{display(known.file)}</code>; of logins and refusals that repeat within a minute, the first.
        </>
      )}{' '}
      Passwords and values are never in it.
    </p>
  );
}

interface FiltersProps {
  kind: string;
  user: string;
  text: string;
  span: string;
  setKind(value: string): void;
  setUser(value: string): void;
  setText(value: string): void;
  setSpan(value: string): void;
}

function Filters({ kind, user, text, span, setKind, setUser, setText, setSpan }: FiltersProps) {
  const id = useId();
  return (
    <div className="mb-3 grid gap-2 sm:grid-cols-2 lg:grid-cols-4">
      <Select aria-label="About" value={kindOf(kind)} onChange={(event) => setKind(event.target.value)}>
        <option value="">About anything</option>
        {AUDIT_KINDS.map((one) => (
          <option key={one} value={one}>
            {KIND_LABELS[one]}
          </option>
        ))}
      </Select>
      <Select aria-label="Time" value={span} onChange={(event) => setSpan(event.target.value)}>
        {SPANS.map((one) => (
          <option key={one.id} value={one.id}>
            {one.label}
          </option>
        ))}
      </Select>
      <Input id={`${id}user`} aria-label="User" placeholder="User, by the whole name" autoComplete="off" spellCheck={false} value={user} onChange={(event) => setUser(event.target.value)} />
      <Input id={`${id}text`} aria-label="Containing" placeholder="Command, address, setting…" autoComplete="off" spellCheck={false} value={text} onChange={(event) => setText(event.target.value)} />
    </div>
  );
}

/** All that the filter takes, page by page, as JSON lines. */
async function everything(filter: AuditFilter): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  let before: string | null = null;
  do {
    const page: AuditPage = await api.audit(filter, before, EXPORT_PAGE);
    entries.push(...page.entries);
    before = page.next === null ? null : String(page.next);
  } while (before !== null);
  return entries;
}

function ExportButton({ filter, disabled }: { filter(): AuditFilter; disabled: boolean }) {
  const say = useToastStore((store) => store.say);
  const [busy, setBusy] = useState(false);
  const save = async () => {
    setBusy(true);
    try {
      const entries = await everything(filter());
      saveFile(new Blob([asLines(entries)], { type: 'application/x-ndjson' }), 'flashdb-audit.jsonl');
      say(`${counted(entries.length, 'event')} in flashdb-audit.jsonl`);
    } catch (error) {
      say(errorText(error), 'error');
    }
    setBusy(false);
  };
  return (
    <Button variant="ghost" size="sm" disabled={disabled || busy} onClick={save}>
      <Download /> Export
    </Button>
  );
}
