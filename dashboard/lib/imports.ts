// Files of keys that are to be imported (UI-57): what a file seems to be, what a job of it is called, what its report says.
import { display } from './bytes';
import type { BulkJob, ConflictChoice, ImportFormat, ImportJob, KeyJob, PageBytes } from './contract';
import { counted, formatCount } from './format';

export const FORMATS: readonly { value: ImportFormat; label: string }[] = [
  { value: 'rdb', label: 'RDB file' },
  { value: 'aof', label: 'Append-only file' },
  { value: 'jsonl', label: 'JSON lines' },
  { value: 'csv', label: 'CSV with a heading' },
  { value: 'commands', label: 'Commands, one a line' },
];

export const CHOICES: readonly { value: ConflictChoice; label: string; says: string }[] = [
  { value: 'skip', label: 'Leave', says: 'Keys that are there already stay as they are.' },
  { value: 'overwrite', label: 'Replace', says: 'Keys that are there already are replaced; what was in them is lost.' },
  { value: 'fail', label: 'Stop', says: 'The first key that is there already ends the import; keys before it have been written by then.' },
];

const COMPRESSED: readonly [name: string, begin: readonly number[]][] = [
  ['gzip', [0x1f, 0x8b]],
  ['zip', [0x50, 0x4b, 0x03, 0x04]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['bzip2', [0x42, 0x5a, 0x68]],
];

/** Why a file cannot be any of these, which the server would say as well, once all of it was sent. */
export function whyNot(first: Uint8Array): string | null {
  if (first.length === 0) return 'The file is empty.';
  const found = COMPRESSED.find(([, begin]) => begin.every((byte, at) => first[at] === byte));
  return found === undefined ? null : `The file is compressed (${found[0]}); unpack it first.`;
}

/** What a file is by its first bytes and, where those leave a doubt, by its name. */
export function guessFormat(name: string, first: Uint8Array): ImportFormat {
  const text = new TextDecoder('latin1').decode(first.subarray(0, 4096)).replace(/^\u00ef\u00bb\u00bf/, '');
  const ending = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  // An append-only file may begin as an RDB file does.
  if (/^(REDIS|VALKEY)\d/.test(text)) return ending === 'aof' ? 'aof' : 'rdb';
  if (/^(#TS:\d+\r\n)?\*\d+\r\n\$/.test(text) || ending === 'aof') return 'aof';
  if (/^\s*\{/.test(text)) return 'jsonl';
  const heading = (text.split('\n')[0] ?? '').toLowerCase().split(/[,;\t]/).map((column) => column.trim().replace(/^"|"$/g, ''));
  if (heading.includes('key') && heading.includes('value')) return 'csv';
  if (ending === 'rdb') return 'rdb';
  if (ending === 'jsonl' || ending === 'ndjson' || ending === 'json') return 'jsonl';
  return ending === 'csv' || ending === 'tsv' ? 'csv' : 'commands';
}

/** Whether the file names databases by itself. */
export function namesDatabases(format: ImportFormat): boolean {
  return format === 'rdb' || format === 'aof' || format === 'commands';
}

export function isImport(job: KeyJob): job is ImportJob {
  return job.kind === 'import';
}

export function isBulk(job: KeyJob): job is BulkJob {
  return job.kind === 'bulk';
}

export function importTitle({ request }: Pick<ImportJob, 'request'>): string {
  const what = request.name === '' ? (FORMATS.find(({ value }) => value === request.format)?.label ?? request.format) : display(request.name);
  return `${request.dry_run ? 'Dry run of' : 'Import of'} ${what}${request.db === null || request.db === 0 ? '' : ` into db${request.db}`}`;
}

/** What is there to be imported, in words. */
export function amountOf({ keys = 0, commands = 0 }: { keys?: number; commands?: number }): string {
  if (commands === 0) return counted(keys, 'key');
  return keys === 0 ? counted(commands, 'command') : `${counted(keys, 'key')} and ${counted(commands, 'command')}`;
}

/** Where an import stands, in a sentence. */
export function importText(job: ImportJob): string {
  const { idle = 0, skipped = 0, existing = 0 } = job.result;
  const begin = job.state === 'paused' ? 'Paused. ' : job.state === 'aborted' ? 'Aborted. ' : job.state === 'failed' ? 'Failed. ' : '';
  const left = Math.max(0, job.total - job.done);
  const ended = job.state !== 'running' && job.state !== 'paused';
  const amount = job.result.keys === undefined ? '0 keys' : amountOf(job.result);
  const parts = [
    job.request.dry_run ? `${amount} found` : `${amount} imported`,
    ...(job.request.dry_run && existing > 0 ? [`${formatCount(existing)} there already`] : []),
    ...(skipped > 0 ? [`${formatCount(skipped)} left as they were`] : []),
    ...(idle > 0 ? [`${formatCount(idle)} expired already`] : []),
    ...(job.errors > 0 ? [`${formatCount(job.errors)} ${job.request.dry_run ? 'cannot be taken' : 'failed'}`] : []),
    ...(left > 0 && !ended ? [`about ${formatCount(left)} to go`] : []),
  ];
  return begin + parts.join(', ');
}

/** Where in the file, for whoever looks for it there. */
export function placeText({ line, offset }: { line?: number | null; offset?: number | null }): string | null {
  if (line !== null && line !== undefined) return `line ${line}`;
  return offset === null || offset === undefined ? null : `byte ${offset}`;
}

/** Which row of a job was refused: its key, its place, or both. */
export function errorTitle(error: { key: PageBytes | null; line?: number | null; offset?: number | null }): string {
  const name = error.key === null ? null : display(error.key).slice(0, 120);
  const place = placeText(error);
  return [name, place].filter((part) => part !== null).join(', ') || 'a row';
}
