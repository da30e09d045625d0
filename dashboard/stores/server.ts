// Who is signed in, what the server said about itself, the newest figures, and the live connection (UI-85).
import { create } from 'zustand';
import { api, ApiError, whenSessionEnds } from '@/lib/api';
import type { LiveSession, Sample, ServerInfo } from '@/lib/contract';
import { initialLive, type LiveState } from '@/lib/live';
import { SampleSeries } from '@/lib/series';
import { LiveSocket } from '@/lib/socket';
import { TopicListeners } from '@/lib/topics';

/** Where stores/undo.ts keeps what it needs across a reload. */
export const UNDO_KEPT = 'flashdb.undo';

/** Kept outside React: the charts read it when they draw. */
export const series = new SampleSeries();

interface ServerStore {
  /** `unknown` until the first answer; `out` sends the page to the login. */
  access: 'unknown' | 'in' | 'out' | 'unreachable';
  session: LiveSession | null;
  server: ServerInfo | null;
  open: boolean;
  sample: Sample | null;
  /** When it came, by the clock of the browser. */
  sampleAt: number | null;
  live: LiveState;
  /** Drawing is paused; counting goes on. */
  paused: boolean;
  sampleAtPause: Sample | null;
  failure: ApiError | null;
  enter(): Promise<void>;
  take(session: LiveSession): void;
  refreshSession(): Promise<void>;
  /** The dialog that asks for the password before editing is unlocked is open. */
  asksPassword: boolean;
  askPassword(open: boolean): void;
  unlock(password?: string): Promise<void>;
  lock(): Promise<void>;
  leave(): Promise<void>;
  setPaused(paused: boolean): void;
  connect(): () => void;
  retryNow(): void;
}

let socket: LiveSocket | null = null;
/** What pages listen to beside the figures; see hooks/use-topic.ts. */
export const topics = new TopicListeners((topic, wanted) => socket?.want(topic, wanted));

/** Requests and the live connection may learn of an end at once; a second login would end the session of the first. */
let refreshing: Promise<void> | null = null;

export const useServerStore = create<ServerStore>()((set, get) => ({
  access: 'unknown',
  session: null,
  server: null,
  open: false,
  sample: null,
  sampleAt: null,
  live: initialLive,
  paused: false,
  sampleAtPause: null,
  failure: null,

  async enter() {
    try {
      const session = await api.session();
      if (session.authenticated) return get().take(session);
      set({ server: session.server, open: session.open });
      // On an open server there is nothing to ask; the banner says that it is open.
      if (session.open) get().take(await api.loginOpen());
      else set({ access: 'out', session: null });
    } catch (error) {
      set({ access: 'unreachable', failure: error instanceof ApiError ? error : null });
    }
  },

  take(session) {
    set({ access: 'in', session, server: session.server, open: session.open, failure: null });
  },

  refreshSession() {
    const ask = async () => {
      const session = await api.session();
      if (session.authenticated) get().take(session);
      // After a restart an open server has forgotten the session, and nobody should have to notice.
      else if (session.open) get().take(await api.loginOpen());
      else set({ access: 'out', session: null });
    };
    refreshing ??= ask().finally(() => (refreshing = null));
    return refreshing;
  },

  asksPassword: false,
  askPassword: (asksPassword) => set({ asksPassword }),

  async unlock(password) {
    get().take(await api.unlock(password));
  },

  async lock() {
    get().take(await api.lock());
  },

  async leave() {
    await api.logout();
    series.clear();
    set({ access: 'out', session: null, sample: null, sampleAt: null });
  },

  setPaused(paused) {
    set((state) => ({ paused, sampleAtPause: state.sample }));
  },

  connect() {
    socket = new LiveSocket({
      series,
      topics,
      onState: (live) => set({ live }),
      onSample: (sample) => set({ sample, sampleAt: Date.now() }),
      onSession: () => void get().refreshSession().catch(() => undefined),
      onSessionEnded: () =>
        void get()
          .refreshSession()
          .then(() => get().access === 'in' && socket?.start())
          .catch(() => set({ access: 'out' })),
    });
    socket.start();
    return () => {
      socket?.stop();
      socket = null;
    };
  },

  retryNow() {
    socket?.wake();
  },
}));

// What a page kept for an undo is of the data, and ends with who was signed in; so does a question to them.
useServerStore.subscribe((state, before) => {
  if (state.access !== 'out' || before.access === 'out') return;
  window.sessionStorage.removeItem(UNDO_KEPT);
  state.askPassword(false);
});

whenSessionEnds(async () => {
  if (useServerStore.getState().access !== 'in') return false;
  await useServerStore
    .getState()
    .refreshSession()
    .catch(() => useServerStore.setState({ access: 'out', session: null }));
  return useServerStore.getState().access === 'in';
});
