// How the rows of the tree stand in an order; what that takes beyond the index is fetched when it is chosen, code included.
'use client';
import { useEffect, useMemo, useState } from 'react';
import type { Bytes, TreeOrder } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import type { Arrange, Figures } from '@/lib/tree-order';

type Lib = typeof import('@/lib/tree-order');

export interface Ordered {
  arrange: Arrange | null;
  /** What the order is made of, or why there is none; empty where it needs no words. */
  note: string;
}

/** `loadedAt` grows where the tree is asked for again: the figures are, too. */
export function useTreeOrder(order: TreeOrder, db: number, root: Bytes, loadedAt: number | null): Ordered {
  const [known, setKnown] = useState<{ lib: Lib; figures: Figures | null } | null>(null);
  const [failed, setFailed] = useState<string | null>(null);
  const isReady = loadedAt !== null;
  const word = JSON.stringify(root);
  useEffect(() => {
    // By name and by keys all is as the server tells it.
    if (!isReady || order === 'name' || order === 'count') return;
    const abort = new AbortController();
    import('@/lib/tree-order')
      .then(async (lib) => {
        const figures = await lib.figuresFor(order, db, JSON.parse(word) as Bytes, abort.signal);
        if (!abort.signal.aborted) setKnown({ lib, figures });
      })
      .catch((error: unknown) => abort.signal.aborted || setFailed(errorText(error)));
    return () => abort.abort();
  }, [order, db, word, isReady]);
  const arrange = useMemo(() => known?.lib.arrangeBy(order, known.figures) ?? null, [known, order]);
  const note = failed ?? known?.figures?.note ?? '';
  return { arrange, note };
}
