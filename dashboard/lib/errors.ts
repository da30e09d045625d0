// Failures in words: what failed and what to do about it, from the code that the server gives.
import { ApiError } from './api';
import { display } from './bytes';

const ADVICE: Record<string, string> = {
  UNREACHABLE: 'Check that the server runs and that this address reaches it.',
  READ_ONLY: 'Unlock editing first.',
  NOPERM: 'Your user lacks a right for this.',
  LOADING: 'The server is still loading its data. Try again shortly.',
  BUSY: 'The server is busy with a script. Try again shortly.',
  ENGINE_TIMEOUT: 'The command took too long and its reply was given up.',
  REPLY_TOO_LARGE: 'Ask for a smaller part, for example with a range or a cursor.',
  TIMEOUT: 'Try again.',
};

// Where the server speaks to programs, a page has its own words.
const TEXT: Record<string, string> = { READ_ONLY: 'This session is read-only.' };

export function errorText(error: unknown): string {
  const own = error instanceof ApiError ? TEXT[error.code] : undefined;
  if (own !== undefined) return own;
  // The engine's messages repeat what was asked for.
  return error instanceof Error ? sentence(display(error.message)) : 'Something unexpected happened.';
}

// The server's messages are phrases; on a page they stand as sentences.
function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

export function errorAdvice(error: unknown): string | null {
  return error instanceof ApiError ? (ADVICE[error.code] ?? null) : null;
}
