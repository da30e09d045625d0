// Preferences of this browser: theme, density, motion, sidebar (UI-89). Only these are kept in localStorage.
import { create } from 'zustand';

export type Theme = 'dark' | 'light' | 'system';
export type Density = 'compact' | 'default' | 'relaxed';
export type Motion = 'full' | 'reduced';

interface Preferences {
  theme: Theme;
  density: Density;
  motion: Motion;
  /** Whether single letters act as shortcuts (WCAG 2.1.4). */
  letters: boolean;
  collapsed: boolean;
}

const KEY = 'flashdb.preferences';
const DEFAULTS: Preferences = { theme: 'dark', density: 'default', motion: 'full', letters: true, collapsed: false };

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
    const { theme, density, motion, letters, collapsed } = get();
    const preferences = { theme, density, motion, letters, collapsed };
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
    return { ...DEFAULTS, ...(JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Preferences>) };
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
