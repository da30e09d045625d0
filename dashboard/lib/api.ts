// The one way to the HTTP API: JSON in and out, the CSRF value on everything that is not GET, and failures as
// ApiError with the code, the request id and what the server says is missing. Nothing here polls, and only what was
// refused for want of a session is asked again, once, where a new session could be had.
import { keyWord } from './bytes';
import type {
  AclChange,
  AclUsers,
  AlertRule,
  Alerts,
  AuditFilter,
  AuditPage,
  BenchJob,
  BenchRequest,
  BulkJob,
  BulkPreview,
  BulkWish,
  Bytes,
  Clients,
  ConflictChoice,
  CommandRow,
  CommandStats,
  ConfigChange,
  Configuration,
  ConsoleHistory,
  Delivery,
  Edited,
  Executed,
  ExportFormat,
  Failure,
  Found,
  GenerateJob,
  GenerateRequest,
  Health,
  History,
  HotKeys,
  ImportJob,
  ItemsPage,
  KeyEdit,
  KeyJob,
  KeyPage,
  KeyView,
  Listening,
  LiveSession,
  MemoryView,
  NewValue,
  OneCommand,
  RemovedKey,
  Restore,
  RestorePreview,
  Session,
  SessionLine,
  SlowLog,
  Snapshots,
  Stats,
  TreeKeys,
  TreeSort,
  TreeView,
  Webhook,
} from './contract';
import { compactEdit } from './edits';
import { takeEarlySession } from './early-session';

const BASE = '/api/v1';

export class ApiError extends Error {
  constructor(
    /** 0 where no answer came at all. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: Record<string, unknown>,
    readonly requestId: string | null,
  ) {
    super(message);
    this.name = 'ApiError';
  }

  /** The right that is missing, such as `+slowlog|get`. */
  get needs(): string | null {
    return typeof this.details.needs === 'string' ? this.details.needs : null;
  }

  get retryAfterMs(): number | null {
    return typeof this.details.retry_after_ms === 'number' ? this.details.retry_after_ms : null;
  }
}

let csrf = '';
/** For what is not sent by `request`. */
export function csrfValue(): string {
  return csrf;
}

let onSessionEnd: () => Promise<boolean> = () => Promise.resolve(false);

/** Asked when the server no longer knows the session; answers whether there is a new one. */
export function whenSessionEnds(listener: () => Promise<boolean>): void {
  onSessionEnd = listener;
}

interface Options {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  body?: unknown;
  signal?: AbortSignal;
  /** An answer that is already under way. */
  early?: Promise<Response>;
}

async function send(url: string, options: Options = {}): Promise<Response> {
  const method = options.method ?? 'GET';
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (method !== 'GET') headers['X-FlashDB-CSRF'] = csrf;
  if (options.body !== undefined) headers['Content-Type'] = 'application/json';
  try {
    if (options.early !== undefined) return await options.early;
    return await fetch(url, {
      method,
      headers,
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      signal: options.signal,
      cache: 'no-store',
      credentials: 'same-origin',
    });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError(0, 'UNREACHABLE', 'The server did not answer.', {}, null);
  }
}

async function failure(response: Response): Promise<ApiError> {
  const requestId = response.headers.get('X-Request-Id');
  try {
    const body = (await response.json()) as Failure;
    return new ApiError(response.status, body.error.code, body.error.message, body.error.details ?? {}, body.request_id ?? requestId);
  } catch {
    // Something between us and the server answered, such as a proxy.
    return new ApiError(response.status, `HTTP_${response.status}`, `The answer had status ${response.status} and no explanation.`, {}, requestId);
  }
}

async function request<T>(path: string, options: Options = {}, isSecond = false): Promise<T> {
  const response = await send(BASE + path, options);
  if (!response.ok) {
    const error = await failure(response);
    const hasEnded = error.code === 'NO_SESSION' || error.code === 'SESSION_ENDED';
    if (hasEnded && !isSecond && (await onSessionEnd())) return request<T>(path, options, true);
    throw error;
  }
  return (response.status === 204 ? undefined : await response.json()) as T;
}

function fields(parameters: Record<string, string | number | null | undefined>): string {
  const pairs = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== '');
  return new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
}

function query(parameters: Parameters<typeof fields>[0]): string {
  const text = fields(parameters);
  return text === '' ? '' : `?${text}`;
}

function keep<S extends Session>(session: S): S {
  csrf = session.authenticated ? session.csrf : '';
  return session;
}

export const api = {
  session: async () => keep(await request<Session>('/session', { early: takeEarlySession() })),
  login: async (user: string, password: string) => keep(await request<LiveSession>('/session', { method: 'POST', body: { user, password } })),
  loginOpen: async () => keep(await request<LiveSession>('/session', { method: 'POST', body: {} })),
  logout: () => request<void>('/session', { method: 'DELETE' }),
  unlock: async (password?: string) => keep(await request<LiveSession>('/session/unlock', { method: 'POST', body: { password } })),
  lock: async () => keep(await request<LiveSession>('/session/unlock', { method: 'DELETE' })),
  stats: (signal?: AbortSignal) => request<Stats>('/stats', { signal }),
  memory: (signal?: AbortSignal) => request<MemoryView>('/memory', { signal }),
  history: (since_ms: number, signal?: AbortSignal) => request<History>(`/history${query({ since: since_ms })}`, { signal }),
  alerts: (signal?: AbortSignal) => request<Alerts>('/alerts', { signal }),
  addWebhook: (url: string) => request<{ webhooks: Webhook[] }>('/alerts/webhooks', { method: 'POST', body: { url } }),
  removeWebhook: (id: string) => request<{ webhooks: Webhook[] }>(`/alerts/webhooks/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  testWebhook: (id: string) => request<Delivery>(`/alerts/webhooks/${encodeURIComponent(id)}/test`, { method: 'POST', body: {} }),
  setAlertRule: (name: string, threshold: number) => request<AlertRule>(`/alerts/${encodeURIComponent(name)}`, { method: 'PUT', body: { threshold } }),
  hotKeys: (signal?: AbortSignal, limit = 20) => request<HotKeys>(`/hotkeys?limit=${limit}`, { signal }),
  commandStats: (signal?: AbortSignal) => request<CommandStats>('/commands/stats', { signal }),
  commandStat: (name: string, signal?: AbortSignal) => request<OneCommand>(`/commands/stats/${encodeURIComponent(name)}`, { signal }),
  health: async (signal?: AbortSignal): Promise<Health> => {
    const response = await send('/health', { signal });
    // A loading server answers 503 with the same body.
    if (!response.ok && response.status !== 503) throw await failure(response);
    return (await response.json()) as Health;
  },
  keys: (p: { db: number; match: string; type: string; cursor: string | null; limit: number }, signal?: AbortSignal) =>
    request<KeyPage>(`/keys${query(p)}`, { signal }),
  find: ({ q, ...rest }: { q: string; cursor: string | null; limit: number }, signal?: AbortSignal) =>
    request<Found>(`/find?q=${keyWord(q)}&${fields(rest)}`, { signal }),
  tree: ({ p, ...rest }: { db: number; p: Bytes; sort: TreeSort; cursor: string | null; limit: number; wait: number }, signal?: AbortSignal) =>
    request<TreeView>(`/tree?p=${keyWord(p)}&${fields(rest)}`, { signal }),
  treeKeys: ({ p, ...rest }: { db: number; p: Bytes; cursor: string | null; limit: number }, signal?: AbortSignal) =>
    request<TreeKeys>(`/tree/keys?p=${keyWord(p)}&${fields(rest)}`, { signal }),
  key: (key: Bytes, db: number, signal?: AbortSignal) => request<KeyView>(`/key/?key=${keyWord(key)}&${fields({ db, limit: 100 })}`, { signal }),
  items: (key: Bytes, p: { db: number; cursor: string | null; match?: string }, signal?: AbortSignal) =>
    request<ItemsPage>(`/items?key=${keyWord(key)}&${fields({ ...p, limit: 100 })}`, { signal }),
  /** `keep`: the most bytes of the answer that an undo needs; a larger key is refused then. */
  removeKey: (key: Bytes, db: number, keep?: number) => request<RemovedKey>(`/key/?key=${keyWord(key)}&${fields({ db, keep })}`, { method: 'DELETE' }),
  makeKey: (key: Bytes, db: number, value: NewValue, ttl_ms: number | null) =>
    request<{ created: boolean }>(`/key/?key=${keyWord(key)}&${fields({ db })}`, { method: 'PUT', body: { ...value, ttl_ms, if: 'absent' } }),
  editKey: (key: Bytes, db: number, edits: readonly KeyEdit[]) => request<Edited>(`/key/?key=${keyWord(key)}&${fields({ db })}`, { method: 'PATCH', body: { edits: edits.map(compactEdit) } }),
  /** Changes nothing. */
  bulkDryRun: (wish: BulkWish, signal?: AbortSignal) => request<BulkPreview>('/bulk/jobs', { method: 'POST', body: { ...wish, dry_run: true }, signal }),
  startBulk: (wish: BulkWish) => request<{ id: string }>('/bulk/jobs', { method: 'POST', body: wish }),
  /** Changes of many keys and imports, newest first. */
  keyJobs: async (signal?: AbortSignal): Promise<KeyJob[]> => {
    const [bulk, imports] = await Promise.all([request<{ jobs: BulkJob[] }>('/jobs?kind=bulk', { signal }), request<{ jobs: ImportJob[] }>('/jobs?kind=import', { signal })]);
    return [...bulk.jobs, ...imports.jobs].sort((one, other) => other.began_ms - one.began_ms);
  },
  keyJob: (id: string, signal?: AbortSignal) => request<KeyJob>(`/jobs/${id}`, { signal }),
  /** Imports the file of a dry run. */
  startImport: (wish: { from: string; on_conflict: ConflictChoice; db: number | null; name: string }) => request<{ id: string }>(`/imports${query(wish)}`, { method: 'POST' }),
  steerJob: (id: string, change: { paused?: boolean; rate?: number }) => request<unknown>(`/jobs/${id}`, { method: 'PATCH', body: change }),
  /** Where the browser itself fetches a file of many keys, as it comes. */
  exportUrl: ({ prefix, pattern, ...rest }: { db: number; prefix?: Bytes; pattern?: Bytes; type?: string; format: ExportFormat }) =>
    `${BASE}/export?${pattern === undefined ? `p=${keyWord(prefix ?? '')}` : `match=${keyWord(pattern)}`}&${fields(rest)}`,
  /** Where the browser itself fetches all of a value, as it comes. */
  rawUrl: (key: Bytes, db: number) => `${BASE}/raw?key=${keyWord(key)}&${fields({ db })}`,
  exportKeys: async (keys: readonly Bytes[], db: number, format: ExportFormat): Promise<Blob> => {
    const response = await send(`${BASE}/export`, { method: 'POST', body: { db, keys, format } });
    if (!response.ok) throw await failure(response);
    return response.blob();
  },
  executeArgs: (args: readonly Bytes[], db: number) => request<Executed>('/execute', { method: 'POST', body: { db, args } }),
  execute: (line: string, db: number, signal?: AbortSignal) => request<Executed>('/execute', { method: 'POST', body: { db, line }, signal }),
  /** As `execute`; the server keeps the line for its user, without secrets. */
  executeTyped: (line: string, db: number) => request<Executed>('/execute', { method: 'POST', body: { db, line, remember: true } }),
  consoleHistory: () => request<ConsoleHistory>('/console/history'),
  clearConsoleHistory: () => request<void>('/console/history', { method: 'DELETE' }),
  commands: (signal?: AbortSignal) => request<{ commands: CommandRow[] }>('/commands', { signal }),
  /** What is listened to and matches the glob. */
  pubsub: (match: string, signal?: AbortSignal) => request<Listening>(`/pubsub${query({ match, limit: 200 })}`, { signal }),
  clients: (signal?: AbortSignal) => request<Clients>('/clients', { signal }),
  killClient: (id: string) => request<{ killed: boolean }>(`/clients/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  slowlog: (signal?: AbortSignal) => request<SlowLog>('/slowlog?limit=128', { signal }),
  resetSlowlog: () => request<{ reset: boolean }>('/slowlog', { method: 'DELETE' }),
  audit: (filter: AuditFilter, before: string | null, limit: number, signal?: AbortSignal) => request<AuditPage>(`/audit${query({ kind: filter.kind, user: filter.user, q: filter.q, from: filter.from, before, limit })}`, { signal }),
  config: (signal?: AbortSignal) => request<Configuration>('/config', { signal }),
  configChanges: () => request<{ changes: ConfigChange[] }>('/config/changes'),
  setConfig: (set: Record<string, string>) => request<{ changed: string[] }>('/config', { method: 'PUT', body: { set, rewrite: false } }),
  startBench: (wish: BenchRequest) => request<{ id: string }>('/bench', { method: 'POST', body: wish }),
  startGenerate: (wish: GenerateRequest) => request<{ id: string }>('/generate', { method: 'POST', body: wish }),
  benchJobs: (signal?: AbortSignal) => request<{ jobs: BenchJob[] }>('/jobs?kind=bench', { signal }),
  generateJobs: (signal?: AbortSignal) => request<{ jobs: GenerateJob[] }>('/jobs?kind=generate', { signal }),
  /** Ends one that runs, forgets one that has ended. */
  endJob: (id: string) => request<unknown>(`/jobs/${id}`, { method: 'DELETE' }),
  sessions: (signal?: AbortSignal) => request<{ sessions: SessionLine[]; all: boolean }>('/sessions', { signal }),
  endSession: (handle: string) => request<void>(`/sessions/${handle}`, { method: 'DELETE' }),
  aclUsers: (signal?: AbortSignal) => request<AclUsers>('/acl/users', { signal }),
  storeUser: (name: Bytes, change: AclChange) => request<{ created: boolean }>(`/acl/users/?name=${keyWord(name)}`, { method: 'PUT', body: change }),
  deleteUser: (name: Bytes) => request<{ deleted: boolean }>(`/acl/users/?name=${keyWord(name)}`, { method: 'DELETE' }),
  dryRun: (user: Bytes, line: string) => request<{ allowed: boolean; reason: string | null }>('/acl/dryrun', { method: 'POST', body: { user, line } }),
  saveUsers: () => request<{ saved_to: 'aclfile' | 'config' }>('/acl/save', { method: 'POST', body: {} }),
  snapshots: (signal?: AbortSignal) => request<Snapshots>('/snapshots', { signal }),
  /** One that may go when it is not needed any more, for its file to be taken away. */
  takeForBackup: () => request<{ id: string | null; state: 'done' | 'running' }>('/snapshot', { method: 'POST', body: { label: 'backup', full: true, temporary: true } }),
  takeSnapshot: (label: string, full: boolean) => request<{ id: string | null; state: 'done' | 'running' }>('/snapshot', { method: 'POST', body: { label, full } }),
  deleteSnapshot: (name: string) => request<{ deleted: boolean }>(`/snapshots/${name}`, { method: 'DELETE' }),
  previewRestore: (name: string, signal?: AbortSignal) => request<RestorePreview>(`/snapshots/${name}/restore`, { signal }),
  restore: (name: string, confirm: string, snapshot_first: boolean) => request<Restore>(`/snapshots/${name}/restore`, { method: 'POST', body: { confirm, snapshot_first } }),
};

/** Where the file of a full snapshot is. */
export function snapshotFileUrl(name: string): string {
  return `/api/v1/snapshots/${encodeURIComponent(name)}/file`;
}
