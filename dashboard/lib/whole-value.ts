// Values that a page shows the beginning of, asked for whole: to be edited up to a size, else as a file. One that is edited
// comes with one command, so that it is the value of one moment.
import { api } from './api';
import { toBytes } from './bytes';
import type { Bytes, Reply } from './contract';
import type { Target } from './item-rows';

/** Longer ones are no work for a text field, and would not fit the request together with what was seen. */
export const EDITED_MAX = 1024 * 1024;
/** What a page holds in memory for a file. */
export const FILE_MAX = 256 * 1024 * 1024;
/** Bytes of one answer; as base64 they are within what one may have. */
const PART = 4 * 1024 * 1024;

function stringOf(reply: Reply): Bytes {
  if (reply.type === 'string') return reply.value;
  if (reply.type === 'error') throw new Error(reply.message);
  throw new Error('It is not there any more.');
}

async function ask(args: readonly Bytes[], db: number): Promise<Bytes> {
  return stringOf((await api.executeArgs(args, db)).reply);
}

/** All of a string, or of one element of a hash or list. */
export async function wholeValue(name: Bytes, db: number, target?: Target): Promise<Bytes> {
  const value = await ask(target?.type === 'hash' ? ['HGET', name, target.field] : target?.type === 'list' ? ['LINDEX', name, String(target.index)] : ['GET', name], db);
  if (toBytes(value).length > EDITED_MAX) throw new Error('It has become too long to be edited here.');
  return value;
}

/** All of a string as a file, part by part. A change meanwhile that alters its length is an error; others are not seen. */
export async function stringFile(name: Bytes, db: number, onPart: (share: number) => void): Promise<Blob> {
  const length = async () => {
    const { reply } = await api.executeArgs(['STRLEN', name], db);
    if (reply.type === 'error') throw new Error(reply.message);
    return reply.type === 'integer' ? Number(reply.value) : 0;
  };
  const bytes = await length();
  if (bytes > FILE_MAX) throw new Error('It is too long for a browser; redis-cli or GETRANGE takes it in parts.');
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < bytes; at += PART) {
    parts.push(new Uint8Array(toBytes(await ask(['GETRANGE', name, String(at), String(Math.min(bytes, at + PART) - 1)], db))));
    onPart(Math.min(1, (at + PART) / bytes));
  }
  const blob = new Blob(parts, { type: 'application/octet-stream' });
  if (blob.size !== bytes || (await length()) !== bytes) throw new Error('It changed while it was read. Try again.');
  return blob;
}

/** A name for such a file: what file systems take everywhere. */
export function fileNameOf(key: string): string {
  const plain = key.replace(/[^\w.-]+/g, '_').slice(0, 80);
  return `${/^[._]*$/.test(plain) ? 'value' : plain}.bin`;
}
