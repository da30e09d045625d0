// How much the prefixes of the hottest keys were used, minute by minute. Asked for once and when somebody wants it again.
'use client';
import { Heatmap } from '@/components/charts/heatmap';
import { Refresh } from '@/components/state/refresh';
import { ResourceView } from '@/components/state/resource-view';
import { Panel } from '@/components/ui/panel';
import { useResource } from '@/hooks/use-resource';
import { accessHeat } from '@/lib/access-heat';
import { api } from '@/lib/api';
import { display } from '@/lib/bytes';
import type { HotKeys } from '@/lib/contract';
import { counted, formatClock, formatCount, formatRate } from '@/lib/format';
import { useServerStore } from '@/stores/server';

/** As many as the server tells of. */
const KEYS = 256;
const ROWS = 8;

export function AccessHeatPanel() {
  const mayTree = useServerStore((store) => store.session?.capabilities['prefix.tree'] !== false);
  const heat = useResource(async (signal) => {
    const [hot, separator] = await Promise.all([
      api.hotKeys(signal, KEYS),
      // Where it may not be asked it is the usual one.
      mayTree ? api.tree({ db: 0, p: '', sort: 'name', cursor: null, limit: 1, wait: 0 }, signal).then((tree) => tree.separator, () => ':') : ':',
    ]);
    return { hot, separator };
  });
  return (
    <Panel title="Access heat" unit="hot keys, by prefix" actions={<Refresh resource={heat} />}>
      <ResourceView resource={heat}>{({ hot, separator }) => <Map hot={hot} separator={separator} />}</ResourceView>
    </Panel>
  );
}

function Map({ hot, separator }: { hot: HotKeys; separator: string }) {
  const { minutes_ms, rows, more } = accessHeat(hot, separator, ROWS);
  if (rows.length === 0) return <p className="py-2 text-dim">No key was used in the last minutes.</p>;
  const names = rows.map((row) => `${row.prefix === '' ? '(no prefix)' : display(row.prefix)}${row.db === 0 ? '' : ` db${row.db}`}`);
  return (
    <>
      <Heatmap
        narrow
        label={`Commands per second on the ${counted(hot.keys.length, 'hottest key')} by prefix, ${counted(minutes_ms.length, 'minute')}`}
        rows={rows.map((row, at) => ({ id: row.id, label: <span className={row.prefix === '' ? 'text-dim' : 'font-mono'}>{names[at]}</span>, name: names[at] ?? '', values: row.values }))}
        format={formatRate}
        when={(column) => formatClock(minutes_ms[column] ?? 0).slice(0, 5)}
        ends={[formatClock(minutes_ms[0] ?? 0).slice(0, 5), formatClock(minutes_ms.at(-1) ?? 0).slice(0, 5)]}
      />
      {more > 0 && <p className="pt-1 text-xs text-muted">and {formatCount(more)} more</p>}
    </>
  );
}
