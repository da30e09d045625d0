// Which key does what: the keys of old, those that somebody chose instead, and what a press of the keyboard means by them.
// Matched by the character that is produced, so that other layouts work.

/** `mod` is ⌘ on Apple's keyboards and Ctrl elsewhere. Moving, opening and closing keep the keys that each list has. */
export const KEYS = {
  palette: 'mod+k',
  filter: '/',
  go: 'g',
  down: 'j',
  up: 'k',
  mark: 'x',
  all: 'mod+a',
  edit: 'e',
  expiry: 't',
  rename: 'r',
  copy: 'y',
  copyCommand: 'shift+y',
  remove: 'Backspace',
  save: 'mod+s',
  run: 'mod+Enter',
  undo: 'mod+z',
  pause: '.',
  zoomOut: 'z',
  tabBefore: '[',
  tabAfter: ']',
  help: '?',
} as const;

export type KeyId = keyof typeof KEYS;
export type OwnKeys = Partial<Record<KeyId, string>>;

/** What of the event counts; tests make their own. */
export type Press = Pick<KeyboardEvent, 'key' | 'metaKey' | 'ctrlKey' | 'altKey' | 'shiftKey'> & { getModifierState?(name: string): boolean };

/** A press as a word, such as `mod+k` or `shift+y`; null for what is no key of its own. */
export function comboOf(press: Press): string | null {
  const { key, shiftKey } = press;
  if (key === 'Dead' || key === 'Unidentified' || /^(Shift|Control|Alt|AltGraph|Meta|CapsLock|Tab|Process)$/.test(key)) return null;
  const isLetter = key.length === 1 && key.toLowerCase() !== key.toUpperCase();
  // Brackets and the like are produced with AltGr, or with ⌥, on many keyboards.
  const isComposed = key.length === 1 && !isLetter && (press.getModifierState?.('AltGraph') === true || (press.altKey && !press.metaKey && (press.ctrlKey || !/[\d\s]/.test(key))));
  if (press.altKey && !isComposed) return null;
  const mod = !isComposed && (press.metaKey || press.ctrlKey) ? 'mod+' : '';
  // Of other characters the shift is part of what was produced.
  const shift = shiftKey && (isLetter || key.length > 1) ? 'shift+' : '';
  return `${mod}${shift}${isLetter ? key.toLowerCase() : key === 'Delete' ? 'Backspace' : key}`;
}

export function keyOf(id: KeyId, own: OwnKeys): string {
  return own[id] ?? KEYS[id];
}

/** Whether it is written without a modifier, so that dictation and slips may press it (WCAG 2.1.4). */
export function isSingle(combo: string): boolean {
  return combo.replace('shift+', '').length === 1;
}

/** What a press means; null for nothing, or where single characters are switched off and it is one. */
export function meaningOf(press: Press, own: OwnKeys, letters: boolean): KeyId | null {
  const combo = comboOf(press);
  if (combo === null || (!letters && isSingle(combo))) return null;
  return (Object.keys(KEYS) as KeyId[]).find((id) => keyOf(id, own) === combo) ?? null;
}

/** What is kept by the browser may be of another version, or of another hand. */
export function ownKeysOf(kept: unknown): OwnKeys {
  if (typeof kept !== 'object' || kept === null) return {};
  return Object.fromEntries(Object.entries(kept).filter(([id, combo]) => id in KEYS && typeof combo === 'string' && combo !== '' && combo.length < 32)) as OwnKeys;
}

/** Without any of these somebody would be locked out, or would lose what the browser does with the key. */
const TAKEN = ['Enter', 'Escape', ' ', 'ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight', 'Home', 'End', 'PageUp', 'PageDown', 'mod+c', 'mod+v', 'mod+x', 'mod+r', 'mod+t', 'mod+w', 'mod+n', 'mod+l'];

/** These are also for who types. */
const NEED_MOD: readonly KeyId[] = ['palette', 'save', 'run'];

/** Why a combination cannot be the key of something; null where it can. */
export function objectionTo(id: KeyId, combo: string, own: OwnKeys): { taken: KeyId } | { text: string } | null {
  if (TAKEN.includes(combo)) return { text: 'This key has its own use in lists or in the browser.' };
  if (NEED_MOD.includes(id) && !combo.startsWith('mod+')) return { text: 'This one also works while something is typed, so it needs a modifier.' };
  if (id === 'go' && combo.startsWith('mod+')) return { text: 'The first of two keys has no modifier.' };
  const other = (Object.keys(KEYS) as KeyId[]).find((one) => one !== id && keyOf(one, own) === combo);
  return other === undefined ? null : { taken: other };
}

/** With another key for one thing; what is as of old is not kept. */
export function withKey(own: OwnKeys, id: KeyId, combo: string): OwnKeys {
  const { [id]: _, ...rest } = own;
  return combo === KEYS[id] ? rest : { ...rest, [id]: combo };
}
