// A value in other clothes: indented JSON, hex lines.
import { fromBytes } from './bytes';
import type { Bytes } from './contract';
import { counted } from './format';

/** Parts put together again; a character may have been cut between two of them. */
export function joinBytes(parts: readonly Uint8Array[]): Bytes {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return fromBytes(joined);
}

const JSON_LIMIT = 2_000_000;

/** The document indented, or null where it is none. Numbers keep their digits only up to 2^53, so others are left alone. */
export function prettyJson(value: Bytes): string | null {
  if (typeof value !== 'string' || value.length > JSON_LIMIT || !/^\s*[[{]/.test(value)) return null;
  if (/\d{16,}/.test(value)) return null;
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return null;
  }
}

const PER_LINE = 16;
const HEX_LIMIT = 64 * 1024;

export function hexDump(bytes: Uint8Array): string {
  const lines = [];
  const end = Math.min(bytes.length, HEX_LIMIT);
  for (let at = 0; at < end; at += PER_LINE) {
    const part = [...bytes.subarray(at, Math.min(end, at + PER_LINE))];
    const hex = part.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = part.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex.padEnd(PER_LINE * 3 - 1)}  ${text}`);
  }
  if (bytes.length > HEX_LIMIT) lines.push(`… ${counted(bytes.length - HEX_LIMIT, 'more byte')}`);
  return lines.join('\n');
}
