// Latency, throughput, memory, network, clients and processor on one time axis with one crosshair.
'use client';
import { StreamChart, type StreamChartProps } from '@/components/charts/stream-chart';
import { CLIENTS, CPU, LATENCY, MEMORY, NETWORK, OPERATIONS } from '@/components/dashboard/charts';
import { useStages } from '@/hooks/use-stages';
import { formatByteRate, formatBytes, formatCompact, formatMicros, formatRate, MISSING } from '@/lib/format';

function cores(value: number | null | undefined): string {
  return value === null || value === undefined ? MISSING : value.toFixed(2);
}

const CHARTS: readonly Omit<StreamChartProps, 'span_ms'>[] = [
  { title: 'Latency', unit: 'time in commands, logarithmic', series: LATENCY, format: formatMicros, scale: 'log' },
  { title: 'Throughput', unit: 'commands per second', series: OPERATIONS, format: formatRate, least: 10 },
  { title: 'Memory', unit: 'bytes', series: MEMORY, format: formatBytes, steps: 'bytes', least: 1024 * 1024 },
  { title: 'Network', unit: 'bytes per second', series: NETWORK, format: formatByteRate, steps: 'bytes', least: 1024 },
  { title: 'Clients', unit: 'connections', series: CLIENTS, format: formatCompact, least: 4 },
  { title: 'Processor', unit: 'cores', series: CPU, format: cores, least: 0.5 },
];

export function Overview({ span_ms }: { span_ms: number }) {
  const shown = useStages(CHARTS.length, 2);
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      {CHARTS.slice(0, shown).map((chart) => (
        <StreamChart key={chart.title} {...chart} span_ms={span_ms} />
      ))}
    </div>
  );
}
