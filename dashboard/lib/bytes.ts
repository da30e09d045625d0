// Bytes of keys and values made readable and addressable: UTF-8 as text, the rest as \xNN, and characters that
// would hide or reorder text made visible, so that no two different keys look alike.
import type { Bytes, PageBytes } from './contract';

// Control, zero-width, bidirectional and other characters without a shape of their own.
const INVISIBLE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]|[\u{e0000}-\u{e0fff}]/gu;

const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function visible(character: string): string {
  const short = SHORT[character];
  if (short !== undefined) return short;
  const point = character.codePointAt(0) ?? 0;
  return point < 0x80 ? `\\x${hex(point)}` : `\\u{${point.toString(16)}}`;
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

export function decodeBase64(b64: string): Uint8Array {
  return Uint8Array.from(atob(b64), (character) => character.charCodeAt(0));
}

/** The bytes themselves. */
export function toBytes(value: Bytes): Uint8Array {
  return typeof value === 'string' ? new TextEncoder().encode(value) : decodeBase64(value.b64);
}

/** Drops the mark of a cut value, leaving what arrived of it. */
export function whole(value: PageBytes): Bytes {
  if (typeof value === 'string') return value;
  if ('cut' in value) return value.text ?? { b64: value.b64 ?? '' };
  return value;
}

/** The length of the whole value where only its head arrived, else null. */
export function cutLength(value: PageBytes): number | null {
  return typeof value === 'object' && 'cut' in value ? value.bytes : null;
}

const SHOWN = 16 * 1024;

/** A long value as the server would show it in a page: its beginning, and how long it is. */
export function beginningOf(value: Bytes): PageBytes {
  const bytes = toBytes(value);
  if (bytes.length <= SHOWN) return value;
  // By characters: one that was cut in two would make the head binary, though the value is text.
  if (typeof value === 'string') return { text: value.slice(0, SHOWN / 4).replace(/[\ud800-\udbff]$/, ''), bytes: bytes.length, cut: true };
  const head = fromBytes(bytes.subarray(0, SHOWN));
  return { ...(typeof head === 'string' ? { text: head } : head), bytes: bytes.length, cut: true };
}

/** One line of text for any bytes: nothing in it is invisible. */
export function display(value: PageBytes): string {
  const bytes = whole(value);
  if (typeof bytes === 'string') return bytes.replace(INVISIBLE, visible);
  return displayRaw(decodeBase64(bytes.b64));
}

/** As `display`, but keeps line breaks and tabs, for values shown in a block of their own. */
export function displayBlock(value: PageBytes): string {
  const bytes = whole(value);
  if (typeof bytes !== 'string') return displayRaw(decodeBase64(bytes.b64));
  return bytes.replace(INVISIBLE, (character) => (character === '\n' || character === '\t' ? character : visible(character)));
}

/** As `displayBlock`, for text that is JSON: what is made visible there is an escape of JSON, so that it means the same. */
export function displayJson(json: string): string {
  return json.replace(INVISIBLE, (character) => (character === '\n' ? character : [...Array(character.length).keys()].map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')));
}

// Runs of valid UTF-8 inside binary data stay readable; each byte that is not becomes \xNN.
function displayRaw(bytes: Uint8Array): string {
  let text = '';
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at);
    if (length === 0) {
      text += `\\x${hex(bytes[at] ?? 0)}`;
      at += 1;
    } else {
      const character = new TextDecoder().decode(bytes.subarray(at, at + length));
      text += character.replace(INVISIBLE, visible);
      at += length;
    }
  }
  return text;
}

// Length of the UTF-8 sequence at `at`, 0 where there is none.
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  const length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  try {
    // Bytes that only look like a sequence, such as surrogates and overlong forms, are refused here.
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(at, at + length));
    return length;
  } catch {
    return 0;
  }
}

/** A key as a word of a URL's query, byte by byte. Never of its path: `.` and `..` are folders there, escaped or not. */
export function keyWord(key: Bytes): string {
  let out = '';
  for (const byte of toBytes(key)) {
    const plain = (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x2d || byte === 0x5f;
    out += plain ? String.fromCharCode(byte) : `%${hex(byte).toUpperCase()}`;
  }
  return out;
}

/** The bytes of a key out of such a word (also where the browser decoded parts of it). */
export function fromKeyWord(word: string): Bytes {
  const bytes: number[] = [];
  const raw = new TextEncoder().encode(word);
  for (let at = 0; at < raw.length; at += 1) {
    const digits = raw[at] === 0x25 ? String.fromCharCode(raw[at + 1] ?? 0, raw[at + 2] ?? 0) : '';
    if (/^[0-9a-f]{2}$/i.test(digits)) {
      bytes.push(parseInt(digits, 16));
      at += 2;
    } else {
      bytes.push(raw[at] ?? 0);
    }
  }
  return fromBytes(Uint8Array.from(bytes));
}

export function fromBytes(bytes: Uint8Array): Bytes {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return { b64: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')) };
  }
}

/** One argument as redis-cli would take it: quoted where it has to be. */
export function quoteArgument(value: Bytes): string {
  if (typeof value === 'string' && /^[\w.:/@+=,*?[\]{}()|~!%^&<>$#-]+$/u.test(value)) return value;
  let out = '"';
  for (const byte of toBytes(value)) {
    if (byte === 0x22 || byte === 0x5c) out += `\\${String.fromCharCode(byte)}`;
    else if (byte === 0x0a) out += '\\n';
    else if (byte === 0x0d) out += '\\r';
    else if (byte === 0x09) out += '\\t';
    else if (byte >= 0x20 && byte < 0x7f) out += String.fromCharCode(byte);
    else out += `\\x${hex(byte)}`;
  }
  return `${out}"`;
}

/** The shorter way to write bytes in JSON: text with many control characters is six times as long there. */
export function compact(value: Bytes): Bytes {
  if (typeof value !== 'string' || value.length < 1024) return value;
  const bytes = toBytes(value);
  if (JSON.stringify(value).length <= bytes.length * 1.3) return value;
  let binary = '';
  // In pieces: a call takes so many arguments and no more.
  for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return { b64: btoa(binary) };
}
