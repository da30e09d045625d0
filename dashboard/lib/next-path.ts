// Where to go after signing in: only ever a path of this very site.

export function safeNext(wanted: string | null): string {
  if (wanted === null || !wanted.startsWith('/') || wanted.startsWith('//') || wanted.includes('\\')) return '/';
  return wanted.startsWith('/login') ? '/' : wanted;
}
