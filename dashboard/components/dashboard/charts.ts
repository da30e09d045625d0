// What the charts of the Dashboard and of Monitoring show. Kept at module level: a new list would rebuild the chart.
import type { ChartSeries } from '@/components/charts/stream-chart';

export const OPERATIONS: readonly ChartSeries[] = [
  { field: 'ops', label: 'All', tone: 1 },
  { field: 'reads', label: 'Reads', tone: 3 },
  { field: 'writes', label: 'Writes', tone: 2 },
  { field: 'errors', label: 'Errors', tone: 4 },
];

export const MEMORY: readonly ChartSeries[] = [
  { field: 'rss', label: 'Resident', tone: 1 },
  { field: 'mem', label: 'In use', tone: 3 },
  { field: 'dataset', label: 'Data', tone: 2 },
  { field: 'clients_mem', label: 'Clients', tone: 4 },
];

/** What resident memory is made of, from the bottom up. */
export const MEMORY_PARTS: readonly ChartSeries[] = [
  { field: 'rss_data', label: 'Data', tone: 1 },
  { field: 'rss_index', label: 'Tables and index', tone: 3 },
  { field: 'rss_buffers', label: 'Buffers', tone: 2 },
  { field: 'rss_program', label: 'Program', tone: 4 },
  { field: 'rss_other', label: 'Allocator and rest', tone: 5 },
];

export const LATENCY: readonly ChartSeries[] = [
  { field: 'p50_us', label: 'p50', tone: 3 },
  { field: 'p95_us', label: 'p95', tone: 1 },
  { field: 'p99_us', label: 'p99', tone: 2 },
  { field: 'p999_us', label: 'p99.9', tone: 4 },
];

export const NETWORK: readonly ChartSeries[] = [
  { field: 'net_in', label: 'In', tone: 1 },
  { field: 'net_out', label: 'Out', tone: 2 },
];

export const CLIENTS: readonly ChartSeries[] = [
  { field: 'clients', label: 'Connected', tone: 1 },
  { field: 'blocked', label: 'Waiting', tone: 2 },
];

export const CPU: readonly ChartSeries[] = [{ field: 'cpu', label: 'Cores busy', tone: 1 }];
