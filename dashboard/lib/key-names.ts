// Keys and what they do, in words: for the overlay of "?", the settings and the hints beside buttons.
import type { KeyId } from './keymap';

const SIGNS: Record<string, string> = { shift: '⇧', Backspace: '⌫', Enter: '↵', Escape: 'Esc', ArrowUp: '↑', ArrowDown: '↓', ArrowLeft: '←', ArrowRight: '→', ' ': 'Space' };

/** A combination as the keys that are pressed together, in their order. */
export function wordsOf(combo: string, mod: string): string[] {
  // The last may be a plus itself.
  const parts = combo.split(/\+(?=.)/);
  return parts.map((part) => (part === 'mod' ? mod : (SIGNS[part] ?? (part.length === 1 ? part.toUpperCase() : part))));
}

/** By what they are about; `go` is followed by the letter of a page. */
export const KEY_GROUPS: readonly { heading: string; keys: readonly { id: KeyId; label: string }[] }[] = [
  {
    heading: 'Everywhere',
    keys: [
      { id: 'palette', label: 'Search, run, go anywhere' },
      { id: 'filter', label: 'Filter of the page' },
      { id: 'go', label: 'Go to a page, by its letter' },
      { id: 'tabBefore', label: 'Tab before' },
      { id: 'tabAfter', label: 'Tab after' },
      { id: 'pause', label: 'Pause or resume drawing' },
      { id: 'zoomOut', label: 'Zoom the charts out' },
      { id: 'help', label: 'This list' },
    ],
  },
  {
    heading: 'Rows',
    keys: [
      { id: 'down', label: 'Next row' },
      { id: 'up', label: 'Row before' },
      { id: 'mark', label: 'Select the key' },
      { id: 'all', label: 'Select all that are listed' },
    ],
  },
  {
    heading: 'Key under the cursor, or open',
    keys: [
      { id: 'edit', label: 'Edit the value' },
      { id: 'expiry', label: 'Change the expiry' },
      { id: 'rename', label: 'Rename' },
      { id: 'copy', label: 'Copy the key' },
      { id: 'copyCommand', label: 'Copy as command' },
      { id: 'remove', label: 'Delete' },
    ],
  },
  {
    heading: 'Changes and commands',
    keys: [
      { id: 'save', label: 'Save what is staged' },
      { id: 'run', label: 'Run the line of the console' },
      { id: 'undo', label: 'Undo the last change' },
    ],
  },
];

/** Keys that every list has, and nobody can give away. */
export const FIXED_KEYS: readonly { keys: readonly string[]; label: string }[] = [
  { keys: ['↑', '↓'], label: 'Row before, next row' },
  { keys: ['→', '←'], label: 'Open or close a branch' },
  { keys: ['↵'], label: 'Open' },
  { keys: ['Space'], label: 'Select the key' },
  { keys: ['⇧', '↓'], label: 'Select a range of keys' },
  { keys: ['Esc'], label: 'Close one layer' },
];
