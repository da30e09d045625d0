// Which commands come first for what is typed: exact name, then beginning, then word inside, then summary; and whose documentation
// is meant by some words.
import type { CommandRow } from './contract';

function spoken(command: CommandRow): string {
  return command.name.replace('|', ' ');
}

function score(command: CommandRow, words: string): number {
  const name = spoken(command);
  if (name === words) return 0;
  // "set a 1" is about SET: a typed command keeps matching while its arguments follow.
  if (words.startsWith(`${name} `)) return 1;
  if (name.startsWith(words)) return 2;
  if (name.split(/[ .-]/).some((part) => part.startsWith(words))) return 3;
  if (words.length > 2 && command.summary.toLowerCase().includes(words)) return 4;
  return 9;
}

/** At most `limit` commands, best first; shorter names before longer ones of the same rank. */
export function rankCommands(commands: readonly CommandRow[], text: string, limit: number): CommandRow[] {
  const words = text.trim().toLowerCase().replace(/\s+/g, ' ');
  if (words === '') return [];
  return best(commands, (command) => score(command, words), limit);
}

/** What may be looked for in what the server says of a command. */
function textOf({ summary, group, syntax, complexity, categories }: CommandRow): string {
  return `${summary} ${group} ${syntax} ${complexity} ${categories.join(' ')}`.toLowerCase();
}

/** Commands whose documentation has all the words, those first whose name or summary has them. */
export function rankDocs(commands: readonly CommandRow[], text: string, limit: number): CommandRow[] {
  const words = text.toLowerCase().split(/[\s,;]+/).filter((word) => word !== '');
  if (words.length === 0) return [];
  const rank = (command: CommandRow): number => {
    const [name, summary] = [spoken(command), command.summary.toLowerCase()];
    if (words.join(' ') === name) return 0;
    if (words.every((word) => name.includes(word))) return 1;
    if (words.every((word) => name.includes(word) || summary.includes(word))) return 2;
    const all = textOf(command);
    if (!words.every((word) => name.includes(word) || all.includes(word))) return 9;
    return words.some((word) => name.includes(word)) ? 3 : 4;
  };
  return best(commands, rank, limit);
}

function best(commands: readonly CommandRow[], rankOf: (command: CommandRow) => number, limit: number): CommandRow[] {
  return commands
    .map((command) => ({ command, rank: rankOf(command) }))
    .filter(({ rank }) => rank < 9)
    .sort((a, b) => a.rank - b.rank || a.command.name.length - b.command.name.length || a.command.name.localeCompare(b.command.name))
    .slice(0, limit)
    .map(({ command }) => command);
}

/** Whether a command is written out, with or without arguments, and not only begun. */
export function namesCommand(commands: readonly CommandRow[], text: string): boolean {
  const [first] = rankCommands(commands, text, 1);
  return first !== undefined && score(first, text.trim().toLowerCase().replace(/\s+/g, ' ')) <= 1;
}

/** Whether the line has all that the command needs to be run; a word in quotes counts as one. */
export function isComplete(command: CommandRow, line: string): boolean {
  if (score(command, line.trim().toLowerCase().replace(/\s+/g, ' ')) > 1) return false;
  const count = (line.match(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"']+/g) ?? []).length;
  // The number counts the name, of a subcommand both of its words; below zero it is the least there has to be.
  return command.arity >= 0 ? count === command.arity : count >= -command.arity;
}
