// Whether this session may change things now, and if not, why, in words for the tooltip of the disabled control.
'use client';
import { useServerStore } from '@/stores/server';

export interface Gate {
  allowed: boolean;
  reason: string | null;
}

/** `right` is the capability that the action stands for, such as `client|kill`. */
export function useWriteGate(right?: string): Gate {
  const session = useServerStore((store) => store.session);
  const phase = useServerStore((store) => store.live.phase);
  if (session === null) return { allowed: false, reason: 'Not signed in.' };
  if (phase === 'waiting') return { allowed: false, reason: 'Not connected to the server.' };
  if (right !== undefined && session.capabilities[right] === false) return { allowed: false, reason: `Your user lacks +${right}.` };
  if (!session.can_write) return { allowed: false, reason: 'Your user may change nothing here, or this server keeps its dashboard read-only.' };
  if (session.mode === 'read-only') return { allowed: false, reason: 'Read-only session. Unlock editing in the top bar first.' };
  return { allowed: true, reason: null };
}
