// The figures one looks at first.
'use client';
import { Sparkline } from '@/components/charts/sparkline';
import { counted, formatBytes, formatCompact, formatCount, formatMicros, formatRate, formatRatio, plural } from '@/lib/format';
import { useShownSample } from '@/hooks/use-shown-sample';
import { Kpi } from './kpi';
import { MemoryBar } from './memory-bar';

export function KpiRow() {
  const sample = useShownSample();
  const limit = sample?.maxmemory ?? 0;
  const used = sample?.mem ?? null;
  return (
    <dl className="kpi-grid grid gap-3">
      <Kpi label="Operations" value={sample?.ops ?? null} format={formatRate} exact={sample?.ops == null ? undefined : `${counted(sample.ops, 'command')} in the last second`} missing="waiting for figures" note={sample === null ? '' : `${formatCompact(sample.ops_total)} in all`}>
        <Sparkline field="ops" className="hidden sm:block" />
      </Kpi>
      <Kpi label="Latency p99" value={sample?.p99_us ?? null} format={formatMicros} exact="Time in commands of the last second, at most 6 % too high" missing={sample === null ? 'waiting for figures' : 'nothing ran'} note={sample === null ? '' : `p50 ${formatMicros(sample.p50_us)}`}>
        <Sparkline field="p99_us" className="hidden sm:block" />
      </Kpi>
      <Kpi label="Keys" value={sample?.keys ?? null} format={(value) => formatCompact(value === null ? null : Math.round(value))} exact={formatCount(sample?.keys)} missing="waiting for figures" note={sample === null ? '' : `${formatCompact(sample.expires)} expiring`}>
        <Sparkline field="keys" className="hidden sm:block" />
      </Kpi>
      <Kpi
        label="Memory"
        value={used}
        format={formatBytes}
        exact={used === null ? undefined : `${counted(used, 'byte')} in use; peak ${formatCount(sample?.mem_peak)}`}
        missing="waiting for figures"
        note={limit > 0 && used !== null ? `${formatRatio(used / limit)} of ${formatBytes(limit)}` : `resident ${formatBytes(sample?.rss)}`}
      >
        {limit > 0 && used !== null ? <MemoryBar used={used} limit={limit} /> : <Sparkline field="mem" className="hidden sm:block" />}
      </Kpi>
      <Kpi
        label="Hit ratio"
        value={sample?.hit_ratio ?? null}
        format={formatRatio}
        exact={sample === null ? undefined : `${counted(sample.hits_total, 'hit')}, ${counted(sample.misses_total, 'miss')} since start`}
        missing={sample === null ? 'waiting for figures' : 'no lookups yet'}
        note={sample === null ? '' : `${formatCompact(sample.misses_total)} ${plural(sample.misses_total, 'miss')}`}
      >
        <Sparkline field="hit_ratio" className="hidden sm:block" />
      </Kpi>
    </dl>
  );
}
