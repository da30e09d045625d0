// What each database takes, as its key tree counts it: asked for one after the other, and once more, with patience, where it is an
// estimate. Asking begins the counting, as opening the tree does.
'use client';
import { useEffect, useState } from 'react';
import { WEIGHED_MAX, type Weight } from '@/lib/all-databases';
import { api } from '@/lib/api';

const PATIENCE_MS = 5000;

/** Those of before stay until there are others. Asked again with each `round`. */
export function useWeights(databases: readonly number[], round: unknown): ReadonlyMap<number, Weight> {
  const [weights, setWeights] = useState<ReadonlyMap<number, Weight>>(new Map());
  const asked = databases.slice(0, WEIGHED_MAX).join(' ');
  useEffect(() => {
    const abort = new AbortController();
    const note = (db: number, weight: Weight) => setWeights((before) => new Map(before).set(db, weight));
    const weigh = async () => {
      let rest = asked === '' ? [] : asked.split(' ').map(Number);
      for (const wait of [0, PATIENCE_MS, PATIENCE_MS]) {
        const inexact: number[] = [];
        for (const db of rest) {
          try {
            const { bytes, exact } = await api.tree({ db, p: '', sort: 'bytes', cursor: null, limit: 1, wait }, abort.signal);
            note(db, { bytes, exact });
            if (!exact) inexact.push(db);
          } catch {
            if (abort.signal.aborted) return;
            note(db, { bytes: null, exact: false });
          }
        }
        rest = inexact;
      }
    };
    void weigh();
    return () => abort.abort();
  }, [asked, round]);
  return weights;
}
