// The figures of the data-flow view as a table: what goes where, how much each way, and the way to more of it.
'use client';
import { DataTable } from '@/components/ui/data-table';
import { Link } from '@/components/ui/link';
import type { Flow } from '@/hooks/use-flow';
import { counted, formatByteRate, formatCount, formatRate, MISSING } from '@/lib/format';

interface Row {
  id: string;
  part: string;
  name: string;
  href: string | null;
  /** To the server of clients, into what is kept of the rest. */
  forth: { value: number | null; text: string };
  back: { value: number | null; text: string };
  about: string;
}

const NOTHING = { value: null, text: MISSING };

function rowsOf({ groups, keys, touches, families, kept, totals, sample }: Flow): Row[] {
  const bytes = (value: number | null) => ({ value, text: formatByteRate(value) });
  const rate = (value: number | null | undefined, about = '') => ({ value: value ?? null, text: value == null ? MISSING : `${about}${formatRate(value)}` });
  const persistence = kept.data?.persistence ?? null;
  const labelOf = (of: readonly { id: string; label: string }[], id: string) => of.find((one) => one.id === id)?.label ?? id;
  return [
    ...groups.map((group): Row => ({ id: `group ${group.id}`, part: 'Clients', name: group.label, href: `/monitoring/?tab=clients${group.filter === null ? '' : `&q=${encodeURIComponent(group.filter)}`}`, forth: bytes(group.in_s), back: bytes(group.out_s), about: `${counted(group.clients, 'client')}${group.in_unknown + group.out_unknown > 0 ? `, rates of ${formatCount(Math.max(group.in_unknown, group.out_unknown))} not known` : ''}` })),
    ...families.map((family): Row => ({ id: `family ${family.name}`, part: 'Commands', name: family.name, href: `/monitoring/?tab=commands${family.name === 'others' ? '' : `&q=${encodeURIComponent(family.name)}`}`, forth: rate(family.writes), back: rate(family.reads), about: `${formatRate(family.rate)} in all` })),
    ...keys.map((flow): Row => ({ id: `keys ${flow.id}`, part: 'Keys', name: flow.label, href: flow.href, forth: rate(flow.writes, '≈ '), back: rate(flow.reads, '≈ '), about: `≈ ${formatRate(flow.rate)} in all` })),
    ...touches.map((touch): Row => ({ id: `touch ${touch.group} ${touch.keys}`, part: 'Samples', name: `${labelOf(groups, touch.group)} → ${labelOf(keys, touch.keys)}`, href: null, forth: NOTHING, back: NOTHING, about: `≈ ${formatRate(touch.rate)} seen to touch these keys` })),
    ...(persistence === null ? [] : [{ id: 'log', part: 'Disk', name: 'Log', href: '/snapshots/', forth: persistence.log ? rate(sample?.writes) : NOTHING, back: NOTHING, about: persistence.log ? `LSN ${formatCount(Number(persistence.lsn))}, on disk ${formatCount(Number(persistence.durable_lsn))}${persistence.settings === null ? '' : `, fsync ${persistence.settings.fsync}`}` : 'off' }]),
    ...(kept.data === null ? [] : [{ id: 'snapshots', part: 'Disk', name: 'Snapshots', href: '/snapshots/', forth: NOTHING, back: NOTHING, about: counted(kept.data.snapshots.length, 'snapshot') }]),
    ...(totals === null ? [] : [{ id: 'listening', part: 'Messages', name: 'Pub/Sub', href: '/monitoring/?tab=pubsub', forth: rate(totals.published), back: rate(totals.delivered), about: counted(totals.subscriptions, 'subscription') }]),
  ];
}

export function FlowTable({ flow }: { flow: Flow }) {
  return (
    <DataTable
      label="Data flow as table"
      columns={[
        { id: 'part', label: 'Part', part: 'lead', cell: (row) => row.part },
        { id: 'name', label: 'Name', part: 'title', className: 'w-full max-w-0', value: (row) => row.name, cell: (row) => (row.href === null ? <span className="block min-w-24 truncate">{row.name}</span> : <Link href={row.href} className="block min-w-24 truncate text-accent-text underline-offset-2 hover:underline coarse:py-3">{row.name}</Link>) },
        { id: 'forth', label: 'In, writes', align: 'right', value: (row) => row.forth.value, cell: (row) => row.forth.text },
        { id: 'back', label: 'Out, reads', align: 'right', value: (row) => row.back.value, cell: (row) => row.back.text },
        { id: 'about', label: 'Detail', cell: (row) => row.about },
      ]}
      rows={rowsOf(flow)}
      rowKey={(row) => row.id}
      empty={<p className="py-2 text-dim">Nothing of it is known yet.</p>}
    />
  );
}
