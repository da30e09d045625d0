// How much is asked before something is destroyed, by what it is and what the server is for.
import { describe, expect, it } from 'vitest';
import { type Action, ACTIONS, isTyped, levelOf, phraseFor, settingAction } from '@/lib/ladder';

const all = Object.keys(ACTIONS) as Action[];

describe('the destructive ladder', () => {
  it('moves everything from level 1 up by one level in production, and nothing anywhere else', () => {
    for (const action of all) {
      for (const environment of [null, 'development', 'staging', 'Production']) expect(levelOf(action, environment)).toBe(ACTIONS[action]);
      expect(levelOf(action, 'production')).toBe(ACTIONS[action] === 0 ? 0 : ACTIONS[action] + 1);
    }
  });
  it('asks for nothing, a sentence, or one that names the server', () => {
    const at = (action: Action, environment: string | null) => phraseFor(action, 'delete 9 keys', { environment, name: 'cache-eu-1' });
    expect(at('delete-key', 'production')).toBeNull();
    expect(at('kill-client', null)).toBeNull();
    expect(at('kill-client', 'production')).toBe('delete 9 keys');
    expect(at('bulk-lose', 'staging')).toBe('delete 9 keys');
    expect(at('bulk-lose', 'production')).toBe('delete 9 keys on cache-eu-1');
  });
  it('takes the whole sentence and nothing like it', () => {
    expect(isTyped(' delete 9 keys\n', 'delete 9 keys')).toBe(true);
    expect(isTyped('x', null)).toBe(true);
    for (const typed of ['', 'delete 9 key', 'DELETE 9 KEYS', 'delete 9 keys on x']) expect(isTyped(typed, 'delete 9 keys')).toBe(false);
  });
  it('knows settings by which data is lost', () => {
    expect(levelOf(settingAction('maxmemory'), 'production')).toBe(2);
    expect(levelOf(settingAction('maxmemory'), null)).toBe(1);
    expect(levelOf(settingAction('slowlog-max-len'), 'production')).toBe(0);
  });
});
