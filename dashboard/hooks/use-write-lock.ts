// The session's read-only mode: whether it is lifted, until when, and the way to change it.
'use client';
import { useCallback } from 'react';
import { errorText } from '@/lib/errors';
import { useServerStore } from '@/stores/server';
import { useToastStore } from '@/stores/toast';

export function useWriteLock() {
  const session = useServerStore((store) => store.session);
  const unlock = useServerStore((store) => store.unlock);
  const lock = useServerStore((store) => store.lock);
  const say = useToastStore((store) => store.say);
  const unlocked = session?.mode === 'unlocked';
  const toggle = useCallback(() => {
    const change = unlocked ? lock() : unlock();
    change.then(
      () => say(unlocked ? 'The session is read-only again' : 'Editing is unlocked for 15 minutes'),
      (error: unknown) => say(errorText(error), 'error'),
    );
  }, [unlocked, lock, unlock, say]);
  return { unlocked, canWrite: session?.can_write === true, until: session?.unlocked_until_ms ?? null, toggle };
}
