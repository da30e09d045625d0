// How much is asked before something is destroyed. Each action has a level; on a server that is marked as production all
// from level 1 up are asked one level higher. Pure.

/** 0: done at once, with an undo. 1: a dialog that names object and effect. 2: a sentence to type. 3: one that names the server. */
export type Level = 0 | 1 | 2 | 3;

export const ACTIONS = {
  /** One key that can be brought back; edits of one. */
  'delete-key': 0,
  'change-setting': 0,
  'delete-key-for-good': 1,
  'kill-client': 1,
  'end-session': 1,
  'delete-snapshot': 1,
  'clear-slow-log': 1,
  'clear-history': 1,
  'change-user': 1,
  /** One by which data is lost, or clients are shut out. */
  'change-grave-setting': 1,
  /** Many keys, where nothing of them is lost. */
  'bulk-keep': 1,
  'bulk-lose': 2,
  restore: 2,
  'delete-user': 2,
} as const satisfies Record<string, Level>;

export type Action = keyof typeof ACTIONS;

export interface Place {
  environment: string | null;
  /** Of the server. */
  name: string;
}

export function levelOf(action: Action, environment: string | null): Level {
  const level = ACTIONS[action];
  return level === 0 || environment !== 'production' ? level : ((level + 1) as Level);
}

/** What has to be typed; null for nothing. `words` say what is done, and to how much or to whom. */
export function phraseFor(action: Action, words: string, place: Place): string | null {
  const level = levelOf(action, place.environment);
  if (level < 2) return null;
  return level === 2 ? words : `${words} on ${place.name}`;
}

/** Whether what was typed is the sentence; blanks around it, as they come with a paste, do not matter. */
export function isTyped(typed: string, phrase: string | null): boolean {
  return phrase === null || typed.trim() === phrase.trim();
}

const GRAVE = new Set(['acl-pubsub-default', 'appendonly', 'appendfsync', 'bind', 'client-output-buffer-limit', 'console-history', 'databases', 'dir', 'http-hosts', 'http-open', 'masterauth', 'maxclients', 'maxmemory', 'maxmemory-clients', 'maxmemory-policy', 'environment', 'port', 'protected-mode', 'requirepass', 'save', 'snapshot-retention', 'timeout', 'wal-archive-window']);

/** Why load and made-up data are not for this server; null where they are. */
export function whyNoPlay(environment: string | null): string | null {
  return environment === 'production' ? 'This server is marked as production: load and made-up data do not belong here.' : null;
}

/** What changing a setting is. */
export function settingAction(name: string): Action {
  return GRAVE.has(name) ? 'change-grave-setting' : 'change-setting';
}
