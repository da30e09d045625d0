// An answer of the API that a topic keeps fresh: asked for once, and again when the connection is new; what comes by
// the topic takes its place, or is merged into it. While drawing is paused it stays as it is.
'use client';
import { useState } from 'react';
import type { TopicData, TopicName } from '@/lib/contract';
import { useServerStore } from '@/stores/server';
import { type Resource, useResource } from './use-resource';
import { useTopic } from './use-topic';

export function useLiveResource<Name extends TopicName>(topic: Name, load: (signal: AbortSignal) => Promise<TopicData[Name]>, merge?: (before: TopicData[Name], told: TopicData[Name]) => TopicData[Name]): Resource<TopicData[Name]> {
  const paused = useServerStore((store) => store.paused);
  const asked = useResource(load);
  const [newest, setNewest] = useState<{ data: TopicData[Name]; at: number } | null>(null);
  const current = newest === null || (asked.loadedAt !== null && asked.loadedAt > newest.at) ? null : newest;
  const before = current?.data ?? asked.data;
  useTopic(topic, { onMessage: (told) => !paused && setNewest({ data: merge === undefined || before === null ? told : merge(before, told), at: Date.now() }) });
  if (current === null) return asked;
  return { ...asked, data: current.data, error: null, loadedAt: current.at };
}
