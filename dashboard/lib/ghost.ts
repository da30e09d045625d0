// What may follow the line that is being typed, by the grammar of its command: shown behind the cursor. Where the grammar leaves it
// open what a word was, nothing is shown rather than something that may be wrong.
import { tokenise } from './command-line';
import type { CommandRow } from './contract';

const OPENS = '[(<';
const CLOSES = '])>';
const REPEATED = '[...]';

/** Split where nothing is open: `<key> [NX|XX]` at the space, `NX|XX` at the bar. */
function split(text: string, at: ' ' | '|'): string[] {
  const parts = [''];
  let depth = 0;
  for (const character of text) {
    if (OPENS.includes(character)) depth += 1;
    if (CLOSES.includes(character)) depth -= 1;
    if (depth === 0 && character === at) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts.filter((part) => part !== '');
}

const isOption = (part: string) => part.startsWith('[');
const isGroup = (part: string) => part.startsWith('(');
const isName = (part: string) => part.startsWith('<');

/** What follows once `word` was taken for the beginning of `parts`; null where it cannot be that. `free`: also for a name of anything. */
function taken([first = '', ...rest]: readonly string[], word: string, free: boolean): string[] | null {
  if (isName(first)) return free ? rest : null;
  if (!isGroup(first) && !isOption(first)) return first.toLowerCase() === word.toLowerCase() ? rest : null;
  const inside = first === REPEATED ? null : within(first, word, free);
  return inside === null ? null : [...inside, ...rest];
}

/** The same for one of the ways that a group or an option has: what is spelled out goes before what may be anything. */
function within(group: string, word: string, free: boolean): string[] | null {
  const ways = split(group.slice(1, -1), '|').map((way) => split(way, ' '));
  for (const anything of free ? [false, true] : [false]) {
    for (const way of ways) {
      const rest = taken(way, word, anything);
      if (rest !== null) return rest;
    }
  }
  return null;
}

/** What is left of the grammar behind one more word. */
function afterWord(parts: readonly string[], word: string): string[] | null {
  const first = parts.findIndex((part) => !isOption(part));
  const options = first < 0 ? parts : parts.slice(0, first);
  for (const [at, option] of options.entries()) {
    const inside = taken([option], word, false);
    // Options come in any order.
    if (inside !== null) return [...inside, ...parts.slice(0, at), ...parts.slice(at + 1)];
  }
  // Whether it is one more of the same, or what follows, cannot be told.
  if (options.includes(REPEATED)) return first < 0 ? [...parts] : null;
  // What stands before a word that has to be there can no longer be given.
  return taken(first < 0 ? parts : parts.slice(first), word, true);
}

/** Empty where nothing may follow, or where that is not known. */
export function ghostOf({ name, syntax }: Pick<CommandRow, 'name' | 'syntax'>, line: string): string {
  const tokens = tokenise(line.trimStart());
  const words = tokens.filter((token) => token.kind !== 'space').map((token) => token.text);
  const length = name.split('|').length;
  // The name is not written out.
  if (words.slice(0, length).join('|').toLowerCase() !== name) return '';
  let parts: string[] | null = split(syntax, ' ').slice(length);
  for (const word of words.slice(length)) {
    parts = afterWord(parts, word);
    if (parts === null) return '';
  }
  if (parts.length === 0) return '';
  return `${tokens.at(-1)?.kind === 'space' ? '' : ' '}${parts.join(' ')}`;
}
