// When which settings were changed in this run of the server, asked for when the figures tell of a change (UI-21). Whoever
// may not read settings sees when, without names.
import { create } from 'zustand';
import { api } from '@/lib/api';
import type { ConfigChange } from '@/lib/contract';
import { series, useServerStore } from './server';

interface ConfigChangesStore {
  /** Oldest first. */
  changes: readonly ConfigChange[];
}

export const useConfigChangesStore = create<ConfigChangesStore>()(() => ({ changes: [] }));

let asked: number | null = null;

/** Of the newest change of which the figures know; the charts draw once the names are there. */
function look(newest_ms: number): void {
  if (asked === newest_ms) return;
  asked = newest_ms;
  api.configChanges().then(
    ({ changes }) => {
      useConfigChangesStore.setState({ changes });
      series.redraw();
    },
    () => undefined,
  );
}

useServerStore.subscribe(({ sample, access }) => {
  const newest_ms = sample?.config_changed_ms ?? null;
  if (access === 'in' && newest_ms !== null) look(newest_ms);
  if (access === 'out') {
    asked = null;
    useConfigChangesStore.setState({ changes: [] });
  }
});
