// A function that may be called as often as things happen, and does its work every few seconds at most.
'use client';
import { useEffect, useMemo, useRef } from 'react';
import { Spaced } from '@/lib/spaced';

const SPACE_MS = 5000;

export function useSpaced(act: () => void): () => void {
  const current = useRef(act);
  useEffect(() => {
    current.current = act;
  });
  const spaced = useMemo(() => new Spaced(() => current.current(), SPACE_MS), []);
  useEffect(() => spaced.stop, [spaced]);
  return spaced.ask;
}
