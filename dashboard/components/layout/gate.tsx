// What a page is before the session is known. The export holds the frame; the page itself needs the session for whatever it asks.
'use client';
import { createContext, use, type ReactNode } from 'react';

/** Whether somebody is in and the page may be drawn. */
export const Entered = createContext(false);

export function Gate({ frame, children }: { frame: ReactNode; children: ReactNode }) {
  return use(Entered) ? children : frame;
}
