// The query of the page's address as state that fields may be typed into: changed and known at once. Next tells of a change a little
// later, and a field that is drawn with what was typed a letter ago moves its cursor to the end.
'use client';
import { useSearchParams } from 'next/navigation';
import { useMemo, useSyncExternalStore } from 'react';
import { setAddress } from './use-query-state';

const listeners = new Set<() => void>();

function listen(tell: () => void): () => void {
  listeners.add(tell);
  window.addEventListener('popstate', tell);
  return () => {
    listeners.delete(tell);
    window.removeEventListener('popstate', tell);
  };
}

export function useAddress(): URLSearchParams {
  // Where Next changes it there is no event, and the component is drawn anew.
  useSearchParams();
  const search = useSyncExternalStore(listen, () => window.location.search, () => '');
  return useMemo(() => new URLSearchParams(search), [search]);
}

export function changeAddress(href: string, mode: 'push' | 'replace'): void {
  setAddress(href, mode);
  for (const tell of [...listeners]) tell();
}
