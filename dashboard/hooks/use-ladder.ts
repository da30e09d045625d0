// What has to be typed before something is destroyed on this very server, and how far that is.
'use client';
import { useState } from 'react';
import { type Action, isTyped, type Level, levelOf, phraseFor } from '@/lib/ladder';
import { useServerStore } from '@/stores/server';

export interface Ladder {
  level: Level;
  /** Null for nothing. */
  phrase: string | null;
  typed: string;
  setTyped(typed: string): void;
  /** Whether it may be done now, as far as this goes. */
  ready: boolean;
}

/** `words` are null while they are not known, and nothing may be done. */
export function useLadder(action: Action, words: string | null): Ladder {
  const environment = useServerStore((store) => store.server?.environment ?? null);
  const name = useServerStore((store) => store.server?.name ?? 'this server');
  const [typed, setTyped] = useState('');
  const level = levelOf(action, environment);
  const phrase = words === null ? null : phraseFor(action, words, { environment, name });
  return { level, phrase, typed, setTyped, ready: words !== null && isTyped(typed, phrase) };
}
