// Rules and switches kept in step.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { allowsCategory, diffRules, joinRules, kindOf, ofKind, patternsOf, presetOf, PRESETS, replaceKind, replacePatterns, ruleFault, splitRules, switchCategory } from '@/lib/acl';

const ADA = splitRules('~cart:* %R~session:* &news:* -@all +@read +get (~x -@all  +set) role:ops');

describe('a text of rules', () => {
  it('is split into words, parentheses kept together', () => {
    expect(ADA).toEqual(['~cart:*', '%R~session:*', '&news:*', '-@all', '+@read', '+get', '(~x -@all +set)', 'role:ops']);
    expect(splitRules(joinRules(ADA))).toEqual(ADA);
    expect(splitRules(' \n ')).toEqual([]);
  });
  it('has kinds', () => {
    expect(ADA.map(kindOf)).toEqual(['key', 'key', 'channel', 'command', 'command', 'command', 'other', 'other']);
    expect(kindOf('-role:ops')).toBe('other');
    expect(ofKind(ADA, 'key')).toEqual(['~cart:*', '%R~session:*']);
  });
  it('takes other patterns in the place of the old ones', () => {
    expect(replaceKind(ADA, 'key', ['~*']).slice(0, 2)).toEqual(['~*', '&news:*']);
    expect(replaceKind(ADA, 'channel', [])).not.toContain('&news:*');
    expect(replaceKind(['+get'], 'key', ['~a'])).toEqual(['~a', '+get']);
    expect(replaceKind(['+get'], 'channel', ['&a'])).toEqual(['+get', '&a']);
  });
  it('says of channels that only those named are meant', () => {
    const rules = replacePatterns(ADA, 'channel', ['&a', '&b']);
    expect(rules.slice(2, 5)).toEqual(['resetchannels', '&a', '&b']);
    expect(patternsOf(rules, 'channel')).toEqual(['&a', '&b']);
    expect(replacePatterns(rules, 'channel', ['&*'])).toEqual(replaceKind(ADA, 'channel', ['&*']));
    expect(replacePatterns(ADA, 'key', [])).not.toContain('resetkeys');
  });
  it('says what is wrong with it', () => {
    expect(ruleFault(ADA)).toBeNull();
    for (const bad of ['>secret', 'ON', '#ab', '(~a +get']) expect(ruleFault(splitRules(bad))).not.toBeNull();
  });
});

describe('the switches', () => {
  it('follow the last word about a category', () => {
    expect(allowsCategory(ADA, 'read')).toBe(true);
    expect(allowsCategory(ADA, 'write')).toBe(false);
    expect(allowsCategory(['+@all', '-@write'], 'write')).toBe(false);
    expect(allowsCategory(['+@write', '-@all'], 'write')).toBe(false);
  });
  it('change no more than they have to', () => {
    expect(switchCategory(['+@all'], 'write', false)).toEqual(['+@all', '-@write']);
    expect(switchCategory(['+@all', '-@write'], 'write', true)).toEqual(['+@all']);
    expect(switchCategory(ADA, 'read', false)).toEqual(ADA.filter((rule) => rule !== '+@read'));
    expect(switchCategory(ADA, 'write', true)[6]).toBe('+@write');
    for (const on of [true, false]) expect(allowsCategory(switchCategory(ADA, 'fast', on), 'fast')).toBe(on);
  });
  it('have ready-made sets', () => {
    expect(PRESETS.map((preset) => allowsCategory(preset.rules, 'write'))).toEqual([false, true, true]);
    for (const preset of PRESETS) expect(ruleFault(preset.rules)).toBeNull();
    for (const preset of PRESETS) expect([presetOf(preset.rules), presetOf(splitRules(`sanitize-payload ${preset.stored}`))]).toEqual([preset, preset]);
    expect(presetOf(['~*', '+get'])).toBeNull();
  });
  it('are those of the documentation', () => {
    const page = readFileSync(new URL('../../../docs/ACCESS.md', import.meta.url), 'utf8');
    for (const preset of PRESETS) expect(page).toContain(`ACL SETROLE ${preset.id} ${joinRules(preset.rules)}\n`);
  });
});

describe('a difference', () => {
  it('keeps the order of both sides', () => {
    const words = (change: string) => diffRules(['~a', '+get', '-@all'], ['~b', '+get', '+set', '-@all']).filter((part) => part.change === change).map((part) => part.rule);
    expect(words('same')).toEqual(['+get', '-@all']);
    expect(words('added')).toEqual(['~b', '+set']);
    expect(words('removed')).toEqual(['~a']);
  });
});
