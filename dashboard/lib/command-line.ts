// A typed command line taken apart: for colouring it, for finding its command in the server's table, and for hiding
// secrets before it is shown again. The server parses the line itself; this never decides what is sent.
import type { CommandRow } from './contract';

export interface Token {
  kind: 'command' | 'word' | 'number' | 'quoted' | 'space';
  text: string;
}

export function tokenise(line: string): Token[] {
  const tokens: Token[] = [];
  const pattern = /\s+|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s"']+/g;
  let first = true;
  for (const [text] of line.matchAll(pattern)) {
    const kind = /^\s/.test(text) ? 'space' : first ? 'command' : /^["']/.test(text) ? 'quoted' : /^-?\d+(\.\d+)?$/.test(text) ? 'number' : 'word';
    if (kind !== 'space') first = false;
    tokens.push({ kind, text });
  }
  return tokens;
}

function words(line: string): string[] {
  return tokenise(line)
    .filter((token) => token.kind !== 'space')
    .map((token) => token.text);
}

/** The entry of the table that the line is about; a subcommand before its container. */
export function commandOf(line: string, commands: readonly CommandRow[]): CommandRow | null {
  const [first, second] = words(line.toLowerCase());
  if (first === undefined) return null;
  const find = (name: string) => commands.find((command) => command.name === name) ?? null;
  return (second === undefined ? null : find(`${first}|${second}`)) ?? find(first);
}

/** `SELECT 3` is the console's own business, since every command goes its own way to the server. */
export function selectedDatabase(line: string): number | null {
  const match = /^\s*select\s+"?(\d{1,5})"?\s*$/i.exec(line);
  return match === null ? null : Number(match[1]);
}

/** Whether the line listens or waits, as the table says; reads of streams wait where they say so. What is taken for one and
 * is none, the server tells. */
export function goesOn(line: string, commands: readonly CommandRow[]): boolean {
  const command = commandOf(line, commands);
  if (command === null) return false;
  if (/^xread(group)?$/.test(command.name)) return /\sblock\s(?:.*\s)?streams\s/i.test(line.replace(/\sgroup\s+\S+\s+\S+/i, ''));
  return command.unsupported === 'blocking' || command.unsupported === 'subscribe';
}

/** Commands that end a part of what is listened to. */
export function unsubscribes(line: string): boolean {
  return /^[ps]?unsubscribe$/.test(words(line.toLowerCase())[0] ?? '');
}

const SECRET_SETTINGS = /pass|secret|auth|key-file/i;

/** The line with passwords replaced, for the log and the history. */
export function maskSecrets(line: string): string {
  const [first = '', second = '', third = ''] = words(line);
  const command = first.toLowerCase();
  const sub = second.toLowerCase();
  // As the server writes it, which refuses to take it for a secret.
  const hidden = ' (redacted)';
  if (command === 'auth') return first + hidden;
  if (command === 'hello' && /\sauth\s/i.test(line)) return line.replace(/(\sauth\s).*$/i, `$1${hidden.trim()}`);
  if (command === 'acl' && sub === 'setuser') return line.replace(/(^|\s)[><#!]\S+/g, '$1(redacted)');
  if (command === 'config' && sub === 'set' && SECRET_SETTINGS.test(third)) return `${first} ${second} ${third}${hidden}`;
  if (command === 'migrate') return line.replace(/(\sauth2?\s).*$/i, `$1${hidden.trim()}`);
  return line;
}
