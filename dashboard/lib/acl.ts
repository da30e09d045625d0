// Rules of access control as words: what a text of rules means for the switches of the editor, and what a switch does to
// the text. The text is the truth; the server says in the end what is a rule. Pure.

export const CATEGORIES = [
  'read', 'write', 'keyspace', 'string', 'hash', 'list', 'set', 'sortedset', 'stream', 'bitmap', 'hyperloglog', 'geo',
  'pubsub', 'transaction', 'scripting', 'connection', 'blocking', 'admin', 'dangerous', 'fast', 'slow',
] as const;

export interface Preset {
  id: 'viewer' | 'operator' | 'admin';
  label: string;
  text: string;
  rules: readonly string[];
  /** How the server writes them down, by which a user's role is recognised. */
  stored: string;
}

/** Ready-made sets of rules; docs/ACCESS.md has the same, and the server's tests hold them to what it says. */
export const PRESETS: readonly Preset[] = [
  {
    id: 'viewer',
    label: 'Viewer',
    text: 'Reads keys, figures and settings; changes nothing.',
    rules: splitRules('~* &* -@all +@read +@connection -@dangerous +info +config|get +client|list +slowlog|get +slowlog|len +latency -latency|reset +memory|stats +hotkeys.list +command +lastsave +snapshot.list +snapshot.info +acl|whoami +subscribe +psubscribe'),
    stored:
      '~* &* -@all +@read +@connection +acl|whoami -client|kill -client|no-evict -client|pause -client|unblock -client|unpause +config|get +hotkeys.list +info -keys +lastsave +latency -latency|reset +memory|stats +psubscribe +slowlog|get +slowlog|len +snapshot.info +snapshot.list -sort_ro +subscribe',
  },
  {
    id: 'operator',
    label: 'Operator',
    text: 'Works with all data, ends clients, takes snapshots and backups; no users, no settings, no going back, no emptying of databases.',
    rules: splitRules('~* &* +@all -@dangerous +info +config|get +client|list +client|kill +slowlog +latency +lastsave +bgsave +snapshot.list +snapshot.info +snapshot.create +snapshot.read +hotkeys.list +monitor +keys +sort +restore'),
    stored:
      '~* &* +@all -@dangerous +bgsave +client|kill +client|list +config|get +hotkeys.list +info +keys +lastsave +latency|doctor +latency|graph +latency|histogram +latency|history +latency|latest +latency|reset +monitor +restore +slowlog|get +slowlog|len +slowlog|reset +snapshot.create +snapshot.info +snapshot.list +snapshot.read +sort',
  },
  { id: 'admin', label: 'Admin', text: 'Everything: users, settings, the audit log, going back to a snapshot.', rules: splitRules('~* &* +@all'), stored: '~* &* +@all' },
];

/** The preset that rules are, as it is given or as the server writes it down, if they are one. */
export function presetOf(rules: readonly string[]): Preset | null {
  const words = joinRules(rules.filter((rule) => rule !== 'sanitize-payload'));
  return PRESETS.find((preset) => preset.stored === words || joinRules(preset.rules) === words) ?? null;
}

/** Words of a text of rules; what stands in parentheses is one. */
export function splitRules(text: string): string[] {
  const rules: string[] = [];
  let open = false;
  for (const word of text.split(/\s+/).filter((word) => word !== '')) {
    if (open && rules.length > 0) rules[rules.length - 1] += ` ${word}`;
    else rules.push(word);
    open = (open || word.startsWith('(')) && !word.endsWith(')');
  }
  return rules;
}

export function joinRules(rules: readonly string[]): string {
  return rules.join(' ');
}

type Kind = 'key' | 'channel' | 'command' | 'other';

export function kindOf(rule: string): Kind {
  const lower = rule.toLowerCase();
  if (/^(~|%)/.test(rule) || lower === 'allkeys' || lower === 'resetkeys') return 'key';
  if (rule.startsWith('&') || lower === 'allchannels' || lower === 'resetchannels') return 'channel';
  if (/^[+-](?!role:)/i.test(rule) || lower === 'allcommands' || lower === 'nocommands') return 'command';
  return 'other';
}

export function ofKind(rules: readonly string[], kind: Kind): string[] {
  return rules.filter((rule) => kindOf(rule) === kind);
}

/** Puts other rules of a kind in the place of those that were there. */
export function replaceKind(rules: readonly string[], kind: Kind, next: readonly string[]): string[] {
  const at = rules.findIndex((rule) => kindOf(rule) === kind);
  const rest = rules.filter((rule) => kindOf(rule) !== kind);
  const before = at < 0 ? (kind === 'key' ? 0 : rest.length) : rules.slice(0, at).filter((rule) => kindOf(rule) !== kind).length;
  return [...rest.slice(0, before), ...next, ...rest.slice(before)];
}

/** Patterns of keys or channels, without the word before channels that only those named are meant. */
export function patternsOf(rules: readonly string[], kind: 'key' | 'channel'): string[] {
  return ofKind(rules, kind).filter((rule) => !/^reset(keys|channels)$/i.test(rule));
}

/** With other patterns, written as the server writes them. */
export function replacePatterns(rules: readonly string[], kind: 'key' | 'channel', next: readonly string[]): string[] {
  const isAll = next.some((rule) => rule === '&*' || rule.toLowerCase() === 'allchannels');
  return replaceKind(rules, kind, kind === 'channel' && !isAll ? ['resetchannels', ...next] : next);
}

const ALL = /^(\+@all|allcommands)$/i;
const NONE = /^(-@all|nocommands)$/i;

/** Whether a category as a whole is allowed; commands named one by one do not count. */
export function allowsCategory(rules: readonly string[], category: string): boolean {
  let allowed = false;
  for (const rule of rules) {
    const lower = rule.toLowerCase();
    if (ALL.test(rule)) allowed = true;
    else if (NONE.test(rule)) allowed = false;
    else if (lower === `+@${category}`) allowed = true;
    else if (lower === `-@${category}`) allowed = false;
  }
  return allowed;
}

/** With a category switched: the last word about it counts, so earlier ones go and a new one comes behind if it is needed. */
export function switchCategory(rules: readonly string[], category: string, on: boolean): string[] {
  const rest = rules.filter((rule) => !new RegExp(`^[+-]@${category}$`, 'i').test(rule));
  if (allowsCategory(rest, category) === on) return rest;
  const last = rest.findLastIndex((rule) => kindOf(rule) === 'command');
  const rule = `${on ? '+' : '-'}@${category}`;
  return last < 0 ? [...rest, rule] : [...rest.slice(0, last + 1), rule, ...rest.slice(last + 1)];
}

export interface RuleDiff {
  rule: string;
  change: 'same' | 'added' | 'removed';
}

/** Word by word: the longest common sequence stays, since the order of rules matters. */
export function diffRules(before: readonly string[], after: readonly string[]): RuleDiff[] {
  const longest = Array.from({ length: before.length + 1 }, () => new Array<number>(after.length + 1).fill(0));
  const at = (i: number, j: number) => longest[i]?.[j] ?? 0;
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      const row = longest[i];
      if (row !== undefined) row[j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const out: RuleDiff[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [old, next] = [before[i], after[j]];
    if (old !== undefined && old === next) {
      out.push({ rule: old, change: 'same' });
      i += 1;
      j += 1;
    } else if (old !== undefined && (next === undefined || at(i + 1, j) >= at(i, j + 1))) {
      out.push({ rule: old, change: 'removed' });
      i += 1;
    } else if (next !== undefined) {
      out.push({ rule: next, change: 'added' });
      j += 1;
    }
  }
  return out;
}

/** A text of rules that holds what belongs into fields of its own, or that cannot be one; null where it is fine. */
export function ruleFault(rules: readonly string[]): string | null {
  const login = rules.find((rule) => /^[><#!]/.test(rule) || /^(on|off|nopass|resetpass|reset)$/i.test(rule));
  if (login !== undefined) return 'Passwords and on/off have fields of their own.';
  const open = rules.find((rule) => rule.startsWith('(') && !rule.endsWith(')'));
  return open === undefined ? null : 'A parenthesis is not closed.';
}
