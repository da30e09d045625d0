// The other script of ours inside the pages: it asks who is signed in while the bundles are still on their way. The first
// question of lib/api.ts takes that answer, and only that one.

const INIT = { headers: { Accept: 'application/json' }, cache: 'no-store', credentials: 'same-origin' } as const;

declare global {
  interface Window {
    flashdbSession?: Promise<Response>;
  }
}

export const earlySessionScript = `flashdbSession=fetch('/api/v1/session',${JSON.stringify(INIT)});flashdbSession.catch(function(){})`;

/** The answer that was asked for ahead, once. */
export function takeEarlySession(): Promise<Response> | undefined {
  const answer = window.flashdbSession;
  delete window.flashdbSession;
  return answer;
}
