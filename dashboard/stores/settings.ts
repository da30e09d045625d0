// Preferences of this browser: theme, density, motion, sidebar (UI-89). Only these are kept in localStorage.
import { create } from 'zustand';
import { meaningOf, ownKeysOf, type KeyId, type OwnKeys, type Press } from '@/lib/keymap';

export type Theme = 'dark' | 'light' | 'system';
export type Density = 'compact' | 'default' | 'relaxed';
export type Motion = 'full' | 'reduced';

interface Preferences {
  theme: Theme;
  density: Density;
  motion: Motion;
  /** Whether single letters act as shortcuts (WCAG 2.1.4). */
  letters: boolean;
  /** Keys that somebody chose instead of those of old. */
  keys: OwnKeys;
  /** What the copy button of a key copies, as it was chosen last. */
  copies: string;
  collapsed: boolean;
}

const KEY = 'flashdb.preferences';
const DEFAULTS: Preferences = { theme: 'dark', density: 'default', motion: 'full', letters: true, keys: {}, copies: 'key', collapsed: false };

interface SettingsStore extends Preferences {
  load(): void;
  change(part: Partial<Preferences>): void;
}

export const useSettingsStore = create<SettingsStore>()((set, get) => ({
  ...DEFAULTS,
  load() {
    set(read());
  },
  change(part) {
    set(part);
    const { theme, density, motion, letters, keys, copies, collapsed } = get();
    const preferences = { theme, density, motion, letters, keys, copies, collapsed };
    apply(preferences);
    try {
      localStorage.setItem(KEY, JSON.stringify(preferences));
    } catch {
      // Storage may be full or forbidden; the choice then lasts until the page is closed.
    }
  },
}));

function read(): Preferences {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Preferences>;
    return { ...DEFAULTS, ...kept, keys: ownKeysOf(kept.keys) };
  } catch {
    return DEFAULTS;
  }
}

/** Puts the choices on the root element, as the script before paint does. */
function apply({ theme, density, motion, collapsed }: Preferences): void {
  const root = document.documentElement;
  const light = theme === 'light' || (theme === 'system' && window.matchMedia('(prefers-color-scheme: light)').matches);
  root.dataset.theme = light ? 'light' : 'dark';
  root.dataset.density = density;
  root.dataset.motion = motion;
  if (collapsed) root.dataset.sidebar = 'collapsed';
  else delete root.dataset.sidebar;
}

/** What a press of the keyboard means to whoever uses this browser. */
export function meaning(press: Press): KeyId | null {
  const { keys, letters } = useSettingsStore.getState();
  return meaningOf(press, keys, letters);
}
