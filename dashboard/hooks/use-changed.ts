// Calls back when a value becomes another one, not when it is first seen: what the live connection tells leads to
// asking again, in place of a timer.
'use client';
import { useEffect, useRef } from 'react';

export function useChanged(value: string | null, then: () => void): void {
  const before = useRef(value);
  const call = useRef(then);
  useEffect(() => {
    call.current = then;
  });
  useEffect(() => {
    const old = before.current;
    before.current = value;
    if (old !== null && value !== null && old !== value) call.current();
  }, [value]);
}
