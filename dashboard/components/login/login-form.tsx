// The form of the login page: says which server this is, takes user and password, and explains a refusal.
'use client';
import { CircleAlert, DoorOpen } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useEffect, useId, useRef, useState, type FormEvent } from 'react';
import { BrandMark } from '@/components/layout/brand';
import { Button } from '@/components/ui/button';
import { Input } from '@/components/ui/input';
import { useNow } from '@/hooks/use-now';
import { api, ApiError } from '@/lib/api';
import type { LiveSession } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { formatSeconds } from '@/lib/format';
import { safeNext } from '@/lib/next-path';
import { useServerStore } from '@/stores/server';
import { ServerCard } from './server-card';

// Read when it is needed, so that the form is in the exported page and there before any script.
function nextPath(): string {
  return safeNext(new URLSearchParams(window.location.search).get('next'));
}

export function LoginForm() {
  const router = useRouter();
  const open = useServerStore((store) => store.open);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const [waitUntil, setWaitUntil] = useState<number | null>(null);
  const passwordField = useRef<HTMLInputElement>(null);
  const now = useNow(500);
  const id = useId();
  const wait = waitUntil === null || now === null ? 0 : Math.max(0, Math.ceil((waitUntil - now) / 1000));

  useEffect(() => {
    const abort = new AbortController();
    api.session().then(
      (session) => {
        if (abort.signal.aborted) return;
        useServerStore.setState({ server: session.server, open: session.open });
        if (!session.authenticated) return;
        useServerStore.getState().take(session);
        router.replace(nextPath());
      },
      (error: unknown) => !abort.signal.aborted && setFailure(errorText(error)),
    );
    return () => abort.abort();
  }, [router]);

  const enter = async (login: () => Promise<LiveSession>) => {
    setBusy(true);
    setFailure(null);
    try {
      useServerStore.getState().take(await login());
      router.replace(nextPath());
    } catch (error) {
      setFailure(error instanceof ApiError && error.code === 'WRONG_CREDENTIALS' ? 'User or password is wrong.' : errorText(error));
      if (error instanceof ApiError && error.retryAfterMs !== null) setWaitUntil(Date.now() + error.retryAfterMs);
      passwordField.current?.select();
      setBusy(false);
    }
  };
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    void enter(() => api.login(String(form.get('user') ?? ''), String(form.get('password') ?? '')));
  };

  return (
    <div className="flex w-full max-w-[360px] flex-col gap-6">
      <div className="flex flex-col items-center gap-3">
        <BrandMark className="size-10" />
        <h1 className="text-xl font-semibold">Sign in to FlashDB</h1>
        <ServerCard />
      </div>
      <form method="post" onSubmit={submit} className="flex flex-col gap-4 rounded-lg border border-line bg-panel p-4" aria-describedby={failure === null ? undefined : `${id}-failure`}>
        <div className="flex flex-col gap-1.5">
          <label htmlFor={`${id}-user`} className="font-medium">
            User
          </label>
          <Input id={`${id}-user`} name="user" size="lg" defaultValue="default" autoComplete="username" autoCapitalize="none" spellCheck={false} required />
        </div>
        <div className="flex flex-col gap-1.5">
          <label htmlFor={`${id}-password`} className="font-medium">
            Password
          </label>
          <Input id={`${id}-password`} ref={passwordField} name="password" type="password" size="lg" autoComplete="current-password" aria-invalid={failure !== null || undefined} />
        </div>
        {failure !== null && (
          <p id={`${id}-failure`} role="alert" className="flex items-start gap-2 rounded-md bg-tint-error px-3 py-2 text-error-text">
            <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
            <span>{failure}</span>
          </p>
        )}
        <Button type="submit" variant={open ? 'outline' : 'solid'} size="lg" disabled={busy || wait > 0}>
          {wait > 0 ? `Wait ${formatSeconds(wait)}` : busy ? 'Signing in…' : 'Sign in'}
        </Button>
        <p className="text-center text-xs text-balance text-muted">Users are those of the server’s ACL. Sessions start read-only.</p>
      </form>
      {open && (
        <div className="flex flex-col gap-3 rounded-lg border border-line bg-panel p-4">
          <p className="text-dim">The default user has no password.</p>
          <Button variant="solid" size="lg" disabled={busy} onClick={() => void enter(api.loginOpen)}>
            <DoorOpen /> Continue without password
          </Button>
        </div>
      )}
    </div>
  );
}
