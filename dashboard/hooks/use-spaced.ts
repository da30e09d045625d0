// A function that may be called as often as things happen, and does its work every few seconds at most.
'use client';
import { useEffect, useState } from 'react';
import { Spaced } from '@/lib/spaced';

const SPACE_MS = 5000;

/** `act` is that of the first render; it has to stay the same function. */
export function useSpaced(act: () => void): () => void {
  const [spaced] = useState(() => new Spaced(act, SPACE_MS));
  useEffect(() => spaced.stop, [spaced]);
  return spaced.ask;
}
