// The part of the hour that the charts of a page hold still at, kept in the address: it comes back with Back, and can be sent.
'use client';
import { useSearchParams } from 'next/navigation';
import { useMemo } from 'react';
import { setAddress } from '@/hooks/use-query-state';

/** Unix times, ms. */
export interface Zoom {
  from: number;
  to: number;
}

/** What an address says; null where that is nothing, or no time that there can be. */
export function zoomOf(parameters: URLSearchParams): Zoom | null {
  const read = (name: string) => {
    const word = parameters.get(name) ?? '';
    return /^\d{1,15}$/.test(word) ? Number(word) : null;
  };
  const [from, to] = [read('from'), read('to')];
  return from !== null && to !== null && from < to ? { from, to } : null;
}

/** The query with another zoom, or none. */
export function withZoom(query: string, zoom: Zoom | null): string {
  const changed = new URLSearchParams(query);
  for (const name of ['from', 'to'] as const) {
    if (zoom === null) changed.delete(name);
    else changed.set(name, String(Math.round(zoom[name])));
  }
  return changed.toString();
}

/** Each chart of the page may say the same: only what is new is written. */
export function setZoom(zoom: Zoom | null): void {
  const query = withZoom(window.location.search, zoom);
  if (query === new URLSearchParams(window.location.search).toString()) return;
  setAddress(query === '' ? window.location.pathname : `${window.location.pathname}?${query}`, 'push');
}

export function useZoom(): Zoom | null {
  const parameters = useSearchParams();
  const [from, to] = [parameters.get('from'), parameters.get('to')];
  return useMemo(() => zoomOf(new URLSearchParams({ from: from ?? '', to: to ?? '' })), [from, to]);
}
