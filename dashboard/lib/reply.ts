// A reply of the server in the four ways the console shows it. Values stay text; nothing is ever rendered as HTML.
import { display, displayJson } from './bytes';
import type { Reply } from './contract';
import { counted } from './format';

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Plain JSON: what a script would want to have. */
export function toJson(reply: Reply): Json {
  switch (reply.type) {
    case 'null':
      return null;
    case 'boolean':
    case 'status':
      return reply.value;
    case 'integer':
      return reply.value;
    case 'double':
      return reply.value;
    case 'big_number':
      return reply.value;
    case 'error':
      return { error: reply.message };
    case 'string':
    case 'verbatim':
      return typeof reply.value === 'string' ? reply.value : { b64: reply.value.b64 };
    case 'map':
      return mapToJson(reply.entries);
    default:
      return reply.items.map(toJson);
  }
}

// Only keys that are text make an object; others keep their pairs.
function mapToJson(entries: [Reply, Reply][]): Json {
  const names = entries.map(([key]) => label(key));
  if (names.some((name) => name === null) || new Set(names).size !== names.length) return entries.map(([key, value]) => [toJson(key), toJson(value)]);
  return Object.fromEntries(entries.map(([, value], at) => [names[at] ?? '', toJson(value)]));
}

function label(key: Reply): string | null {
  if (key.type === 'string' || key.type === 'verbatim') return typeof key.value === 'string' ? key.value : null;
  if (key.type === 'status') return key.value;
  if (key.type === 'integer') return String(key.value);
  return null;
}

/** One line for one value. */
export function scalar(reply: Reply): string {
  switch (reply.type) {
    case 'null':
      return '(nil)';
    case 'boolean':
      return reply.value ? '(true)' : '(false)';
    case 'big_number':
      return reply.value;
    case 'integer':
    case 'double':
      return String(reply.value);
    case 'error':
      return display(reply.message);
    case 'status':
    case 'string':
    case 'verbatim':
      return display(reply.value);
    case 'map':
      return `{${reply.entries.length}}`;
    default:
      return `[${reply.items.length}]`;
  }
}

/** As a terminal client prints it: numbered, nested, strings quoted, integers marked. */
export function toRaw(reply: Reply, indent = ''): string {
  if (reply.type === 'map') {
    if (reply.entries.length === 0) return '(empty hash)';
    return numbered(reply.entries, indent, '#', ([key, value], inner) => `${toRaw(key, inner)} => ${toRaw(value, inner)}`);
  }
  if ('items' in reply) {
    if (reply.items.length === 0) return reply.type === 'set' ? '(empty set)' : '(empty array)';
    return numbered(reply.items, indent, reply.type === 'set' ? '~' : ')', (item, inner) => toRaw(item, inner));
  }
  if (reply.type === 'integer') return `(integer) ${reply.value}`;
  if (reply.type === 'double') return `(double) ${reply.value}`;
  if (reply.type === 'error') return `(error) ${display(reply.message)}`;
  if (reply.type === 'string') return `"${display(reply.value).replace(/"/g, '\\"')}"`;
  return scalar(reply);
}

function numbered<T>(items: readonly T[], indent: string, mark: string, line: (item: T, inner: string) => string): string {
  const width = String(items.length).length;
  return items
    .map((item, at) => {
      const head = `${String(at + 1).padStart(width)}${mark} `;
      return `${at === 0 ? '' : indent}${head}${line(item, indent + ' '.repeat(head.length))}`;
    })
    .join('\n');
}

export interface Grid {
  columns: string[];
  rows: string[][];
}

/** The reply as a table: maps by their keys, lists of maps with a column per key, anything else with its index. */
export function toGrid(reply: Reply): Grid {
  if (reply.type === 'map') return { columns: ['field', 'value'], rows: reply.entries.map(([key, value]) => [scalar(key), inline(value)]) };
  if (!('items' in reply)) return { columns: ['value'], rows: [[scalar(reply)]] };
  const maps = reply.items.filter((item) => item.type === 'map');
  if (maps.length > 0 && maps.length === reply.items.length) {
    const columns = [...new Set(maps.flatMap((map) => map.entries.map(([key]) => scalar(key))))];
    return { columns, rows: maps.map((map) => columns.map((column) => inline(map.entries.find(([key]) => scalar(key) === column)?.[1]))) };
  }
  const width = Math.max(...reply.items.map((item) => ('items' in item ? item.items.length : 0)), 0);
  if (width > 0 && width <= 8 && reply.items.every((item) => 'items' in item)) {
    const columns = ['#', ...Array.from({ length: width }, (_, at) => String(at + 1))];
    return { columns, rows: reply.items.map((item, at) => [String(at + 1), ...Array.from({ length: width }, (_, column) => ('items' in item ? inline(item.items[column]) : ''))]) };
  }
  return { columns: ['#', 'value'], rows: reply.items.map((item, at) => [String(at + 1), inline(item)]) };
}

function inline(reply: Reply | undefined): string {
  if (reply === undefined) return '';
  return 'items' in reply || reply.type === 'map' ? displayJson(JSON.stringify(toJson(reply))) : scalar(reply);
}

/** How many values came, in words: `14 rows`; nothing for a single value. */
export function extent(reply: Reply): string | null {
  const count = reply.type === 'map' ? reply.entries.length : 'items' in reply ? reply.items.length : null;
  return count === null ? null : counted(count, 'row');
}
