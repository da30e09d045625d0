// A value that follows its source once that has been quiet for a while.
'use client';
import { useEffect, useState } from 'react';

export function useDebounced<T>(value: T, quiet_ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), quiet_ms);
    return () => clearTimeout(timer);
  }, [value, quiet_ms]);
  return settled;
}
