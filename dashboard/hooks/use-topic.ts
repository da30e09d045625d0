// Listens to a topic of the live connection while the component is there. The answer says what a refused one would need.
'use client';
import { useEffect, useRef } from 'react';
import type { TopicName } from '@/lib/contract';
import type { Listener } from '@/lib/topics';
import { topics, useServerStore } from '@/stores/server';

/** `on` switches it: a panel that is closed or paused need not be told. */
export function useTopic<Name extends TopicName>(topic: Name, listener: Listener<Name>, on = true): string | null {
  const current = useRef(listener);
  useEffect(() => {
    current.current = listener;
  });
  useEffect(() => {
    if (!on) return;
    return topics.listen(topic, {
      onMessage: (data) => current.current.onMessage(data),
      onLost: (lost) => current.current.onLost?.(lost),
      onFresh: () => current.current.onFresh?.(),
    });
  }, [topic, on]);
  return useServerStore((store) => store.live.refusedTopics[topic] ?? null);
}
