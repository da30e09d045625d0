// A key in the forms that it can be copied in: its name, its value, a line or a program that reads it, its address, a table.
import { display, quoteArgument, toBytes } from './bytes';
import type { Bytes } from './contract';
import { explorerLink } from './found';
import { headings, type ItemRow } from './item-rows';
import { readCommand } from './read-command';

export type CopyForm = 'key' | 'raw' | 'json' | 'base64' | 'cli' | 'python' | 'node' | 'go' | 'java' | 'rust' | 'link' | 'markdown';

/** In the order of the menu; `of` says what has to be there first. */
export const FORMS: readonly { form: CopyForm; label: string; said: string; group: 'key' | 'value' | 'program'; needsValue: boolean }[] = [
  { form: 'key', label: 'Key', said: 'the key', group: 'key', needsValue: false },
  { form: 'link', label: 'Link to this key', said: 'the link', group: 'key', needsValue: false },
  { form: 'raw', label: 'Value as it is', said: 'the value', group: 'value', needsValue: true },
  { form: 'json', label: 'Value as JSON', said: 'the value as JSON', group: 'value', needsValue: true },
  { form: 'base64', label: 'Value in base64', said: 'the value in base64', group: 'value', needsValue: true },
  { form: 'markdown', label: 'Markdown table', said: 'the value as a Markdown table', group: 'value', needsValue: true },
  { form: 'cli', label: 'redis-cli line', said: 'the redis-cli line', group: 'program', needsValue: false },
  { form: 'python', label: 'Python', said: 'the lines of Python', group: 'program', needsValue: false },
  { form: 'node', label: 'Node.js', said: 'the lines for Node.js', group: 'program', needsValue: false },
  { form: 'go', label: 'Go', said: 'the lines of Go', group: 'program', needsValue: false },
  { form: 'java', label: 'Java', said: 'the lines of Java', group: 'program', needsValue: false },
  { form: 'rust', label: 'Rust', said: 'the lines of Rust', group: 'program', needsValue: false },
];

export function formOf(name: string): (typeof FORMS)[number] {
  const found = FORMS.find(({ form }) => form === name) ?? FORMS[0];
  if (found === undefined) throw new Error('there is no form');
  return found;
}

/** A key, and where it is. */
export interface Named {
  key: Bytes;
  db: number;
  type: string;
  host: string;
  port: number;
  /** Of the dashboard. */
  origin: string;
}

/** What is in it: of a string its bytes, of everything else its elements. */
export type Contents = { value: Bytes } | { rows: readonly ItemRow[] };

/** As an argument of a shell: `$'…'` is understood by bash, zsh and ksh, and takes any byte but NUL. */
export function shellWord(value: Bytes): string {
  if (typeof value === 'string' && /^[\w.:/@+=,%-]+$/.test(value)) return value;
  if (typeof value === 'string' && !/\p{C}/u.test(value)) return `'${value.replace(/'/g, `'\\''`)}'`;
  return `$'${[...toBytes(value)].map((byte) => (byte === 0x27 || byte === 0x5c ? `\\${String.fromCharCode(byte)}` : byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${hex(byte)}`)).join('')}'`;
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

/** The words of the command that reads it. */
function readWords({ type, key }: Named): Bytes[] {
  // Cut at the name, which may hold anything.
  const name = quoteArgument(key);
  const line = readCommand(type, key);
  const at = line.indexOf(` ${name}`);
  const rest = line.slice(at + 1 + name.length).trim();
  return [line.slice(0, at), key, ...(rest === '' ? [] : rest.split(' '))];
}

/** A text as a literal of languages that write them as JSON does. */
function literal(value: string): string {
  // Control characters that JSON leaves as they are, and ends of lines of its own in JavaScript.
  return JSON.stringify(value).replace(/[\u007f-\u009f\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function byteList(value: Bytes, write: (byte: number) => string): string {
  return [...toBytes(value)].map(write).join(', ');
}

function escaped(value: Bytes, quote: string): string {
  return [...toBytes(value)].map((byte) => (byte === 0x5c || String.fromCharCode(byte) === quote ? `\\${String.fromCharCode(byte)}` : byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${hex(byte)}`)).join('');
}

// A text is given as one, other bytes as bytes: each language has its own way for them.
const WORD: Record<'python' | 'node' | 'go' | 'java' | 'rust', (word: Bytes) => string> = {
  python: (word) => (typeof word === 'string' ? literal(word) : `b"${escaped(word, '"')}"`),
  node: (word) => (typeof word === 'string' ? literal(word) : `Buffer.from("${word.b64}", "base64")`),
  go: (word) => (typeof word === 'string' ? goText(word) : `[]byte("${escaped(word, '"')}")`),
  java: (word) => (typeof word === 'string' ? `${literal(word)}.getBytes(StandardCharsets.UTF_8)` : `new byte[] {${byteList(word, (byte) => (byte < 128 ? String(byte) : `(byte) ${byte}`))}}`),
  rust: (word) => (typeof word === 'string' ? rustText(word) : `&b"${escaped(word, '"')}"[..]`),
};

// Pairs of \u escapes make one character in JSON, not in Go and Rust; they take the character itself.
function goText(word: string): string {
  return `"${[...word].map((character) => plainOr(character, (point) => `\\u${point.toString(16).padStart(4, '0')}`)).join('')}"`;
}

function rustText(word: string): string {
  return `"${[...word].map((character) => plainOr(character, (point) => `\\u{${point.toString(16)}}`)).join('')}"`;
}

function plainOr(character: string, escape: (point: number) => string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  return /\p{C}/u.test(character) ? escape(character.codePointAt(0) ?? 0) : character;
}

function program(form: keyof typeof WORD, named: Named): string {
  const words = readWords(named).map(WORD[form]);
  const { host, port, db } = named;
  switch (form) {
    case 'python':
      return `import redis\n\nr = redis.Redis(host=${literal(host)}, port=${port}, db=${db})\nprint(r.execute_command(${words.join(', ')}))\n`;
    case 'node':
      return `import { createClient } from "redis";\n\nconst client = await createClient({ url: ${literal(`redis://${host}:${port}/${db}`)} }).connect();\nconsole.log(await client.sendCommand([${words.join(', ')}]));\nawait client.close();\n`;
    case 'go':
      return `package main\n\nimport (\n\t"context"\n\t"fmt"\n\n\t"github.com/redis/go-redis/v9"\n)\n\nfunc main() {\n\tclient := redis.NewClient(&redis.Options{Addr: ${literal(`${host}:${port}`)}, DB: ${db}})\n\tfmt.Println(client.Do(context.Background(), ${words.join(', ')}).Result())\n}\n`;
    case 'java': {
      const [command = '', ...args] = readWords(named);
      return `import java.nio.charset.StandardCharsets;\nimport redis.clients.jedis.Jedis;\nimport redis.clients.jedis.Protocol.Command;\n\ntry (Jedis jedis = new Jedis(${literal(host)}, ${port})) {\n    jedis.select(${db});\n    System.out.println(jedis.sendCommand(Command.${String(command)}, ${args.map(WORD.java).join(', ')}));\n}\n`;
    }
    case 'rust': {
      const [command = '""', ...args] = words;
      return `let client = redis::Client::open(${literal(`redis://${host}:${port}/${db}`)})?;\nlet mut connection = client.get_connection()?;\nlet value: redis::Value = redis::cmd(${command})${args.map((word) => `.arg(${word})`).join('')}.query(&mut connection)?;\nprintln!("{value:?}");\n`;
    }
  }
}

/** Of the shell, so that it can be pasted there. */
export function cliLine(named: Named): string {
  return `redis-cli -h ${shellWord(named.host)} -p ${named.port}${named.db === 0 ? '' : ` -n ${named.db}`} ${readWords(named).map(shellWord).join(' ')}`;
}

export function linkTo({ origin, db, key }: Pick<Named, 'origin' | 'db' | 'key'>): string {
  return origin + explorerLink(db, { k: key });
}

/** For what needs no value; the name of a key that is no text is written as an argument. */
export function nameForm(form: CopyForm, named: Named): string {
  switch (form) {
    case 'key':
      return typeof named.key === 'string' ? named.key : quoteArgument(named.key);
    case 'link':
      return linkTo(named);
    case 'cli':
      return cliLine(named);
    case 'python':
    case 'node':
    case 'go':
    case 'java':
    case 'rust':
      return program(form, named);
    default:
      throw new Error(`${form} needs the value`);
  }
}

type Json = string | number | null | Json[] | { [name: string]: Json };

function jsonOf(value: Bytes): Json {
  return typeof value === 'string' ? value : { b64: value.b64 };
}

/** Elements as a script would want them: an object where all names are text, else pairs. */
function elementsToJson(type: string, rows: readonly ItemRow[]): Json {
  const cells = rows.map((row) => row.cells.map((cell) => cell.value as Bytes));
  const first = cells.map(([head]) => head ?? '');
  const second = cells.map((row) => row[1] ?? '');
  if (type === 'set') return first.map(jsonOf);
  if (type === 'list') return second.map(jsonOf);
  if (type === 'zset') return second.map((member, at) => ({ member: jsonOf(member), score: numberOr(first[at] ?? '') }));
  if (type === 'stream') return cells.map(([id = '', ...fields]) => ({ id: jsonOf(id), fields: pairs(fields) }));
  return pairs(cells.flatMap(([field = '', value = '']) => [field, value]));
}

function numberOr(text: Bytes): Json {
  const number = Number(text);
  return Number.isFinite(number) ? number : jsonOf(text);
}

function pairs(flat: readonly Bytes[]): Json {
  const two = flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? ''] as const] : []));
  const isObject = two.every(([name]) => typeof name === 'string') && new Set(two.map(([name]) => name)).size === two.length;
  return isObject ? Object.fromEntries(two.map(([name, value]) => [String(name), jsonOf(value)])) : two.map(([name, value]) => [jsonOf(name), jsonOf(value)]);
}

/** One cell of a Markdown table: on one line, and nothing in it is markup. */
function markdownCell(value: Bytes): string {
  return display(value).replace(/[\\|`*_{}[\]<>~&#]/g, (character) => (character === '<' ? '&lt;' : character === '>' ? '&gt;' : character === '&' ? '&amp;' : `\\${character}`));
}

function markdown(type: string, contents: Contents): string {
  const heads = 'value' in contents ? ['Value'] : headings(type);
  const rows = 'value' in contents ? [[contents.value]] : contents.rows.map((row) => row.cells.map((cell) => cell.value as Bytes));
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  // The fields of an entry share a cell.
  const folded = rows.map((row) => (row.length > heads.length ? [row[0] ?? '', row.slice(1).map(display).join(' ')] : row));
  return [line(heads), line(heads.map(() => '---')), ...folded.map((row) => line(row.map(markdownCell)))].join('\n');
}

/** The value in one of the forms that need it. Elements as they are stand one a line, their parts apart by tabs. */
export function valueForm(form: CopyForm, type: string, contents: Contents): string {
  if (form === 'markdown') return markdown(type, contents);
  if ('rows' in contents) {
    const json = elementsToJson(type, contents.rows);
    if (form === 'json') return JSON.stringify(json, null, 2);
    if (form === 'raw') return contents.rows.map((row) => row.cells.map((cell) => display(cell.value)).join('\t')).join('\n');
    return base64(new TextEncoder().encode(JSON.stringify(json)));
  }
  const { value } = contents;
  if (form === 'base64') return base64(toBytes(value));
  if (form === 'raw') return typeof value === 'string' ? value : display(value);
  return jsonText(value);
}

// A document stays one, with its digits; what is none becomes a string of JSON.
function jsonText(value: Bytes): string {
  if (typeof value === 'string') {
    try {
      const parsed: unknown = JSON.parse(value);
      return typeof parsed === 'object' && parsed !== null && !/\d{16,}/.test(value) ? JSON.stringify(parsed, null, 2) : value;
    } catch {
      return JSON.stringify(value);
    }
  }
  return JSON.stringify({ b64: value.b64 });
}

function base64(bytes: Uint8Array): string {
  let binary = '';
  // In pieces: a call takes so many arguments and no more.
  for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(binary);
}

/** Elements whose value was cut on its way: what they would be copied as is not what they are. */
export function cutRows(rows: readonly ItemRow[]): number {
  return rows.filter((row) => row.cells.some((cell) => typeof cell.value === 'object' && 'cut' in cell.value)).length;
}
