// A value that holds still while it is to: it stays what it was when that began.
'use client';
import { useState } from 'react';

export function useHeld<T>(value: T, holds: boolean): T {
  const [held, setHeld] = useState({ holds, value });
  if (held.holds !== holds) setHeld({ holds, value });
  return holds && held.holds ? held.value : value;
}
