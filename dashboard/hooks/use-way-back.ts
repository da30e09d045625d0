// Remembers what had the focus when a dialog or a form opened, before one of its fields takes it. `note` is for the ref of
// the element: what is lost within it goes back there too.
'use client';
import { useCallback, useState } from 'react';
import { noteWay, wayFromHere, type WayBack } from '@/lib/focus';

export function useWayBack(): { way: WayBack; note(element: Element | null): void } {
  const [way] = useState(wayFromHere);
  const note = useCallback((element: Element | null) => noteWay(element, way), [way]);
  return { way, note };
}
