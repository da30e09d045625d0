// How far back the charts of a page reach; kept in the address. Another span shows the newest again.
'use client';
import { Segmented } from '@/components/ui/segmented';
import { useQueryState } from '@/hooks/use-query-state';
import { setZoom } from './use-zoom';

const SPANS = { '1m': 60_000, '5m': 300_000, '15m': 900_000, '1h': 3_600_000 } as const;
type Span = keyof typeof SPANS;
const OPTIONS = (Object.keys(SPANS) as Span[]).map((value) => ({ value, label: value }));

export function useSpan(): { span_ms: number; control: React.ReactNode } {
  const [raw, setRaw] = useQueryState('span', '5m');
  const span: Span = raw in SPANS ? (raw as Span) : '5m';
  return { span_ms: SPANS[span], control: <Segmented label="Time range" value={span} onChange={(next) => (setZoom(null), setRaw(next))} options={OPTIONS} /> };
}
