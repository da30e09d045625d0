// The newest sample, or while drawing is paused the one that was newest then.
'use client';
import type { Sample } from '@/lib/contract';
import { useServerStore } from '@/stores/server';

export function useShownSample(): Sample | null {
  return useServerStore((store) => (store.paused ? store.sampleAtPause : store.sample));
}
