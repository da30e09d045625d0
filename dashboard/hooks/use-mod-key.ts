// How the keyboard of this machine names the key of shortcuts: ⌘ on Apple's, Ctrl elsewhere.
'use client';
import { useSyncExternalStore } from 'react';

const never = () => () => undefined;

export function useModKey(): '⌘' | 'Ctrl' {
  return useSyncExternalStore(
    never,
    () => (/Mac|iPhone|iPad/.test(navigator.platform) ? '⌘' : 'Ctrl'),
    () => 'Ctrl',
  );
}
