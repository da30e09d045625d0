// Edits that are not saved yet, by key: they stay while one looks at another key, and go with the page.
import { create } from 'zustand';
import type { KeyEdit } from '@/lib/contract';
import { EDITS_MAX, type Staged, withEdit } from '@/lib/edits';

interface EditStore {
  /** By database and word of the key. */
  staged: Readonly<Record<string, readonly Staged[]>>;
  /** False where there is no room for another edit. */
  stage(place: string, edit: KeyEdit): boolean;
  unstage(place: string, id: string): void;
  replace(place: string, staged: readonly Staged[]): void;
}

const NONE: readonly Staged[] = [];

export const useEditStore = create<EditStore>()((set, get) => ({
  staged: {},
  stage(place, edit) {
    const next = withEdit(get().staged[place] ?? NONE, edit);
    if (next.length > EDITS_MAX) return false;
    get().replace(place, next);
    return true;
  },
  unstage(place, id) {
    get().replace(
      place,
      (get().staged[place] ?? NONE).filter((one) => one.id !== id),
    );
  },
  replace(place, staged) {
    const { [place]: _, ...others } = get().staged;
    set({ staged: staged.length === 0 ? others : { ...others, [place]: staged } });
  },
}));

export function useStaged(place: string): readonly Staged[] {
  return useEditStore((store) => store.staged[place] ?? NONE);
}
