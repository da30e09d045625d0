// Keeps what is shown of the key tree as it is on the server: the connection tells which branches changed, and those that
// are shown are asked for again (lib/tree-rounds.ts).
'use client';
import { useEffect, useState } from 'react';
import { useTopic } from '@/hooks/use-topic';
import { fromKeyWord } from '@/lib/bytes';
import { dirtOf } from '@/lib/key-tree';
import { type RenewableTree, TreeRounds } from '@/lib/tree-rounds';

export function useTreeChanges(db: number, tree: RenewableTree): void {
  const [rounds] = useState(() => new TreeRounds());
  useEffect(() => rounds.follow(tree), [rounds, tree]);
  useEffect(() => () => rounds.follow(null), [rounds]);
  useTopic('keyspace', {
    onMessage: (change) => {
      if (change.db === db) rounds.mark((word) => dirtOf(fromKeyWord(word), change));
    },
    // What exactly was missed is not known.
    onLost: () => rounds.mark(() => 'keys'),
    onFresh: () => rounds.mark(() => 'keys'),
  });
}
