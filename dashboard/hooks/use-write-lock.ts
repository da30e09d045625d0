// The session's read-only mode: whether it is lifted, until when, and the way to change it, which may ask for the password.
'use client';
import { useCallback } from 'react';
import { ApiError } from '@/lib/api';
import { errorText } from '@/lib/errors';
import { useServerStore } from '@/stores/server';
import { useToastStore } from '@/stores/toast';

export const UNLOCKED = 'Editing is unlocked for 15 minutes';

export function useWriteLock() {
  const session = useServerStore((store) => store.session);
  const unlock = useServerStore((store) => store.unlock);
  const lock = useServerStore((store) => store.lock);
  const askPassword = useServerStore((store) => store.askPassword);
  const say = useToastStore((store) => store.say);
  const unlocked = session?.mode === 'unlocked';
  const needsPassword = session?.unlock_needs_password === true;
  const toggle = useCallback(() => {
    if (!unlocked && needsPassword) return askPassword(true);
    const change = unlocked ? lock() : unlock();
    change.then(
      () => say(unlocked ? 'The session is read-only again' : UNLOCKED),
      (error: unknown) => {
        // The server was marked as production since the page has asked.
        if (error instanceof ApiError && error.code === 'WRONG_CREDENTIALS') askPassword(true);
        else say(errorText(error), 'error');
      },
    );
  }, [unlocked, needsPassword, lock, unlock, askPassword, say]);
  return { unlocked, canWrite: session?.can_write === true, until: session?.unlocked_until_ms ?? null, toggle };
}
