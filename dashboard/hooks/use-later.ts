// A piece of the page that is fetched with the first press, or before it when the pointer comes near or nothing else is to
// do; until then something light stands in its place. Where it cannot be had, the next press tries again.
'use client';
import { useCallback, useState } from 'react';

export function useLater<T>(load: () => Promise<T>): { piece: T | null; prepare(): void; want(): void } {
  const [piece, setPiece] = useState<{ is: T } | null>(null);
  const prepare = useCallback(() => void load().catch(() => undefined), [load]);
  const want = useCallback(() => void load().then((is) => setPiece({ is }), () => undefined), [load]);
  return { piece: piece?.is ?? null, prepare, want };
}
