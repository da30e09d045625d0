// A command as the Lab shows it: the script apart from the words around it, long words and long lists of keys in short; and
// the whole line, as the console and redis-cli take it. Pure.
import { quoteArgument } from '@/lib/bytes';
import { formatCount } from '@/lib/format';

const WORD_MAX = 40;
const HEAD = 16;
const [FIRST_WORDS, LAST_WORDS] = [7, 4];
/** What an address can hold everywhere. */
const ADDRESS_MAX = 6000;

export interface ShownCommand {
  /** One line; `script` stands for the text of a script. */
  line: string;
  script: string | null;
  /** What can be run as it is. */
  whole: string;
  /** Where the console has it in its prompt; null where it is too long for an address. */
  href: string | null;
}

export function shownCommand(args: readonly string[]): ShownCommand {
  const hasScript = args[0] === 'EVAL';
  const script = hasScript ? (args[1] ?? '') : null;
  const words = args.map((word, at) => (hasScript && at === 1 ? 'script' : shortWord(word)));
  const left = words.length - FIRST_WORDS - LAST_WORDS;
  const line = left > 1 ? [...words.slice(0, FIRST_WORDS), `…\u00a0${formatCount(left)}\u00a0more\u00a0…`, ...words.slice(-LAST_WORDS)].join(' ') : words.join(' ');
  const whole = args.map(quoteArgument).join(' ');
  const href = `/console/?line=${encodeURIComponent(whole)}`;
  return { line, script, whole, href: href.length > ADDRESS_MAX ? null : href };
}

function shortWord(word: string): string {
  const quoted = quoteArgument(word);
  if (quoted.length <= WORD_MAX) return quoted;
  const head = word.slice(0, HEAD);
  const size = `\u00a0(${formatCount(word.length)}\u00a0bytes)`;
  // The quotes are closed, so that the words behind it are not taken for a part of it.
  return quoteArgument(head) === head ? `${head}…${size}` : `"${head.replace(/["\\]/g, '\\$&')}…"${size}`;
}
