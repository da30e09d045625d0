// The frame of every page behind the login: navigation, bars, banners, palette, and the gate that waits for the session.
'use client';
import { usePathname, useRouter } from 'next/navigation';
import { startTransition, useCallback, useEffect, useState, type ReactNode } from 'react';
import { ExplorerFrame } from '@/components/explorer/toolbar';
import { lazily } from '@/components/state/lazily';
import { Failure } from '@/components/state/failures';
import { useShortcuts } from '@/hooks/use-shortcuts';
import { useTopic } from '@/hooks/use-topic';
import { keepFocus } from '@/lib/focus';
import { pageOf } from '@/lib/navigation';
import { whenIdle } from '@/lib/tasks';
import { useAlertStore } from '@/stores/alerts';
import { usePaletteStore } from '@/stores/palette';
import { useServerStore } from '@/stores/server';
import { useSettingsStore } from '@/stores/settings';
import { loadAccountMenu } from './account';
import { Banners } from './banners';
import { BottomBar, loadMore } from './bottom-bar';
import { Entered } from './gate';
import { Sidebar } from './sidebar';
import { TopBar } from './top-bar';

// What is not needed for the first paint comes after it; the first load has a budget.
const Toaster = lazily(() => import('@/components/ui/toaster').then((module) => module.Toaster));
const Palette = lazily(() => import('./palette').then((module) => module.Palette));
const UnlockDialog = lazily(() => import('./unlock-dialog').then((module) => module.UnlockDialog));
const ShortcutHelp = lazily(() => import('./shortcut-help').then((module) => module.ShortcutHelp));

export function Shell({ children }: { children: ReactNode }) {
  const access = useServerStore((store) => store.access);
  const failure = useServerStore((store) => store.failure);
  const enter = useServerStore((store) => store.enter);
  const connect = useServerStore((store) => store.connect);
  const asksPassword = useServerStore((store) => store.asksPassword);
  const askPassword = useServerStore((store) => store.askPassword);
  const paletteOpen = usePaletteStore((store) => store.open);
  const [helpOpen, setHelpOpen] = useState(false);
  const [shown, setShown] = useState(false);
  const [idle, setIdle] = useState(false);
  const path = usePathname();
  const router = useRouter();

  useShortcuts(useCallback(() => setHelpOpen(true), []));
  // On every page, for the badge.
  useTopic('alert', {
    onMessage: (alert) => useAlertStore.getState().take(alert),
    onFresh: () => void useAlertStore.getState().load(),
  });
  useEffect(() => {
    useSettingsStore.getState().load();
    void enter();
  }, [enter]);
  useEffect(() => {
    if (access !== 'in') return;
    // The page is drawn in slices, between which presses are heard.
    startTransition(() => setShown(true));
    return connect();
  }, [access, connect]);
  // What may be wanted when the server is away is fetched while it is there.
  useEffect(
    () =>
      whenIdle(() => {
        setIdle(true);
        for (const load of [loadAccountMenu, loadMore]) void load().catch(() => undefined);
      }),
    [],
  );
  useEffect(keepFocus, []);
  useEffect(() => {
    if (access === 'out') router.replace(`/login/?next=${encodeURIComponent(path + window.location.search)}`);
    // The address to come back to is that of the moment the session ended.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [access, router]);

  const entered = access === 'in' && shown;
  return (
    <>
      <a href="#content" className="sr-only z-50 rounded-md bg-accent-hover px-3 py-2 text-on-accent focus:not-sr-only focus:fixed focus:top-2 focus:left-2">
        Skip to content
      </a>
      <div className="flex h-dvh flex-col">
        <div className="flex min-h-0 flex-1">
          <Sidebar />
          <div className="flex min-w-0 flex-1 flex-col">
            <TopBar />
            <Banners />
            <main id="content" tabIndex={-1} className="min-h-0 flex-1 overflow-auto outline-none">
              <div className="mx-auto flex min-h-full max-w-[1680px] flex-col gap-4 p-4 md:p-6">
                {access === 'unreachable' ? (
                  <Failure error={failure} onRetry={() => void enter()} />
                ) : !entered && pageOf(path)?.id === 'explorer' ? (
                  // Its controls are those of the page, which the bundle of the frame holds: here they are in one bundle and not in two.
                  <ExplorerFrame />
                ) : (
                  <Entered value={entered}>{children}</Entered>
                )}
              </div>
            </main>
          </div>
        </div>
        <BottomBar />
      </div>
      {paletteOpen && <Palette />}
      {asksPassword && <UnlockDialog onClose={() => askPassword(false)} />}
      {helpOpen && <ShortcutHelp onClose={() => setHelpOpen(false)} />}
      {idle && <Toaster />}
    </>
  );
}
