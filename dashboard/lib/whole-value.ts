// Values that a page shows the beginning of, asked for whole to be edited, up to a size: with one command, so that it is the
// value of one moment.
import { api } from './api';
import { toBytes } from './bytes';
import type { Bytes, Reply } from './contract';
import type { Target } from './item-rows';

/** Longer ones are no work for a text field, and would not fit the request together with what was seen. */
export const EDITED_MAX = 1024 * 1024;

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
