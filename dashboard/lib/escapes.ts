// Bytes as somebody types them: plain text, or with escapes (\xNN \n \r \t \0 \\ \u{…}) where there are bytes that no key types.
import { fromBytes, toBytes } from './bytes';
import type { Bytes } from './contract';

const SINGLE: Record<string, number> = { n: 0x0a, r: 0x0d, t: 0x09, '0': 0x00, '\\': 0x5c, '"': 0x22 };
const NAMES: Record<number, string> = { 0x0a: '\\n', 0x0d: '\\r', 0x09: '\\t', 0x5c: '\\\\' };

/** The bytes of a text with escapes; an Error that says where it is wrong. */
export function parseEscaped(text: string): Bytes | Error {
  const parts: number[] = [];
  const plain = (piece: string) => {
    for (const byte of new TextEncoder().encode(piece)) parts.push(byte);
  };
  let at = 0;
  while (at < text.length) {
    const slash = text.indexOf('\\', at);
    if (slash < 0) {
      plain(text.slice(at));
      break;
    }
    plain(text.slice(at, slash));
    const rest = text.slice(slash + 1, slash + 12);
    const hex = /^x([0-9a-f]{2})/i.exec(rest);
    const point = /^u\{([0-9a-f]{1,6})\}/i.exec(rest);
    const single = SINGLE[rest.charAt(0)];
    if (hex !== null) parts.push(parseInt(hex[1] ?? '', 16));
    else if (point !== null && parseInt(point[1] ?? '', 16) <= 0x10ffff) plain(String.fromCodePoint(parseInt(point[1] ?? '', 16)));
    else if (single !== undefined) parts.push(single);
    else return new Error(`\\${rest.charAt(0)} at character ${slash + 1} is no escape. A backslash itself is \\\\.`);
    at = slash + 1 + (hex?.[0].length ?? point?.[0].length ?? 1);
  }
  return fromBytes(Uint8Array.from(parts));
}

// What a text field would not show, or would change.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]|[\u{e0000}-\u{e0fff}]/u;

/** Whether a text field would show the bytes as they are. */
export function isPlain(value: Bytes, lines: boolean): value is string {
  return typeof value === 'string' && !UNSEEN.test(value) && (lines || !/[\n\t]/.test(value));
}

/** The text that `parseEscaped` reads as these bytes. */
export function escaped(value: Bytes): string {
  const visible = (character: string) => {
    const point = character.codePointAt(0) ?? 0;
    const name = NAMES[point];
    if (name !== undefined) return name;
    if (point < 0x20 || point === 0x7f) return `\\x${point.toString(16).padStart(2, '0')}`;
    return UNSEEN.test(character) ? `\\u{${point.toString(16)}}` : character;
  };
  if (typeof value === 'string') return [...value].map(visible).join('');
  return Array.from(toBytes(value), (byte) => (byte < 0x80 ? visible(String.fromCharCode(byte)) : `\\x${byte.toString(16)}`)).join('');
}

export function sameBytes(a: Bytes, b: Bytes): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b;
  return a.b64 === b.b64;
}
