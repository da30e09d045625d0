// Latency, throughput, memory, network, clients and processor on one time axis with one crosshair.
'use client';
import { StreamChart } from '@/components/charts/stream-chart';
import { CLIENTS, CPU, LATENCY, MEMORY, NETWORK, OPERATIONS } from '@/components/dashboard/charts';
import { formatByteRate, formatBytes, formatCompact, formatMicros, formatRate, MISSING } from '@/lib/format';

function cores(value: number | null | undefined): string {
  return value === null || value === undefined ? MISSING : value.toFixed(2);
}

export function Overview({ span_ms }: { span_ms: number }) {
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <StreamChart title="Latency" unit="time in commands, logarithmic" series={LATENCY} span_ms={span_ms} format={formatMicros} scale="log" />
      <StreamChart title="Throughput" unit="commands per second" series={OPERATIONS} span_ms={span_ms} format={formatRate} least={10} />
      <StreamChart title="Memory" unit="bytes" series={MEMORY} span_ms={span_ms} format={formatBytes} steps="bytes" least={1024 * 1024} />
      <StreamChart title="Network" unit="bytes per second" series={NETWORK} span_ms={span_ms} format={formatByteRate} steps="bytes" least={1024} />
      <StreamChart title="Clients" unit="connections" series={CLIENTS} span_ms={span_ms} format={formatCompact} least={4} />
      <StreamChart title="Processor" unit="cores" series={CPU} span_ms={span_ms} format={cores} least={0.5} />
    </div>
  );
}
