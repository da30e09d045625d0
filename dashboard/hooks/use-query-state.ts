// One parameter of the page's address as state: what answers "what am I looking at" lives in the URL. The history is
// written directly: the router would ask the server for the page again, which holds nothing that depends on it.
'use client';
import { useSearchParams } from 'next/navigation';
import { useCallback, type MouseEvent } from 'react';

type Mode = 'push' | 'replace';

/** Changes the address without loading anything; Next's hooks notice. A browser refuses more changes than some in a while. */
export function setAddress(href: string, mode: Mode): void {
  try {
    if (mode === 'push') window.history.pushState(null, '', href);
    else window.history.replaceState(null, '', href);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
}

/** A plain press on a link to another part of this page only changes the address; with a key held the browser opens it its own way. */
export function pressHere(event: MouseEvent<HTMLAnchorElement>, href: string): void {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  setAddress(href, 'push');
}

export function useQueryState(name: string, fallback: string): [string, (value: string, mode?: Mode) => void] {
  const parameters = useSearchParams();
  const value = parameters.get(name) ?? fallback;
  const change = useCallback(
    (next: string, mode: Mode = 'replace') => {
      // Read from the window: two parameters may change before the page is drawn again.
      const changed = new URLSearchParams(window.location.search);
      if (next === fallback) changed.delete(name);
      else changed.set(name, next);
      const query = changed.toString();
      const path = window.location.pathname;
      setAddress(query === '' ? path : `${path}?${query}`, mode);
    },
    [name, fallback],
  );
  return [value, change];
}
