// Whether a table is too wide for its place: then its rows are laid out as a list, since nothing should have to be scrolled
// sideways. Measured before it is painted; it is a table again once there is the room that it needed.
'use client';
import { useLayoutEffect, useRef, useState, type RefObject } from 'react';

export function useStacked(rows: readonly unknown[]): { box: RefObject<HTMLDivElement | null>; stacked: boolean } {
  const box = useRef<HTMLDivElement>(null);
  /** The width that the table wants; null while it has it. */
  const [wanted, setWanted] = useState<number | null>(null);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const measure = () => {
      const { scrollWidth, clientWidth } = element;
      setWanted((before) => {
        if (before === null) return scrollWidth > clientWidth + 1 ? scrollWidth : null;
        return clientWidth >= before ? null : before;
      });
    };
    measure();
    const size = new ResizeObserver(measure);
    size.observe(element);
    return () => size.disconnect();
  }, [rows, wanted]);
  return { box, stacked: wanted !== null };
}
