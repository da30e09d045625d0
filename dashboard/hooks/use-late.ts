// How long no figures have come over a connection that is said to be live: a network that stalls, or a server that is busy. They come each second.
'use client';
import { useEffect, useState } from 'react';
import { lateMs } from '@/lib/late';
import { useServerStore } from '@/stores/server';
import { useNow } from './use-now';

/** Ms, or null where nothing is late. */
export function useLate(): number | null {
  const now = useNow(1000);
  const phase = useServerStore((store) => store.live.phase);
  const refused = useServerStore((store) => store.live.refused);
  const sampleAt = useServerStore((store) => store.sampleAt);
  // To a tab that nobody looks at none are sent.
  const [seenAt, setSeenAt] = useState<number | null>(0);
  useEffect(() => {
    const look = () => setSeenAt(document.hidden ? null : Date.now());
    document.addEventListener('visibilitychange', look);
    return () => document.removeEventListener('visibilitychange', look);
  }, []);
  if (now === null || phase !== 'live' || refused !== null || sampleAt === null || seenAt === null) return null;
  return lateMs(now, sampleAt, seenAt);
}
