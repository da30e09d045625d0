// Keys of any bytes: shown without hidden characters, addressed byte by byte, and back.
import { describe, expect, it } from 'vitest';
import { cutLength, display, displayBlock, fromBytes, fromKeyWord, keyWord, quoteArgument, toBytes } from '@/lib/bytes';

// A small generator with a fixed seed, so that a failure comes again.
function randomBytes(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  };
}

describe('display', () => {
  it('keeps text', () => expect(display('session:user:Zoë')).toBe('session:user:Zoë'));
  it('makes what hides or reorders text visible', () => {
    expect(display('a\u202eb')).toBe('a\\u{202e}b');
    expect(display('a\u200bb')).toBe('a\\u{200b}b');
    expect(display('a\nb\u0000')).toBe('a\\nb\\x00');
  });
  it('shows bytes that are not UTF-8 as \\xNN and the rest as text', () => {
    expect(display({ b64: btoa('ab\xff\xfe:c') })).toBe('ab\\xff\\xfe:c');
    expect(display({ b64: btoa('\xc3\xa9\xc3') })).toBe('é\\xc3');
  });
  it('keeps line breaks in blocks only', () => expect(displayBlock('a\nb')).toBe('a\nb'));
  it('knows what was cut', () => {
    expect(cutLength({ text: 'abc', bytes: 9000, cut: true })).toBe(9000);
    expect(cutLength('abc')).toBeNull();
  });
});

describe('keys in addresses', () => {
  it('escape what an address would eat', () => {
    expect(keyWord('a/b?c#d')).toBe('a%2Fb%3Fc%23d');
    expect(keyWord('..')).toBe('%2E%2E');
    expect(keyWord('é')).toBe('%C3%A9');
  });
  it('come back for any bytes', () => {
    const next = randomBytes(7);
    for (let round = 0; round < 500; round += 1) {
      const bytes = Uint8Array.from({ length: next() % 24 }, next);
      expect([...toBytes(fromKeyWord(keyWord(fromBytes(bytes))))]).toEqual([...bytes]);
    }
  });
});

describe('quoteArgument', () => {
  it('quotes only where it has to', () => {
    expect(quoteArgument('session:1')).toBe('session:1');
    expect(quoteArgument('a b')).toBe('"a b"');
    expect(quoteArgument('say "hi"\n')).toBe('"say \\"hi\\"\\n"');
    expect(quoteArgument({ b64: btoa('\xff') })).toBe('"\\xff"');
    expect(quoteArgument('')).toBe('""');
  });
});
