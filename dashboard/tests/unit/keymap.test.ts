import { describe, expect, it } from 'vitest';
import { comboOf, isSingle, KEYS, meaningOf, objectionTo, ownKeysOf, type Press, withKey } from '@/lib/keymap';
import { KEY_GROUPS, wordsOf } from '@/lib/key-names';
import { actionsOf } from '@/stores/palette';

const press = (key: string, held: Partial<Press> = {}): Press => ({ key, metaKey: false, ctrlKey: false, altKey: false, shiftKey: false, ...held });
const altGraph = { getModifierState: (name: string) => name === 'AltGraph' };

describe('a press of the keyboard', () => {
  it('is told by what it produces', () => {
    expect([press('y'), press('Y', { shiftKey: true }), press('Y'), press('?', { shiftKey: true }), press('k', { metaKey: true }), press('K', { ctrlKey: true, shiftKey: true })].map(comboOf)).toEqual(['y', 'shift+y', 'y', '?', 'mod+k', 'mod+shift+k']);
    // Capitals lock is no shift; Delete is the twin of Backspace.
    expect([press('Delete'), press('Backspace'), press('Enter', { ctrlKey: true })].map(comboOf)).toEqual(['Backspace', 'Backspace', 'mod+Enter']);
    expect([press('Shift', { shiftKey: true }), press('Dead'), press('x', { altKey: true }), press('Tab')].map(comboOf)).toEqual([null, null, null, null]);
  });
  it('may take AltGr or ⌥ to produce a bracket', () => {
    expect(comboOf({ ...press('[', { ctrlKey: true, altKey: true }), ...altGraph })).toBe('[');
    expect(comboOf(press(']', { altKey: true }))).toBe(']');
  });
  it('means what was chosen for it', () => {
    expect(meaningOf(press('e'), {}, true)).toBe('edit');
    expect(meaningOf(press('e'), { edit: 'o' }, true)).toBeNull();
    expect(meaningOf(press('o'), { edit: 'o' }, true)).toBe('edit');
  });
  it('means nothing as a single character where those are switched off', () => {
    expect([press('e'), press('Y', { shiftKey: true }), press('['), press('.')].map((one) => meaningOf(one, {}, false))).toEqual([null, null, null, null]);
    expect([meaningOf(press('k', { ctrlKey: true }), {}, false), meaningOf(press('Backspace'), {}, false)]).toEqual(['palette', 'remove']);
  });
});

describe('keys of one’s own', () => {
  it('are not those of something else, nor those of the browser', () => {
    expect(objectionTo('edit', 't', {})).toEqual({ taken: 'expiry' });
    expect(objectionTo('edit', 't', { expiry: 'u' })).toBeNull();
    expect(objectionTo('edit', 'mod+c', {})).toHaveProperty('text');
    expect(objectionTo('palette', 'p', {})).toHaveProperty('text');
    expect(objectionTo('go', 'mod+g', {})).toHaveProperty('text');
  });
  it('are kept only where they differ, and read back with care', () => {
    expect(withKey(withKey({}, 'edit', 'o'), 'edit', KEYS.edit)).toEqual({});
    expect(ownKeysOf({ edit: 'o', nothing: 'p', copy: 7 })).toEqual({ edit: 'o' });
    expect([ownKeysOf(null), ownKeysOf('x')]).toEqual([{}, {}]);
  });
});

describe('the map', () => {
  it('has every key once, and no two the same', () => {
    const listed = KEY_GROUPS.flatMap(({ keys }) => keys.map(({ id }) => id));
    expect([...listed].sort()).toEqual(Object.keys(KEYS).sort());
    expect(new Set(Object.values(KEYS)).size).toBe(Object.keys(KEYS).length);
  });
  it('is written as keyboards are', () => {
    expect([wordsOf('mod+k', '⌘'), wordsOf('shift+y', 'Ctrl'), wordsOf('Backspace', '⌘'), wordsOf('mod++', 'Ctrl')]).toEqual([['⌘', 'K'], ['⇧', 'Y'], ['⌫'], ['Ctrl', '+']]);
    expect([isSingle('y'), isSingle('shift+y'), isSingle('Backspace'), isSingle('mod+k')]).toEqual([true, true, false, false]);
  });
});

it('offers what is about a selection before what is about a key or the page', () => {
  const action = (id: string) => ({ id, label: id, run: () => undefined });
  const offers = [
    { rank: 'page', actions: [action('new')] },
    { rank: 'selection', actions: [action('many')] },
    { rank: 'key', actions: [action('one')] },
  ] as const;
  expect(actionsOf(offers).map(({ id }) => id)).toEqual(['many', 'one', 'new']);
});
