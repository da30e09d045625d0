// The shapes of the HTTP and WebSocket contract (docs/design/0010-control-plane.md), as the server sends them.
// `null` always means "not known" or "none", never zero. Times are Unix milliseconds.

/** Bytes of a key, a member or a value: text where they are UTF-8, else base64. */
export type Bytes = string | { b64: string };

/** Bytes in a page, which may be cut: `bytes` is then the whole length. */
export type PageBytes = Bytes | { text?: string; b64?: string; bytes: number; cut: true };

/** A number up to 2^53−1 in size, beyond that its decimal digits. */
export type Int = number | string;

export type Score = number | 'inf' | '-inf' | 'nan';

export interface ServerInfo {
  name: string;
  version: string;
  redis_version: string;
  /** Left out, as the port, for who is not signed in. */
  run_id?: string;
  environment: string | null;
  tls: boolean;
  port?: number;
  started_ms: number;
  time_ms: number;
  state: 'loading' | 'ready' | 'stopping';
}

export interface LiveSession {
  authenticated: true;
  user: string;
  csrf: string;
  created_ms: number;
  expires_ms: number;
  idle_ms: number;
  mode: 'read-only' | 'unlocked';
  unlocked_until_ms: number | null;
  /** Whether unlocking asks for the password again. */
  unlock_needs_password: boolean;
  can_write: boolean;
  capabilities: Record<string, boolean>;
  databases: number;
  open: boolean;
  server: ServerInfo;
}

export interface NoSession {
  authenticated: false;
  open: boolean;
  server: ServerInfo;
}

export type Session = LiveSession | NoSession;

/** The figures of one second. Rates are per second. */
export interface Sample {
  t: number;
  keys: number;
  expires: number;
  ops: number | null;
  ops_total: number;
  reads: number | null;
  writes: number | null;
  errors: number | null;
  p50_us: number | null;
  p95_us: number | null;
  p99_us: number | null;
  p999_us: number | null;
  mem: number;
  mem_peak: number;
  rss: number | null;
  maxmemory: number;
  dataset: number | null;
  clients_mem: number | null;
  clients: number;
  blocked: number;
  hits_total: number;
  misses_total: number;
  hit_ratio: number | null;
  net_in: number | null;
  net_out: number | null;
  expired_total: number;
  evicted_total: number;
  cpu: number | null;
  uptime_s: number;
  /** 0 to 1; null while no snapshot is being taken. */
  snapshot_captured: number | null;
  /** How much of the data that is being loaded was read, 0 to 1; these are null while none is. */
  load_share: number | null;
  load_keys: number | null;
  load_records: number | null;
  load_rest_s: number | null;
  snapshot_newest_ms: number | null;
  /** When a setting was changed last in this run. */
  config_changed_ms: number | null;
  snapshots_total: number;
  /** Parts of `rss`; they add up to it. */
  rss_data: number;
  rss_index: number;
  rss_buffers: number;
  rss_program: number;
  rss_other: number;
  state: 'loading' | 'ready' | 'stopping';
}

export interface DatabaseCount {
  db: number;
  keys: number;
  expires: number;
}

export interface Stats extends Sample {
  databases?: DatabaseCount[];
}

export interface History {
  interval_ms: number;
  fields: string[];
  points: (number | null)[][];
}

/** Resident memory; the parts add up to `rss`. */
export interface MemoryView {
  rss: number;
  parts: { name: string; bytes: number }[];
  absent: number;
  used: number;
  peak: number;
  keys: number;
}

export interface KeyRow {
  /** Cut where it is too long to be opened by. */
  key: PageBytes;
  type: string | null;
  ttl_ms: number | null;
  /** Memory, about; null without the right to ask. */
  bytes?: number | null;
}

export interface KeyPage {
  db: number;
  keys: KeyRow[];
  cursor: string | null;
  scanned: number;
}

/** A key that matches what was typed, in whatever database. */
export interface FoundKey extends KeyRow {
  db: number;
  found: 'exact' | 'begins' | 'contains';
}

/** A prefix that begins with what was typed; null numbers where it only leads to what may be read. Bytes are about. */
export interface FoundPrefix {
  db: number;
  prefix: Bytes;
  keys: number | null;
  bytes: number | null;
  exact: boolean;
}

export interface Found {
  keys: FoundKey[];
  /** Null where they are not counted or may not be seen, and in later pages. */
  prefixes: FoundPrefix[] | null;
  /** Whether all databases have told theirs. */
  prefixes_whole: boolean;
  /** Keys that were looked at for this page; null without the right to. */
  looked_at: number | null;
  keys_total: number | null;
  /** Where to look further; null where all were looked at, or may not be. */
  cursor: string | null;
}

export type TreeSort = 'bytes' | 'count' | 'name';
/** Also orders that the index does not keep. */
export type TreeOrder = TreeSort | 'expiry' | 'heat';

/** A prefix, up to a separator; null numbers where it only leads to what may be read. Bytes are about. */
export interface TreeBranch {
  prefix: Bytes;
  keys: number | null;
  bytes: number | null;
  branches: number;
}

export interface TreeView {
  db: number;
  prefix: Bytes;
  separator: string;
  db_keys: number | null;
  db_bytes: number | null;
  keys: number | null;
  bytes: number | null;
  /** Keys in none of the branches. */
  loose: number | null;
  exact: boolean;
  progress: number;
  branches: TreeBranch[];
  branches_total: number;
  cursor: string | null;
}

export interface TreeKeys {
  db: number;
  keys: KeyRow[];
  cursor: string | null;
}

/** `error`: why a page that came with its key has no elements. */
export type ItemsPage = {
  error?: { code: string; message: string };
  /** Elements that a search looked at for this page. */
  scanned?: number;
} & (
  | { type: 'string'; value: PageBytes; offset: number; length: number; cursor: string | null }
  | { type: 'list'; items: { index: number; value: PageBytes }[]; cursor: string | null }
  | { type: 'set'; items: { member: PageBytes }[]; cursor: string | null }
  | { type: 'hash'; items: { field: PageBytes; value: PageBytes; ttl_ms?: number | null }[]; cursor: string | null }
  | { type: 'zset'; items: { member: PageBytes; score: Score }[]; cursor: string | null }
  | { type: 'stream'; items: { id: string; fields: [PageBytes, PageBytes][] }[]; cursor: string | null }
);

export interface KeyView {
  key: Bytes;
  db: number;
  type: string;
  encoding: string | null;
  ttl_ms: number | null;
  bytes: number | null;
  length: number | null;
  page: ItemsPage;
}

/** When a field expires by the clock of this machine, which is known here only: what is sent is the time that it has left then. */
export interface FieldExpiry {
  /** When it was to expire as it was seen; null for never, absent where that is not known. */
  until_was?: number | null;
  /** In place of `ttl_ms`, of edits that turn others back. */
  until?: number;
}

/** One change of what is in a key. `was` is what was seen: null for nothing, absent where it does not matter. */
export type KeyEdit =
  | { op: 'set'; value: Bytes; was?: Bytes }
  /** Without `ttl_ms` the expiry of the field stays; null takes it away. */
  | ({ op: 'hset'; field: Bytes; value: Bytes; was?: Bytes | null; ttl_ms?: number | null } & FieldExpiry)
  | ({ op: 'hdel'; field: Bytes; was?: Bytes | null } & FieldExpiry)
  | ({ op: 'hpexpire'; field: Bytes; ttl_ms?: number } & FieldExpiry)
  | ({ op: 'hpersist'; field: Bytes } & FieldExpiry)
  | { op: 'lset'; index: number; value: Bytes; was: Bytes }
  | { op: 'lrem'; index: number; was: Bytes }
  | { op: 'lpush' | 'rpush'; value: Bytes }
  | { op: 'sadd' | 'srem'; member: Bytes; was?: boolean }
  | { op: 'zadd'; member: Bytes; score: Score; was?: Score | null }
  | { op: 'zrem'; member: Bytes; was?: Score | null }
  | { op: 'xadd'; id: string; fields: [Bytes, Bytes][] }
  | { op: 'xdel'; id: string }
  | { op: 'pexpire'; ttl_ms: number }
  | { op: 'persist' }
  | { op: 'rename'; to: Bytes };

export interface Edited {
  key: Bytes;
  db: number;
  edits: number;
  exists: boolean;
}

/** What is there instead of what the edit of this number has seen. */
export interface EditConflict {
  edit: number;
  now: PageBytes | Score | boolean | null;
}

/** A whole value to be. */
export type NewValue =
  | { type: 'string'; value: Bytes }
  | { type: 'list'; items: Bytes[] }
  | { type: 'set'; members: Bytes[] }
  | { type: 'hash'; fields: [Bytes, Bytes][] }
  | { type: 'zset'; members: [Bytes, Score][] }
  | { type: 'stream'; entries: { id: string; fields: [Bytes, Bytes][] }[] };

export interface RemovedKey {
  deleted: boolean;
  /** What RESTORE makes it of again, where it was asked for. */
  dump?: string;
  ttl_ms?: number;
}

export type BulkVerb = 'delete' | 'expire' | 'persist' | 'rename-prefix';

/** A change of many keys: those of a prefix, a pattern, or a list. */
export interface BulkWish {
  db: number;
  action: BulkVerb;
  prefix?: Bytes;
  pattern?: Bytes;
  keys?: readonly Bytes[];
  type?: string;
  ttl_ms?: number;
  to?: Bytes;
  rate?: number;
  snapshot_first?: boolean;
  confirm?: string;
}

export type ExportFormat = 'jsonl' | 'commands';

/** What it would be about. */
export interface BulkPreview {
  keys: number;
  exact: boolean;
  bytes: number | null;
  samples: { key: PageBytes; type: string | null; ttl_ms: number | null; bytes: number | null; to: PageBytes | null; taken: boolean; left: boolean }[];
  branches: { prefix: PageBytes; keys: number }[];
  confirm: string | null;
}

/** What a job tells of itself; empty before the first key. */
export interface BulkResult {
  changed: number;
  idle: number;
  /** They had the new prefix before. */
  skipped: number;
  /** Errors that may have been changed: there was no answer in time. */
  unknown: number;
  errors: { key: PageBytes; code: string; message: string }[];
  errors_left_out: number;
  rate: number;
  seconds: number;
  snapshot: string | null;
}

export type ImportFormat = 'rdb' | 'aof' | 'jsonl' | 'csv' | 'commands';
export type ConflictChoice = 'skip' | 'overwrite' | 'fail';

export interface ImportRequest {
  format: ImportFormat;
  on_conflict: ConflictChoice;
  dry_run: boolean;
  /** Where all keys go to; null for where the file says. */
  db: number | null;
  rate: number;
  name: string;
  bytes: number;
}

/** What an import tells of itself, or what its dry run has found. */
export interface ImportResult {
  /** Keys and commands. */
  changed: number;
  keys: number;
  commands: number;
  /** Expired before they came. */
  idle: number;
  skipped: number;
  existing: number;
  unknown: number;
  /** Keys by type, commands by name. */
  kinds: Record<string, number>;
  samples: { key: PageBytes; db: number; type: string; ttl_ms: number | null; bytes: number | null; exists: boolean; line: number | null; offset: number }[];
  errors: { key: PageBytes | null; line: number | null; offset: number; code: string; message: string }[];
  errors_left_out: number;
  note: string | null;
  /** Until then a dry run can be imported without its file being sent again. */
  kept_until_ms: number | null;
}

export type ImportJob = Job<ImportRequest, ImportResult>;
/** What the strip of jobs in the Explorer shows. */
export type KeyJob = BulkJob | ImportJob;

/** Another user's has neither prefix nor pattern, and does not say what takes the prefix's place. */
export type BulkJob = Job<Omit<BulkWish, 'keys' | 'confirm'> & { keys_count?: number; rate: number }, BulkResult>;

export type Reply =
  | { type: 'status'; value: string }
  | { type: 'error'; code: string; message: string }
  | { type: 'integer'; value: Int }
  | { type: 'string'; value: Bytes }
  | { type: 'null' }
  | { type: 'double'; value: Score }
  | { type: 'boolean'; value: boolean }
  | { type: 'big_number'; value: string }
  | { type: 'verbatim'; format: string; value: Bytes }
  | { type: 'array' | 'set' | 'push'; items: Reply[] }
  | { type: 'map'; entries: [Reply, Reply][] };

export interface Executed {
  command: string;
  reply: Reply;
  duration_us: number;
}

/** Settings that were changed together. */
export interface ConfigChange {
  t: number;
  names: string[];
}

/** What the user has run in the console, oldest first; secrets are `(redacted)`. */
export interface ConsoleHistory {
  /** Whether the server keeps lines. */
  enabled: boolean;
  /** The file cannot be written or removed at the moment: it may still have what was deleted. */
  file_failing?: boolean;
  entries: { line: string; db: number; t: number }[];
}

export interface CommandRow {
  /** Lower case; a subcommand as `config|get`. */
  name: string;
  summary: string;
  since: string;
  group: string;
  complexity: string;
  arity: number;
  flags: string[];
  categories: string[];
  syntax: string;
  allowed: boolean;
  read_only: boolean;
  unsupported: string | null;
}

/** What a command that goes on has brought: a message, a confirmation, a command that MONITOR shows, an error. */
export interface RunRow {
  t: number;
  kind: string;
  pattern?: PageBytes;
  channel?: PageBytes;
  message?: PageBytes;
  /** Subscriptions after a confirmation. */
  count?: number;
}

export type RunKind = 'subscribe' | 'monitor' | 'blocking';

/** What the socket of a command says that listens or waits. */
export type RunMessage =
  | { type: 'began'; data: { command: string; kind: RunKind; t: number } }
  | { type: 'rows'; data: { lost: number; rows: RunRow[]; seq: string } }
  | { type: 'ended'; data: { reason: string; reply: Reply | null; duration_us: number } }
  | { type: 'error'; data: { code: string; message: string; details?: Record<string, unknown> } };

/** How much is listened to; rates are per second. */
export interface ListeningTotals {
  t: number;
  channels: number;
  patterns: number;
  shard_channels: number;
  subscriptions: number;
  published: number | null;
  delivered: number | null;
  published_total: Int;
  /** Grows with each subscription that begins or ends. */
  changes: Int;
}

export interface Listening extends ListeningTotals {
  matching: number;
  names: ListenedTo[];
}

export interface ListenedTo {
  kind: 'channel' | 'pattern' | 'shard';
  name: PageBytes;
  subscribers: number;
  /** Since somebody listens. */
  messages: Int;
  /** Per second, since they were asked for before. */
  messages_s: number | null;
}

export interface ClientRow {
  id: string;
  addr: string;
  laddr: string;
  name: PageBytes;
  user: string;
  db: number;
  age_s: number;
  idle_s: number;
  flags: string;
  cmd: string;
  sub: number;
  psub: number;
  ssub: number;
  multi: number;
  qbuf: number;
  omem: number;
  /** Bytes of replies that wait to be sent: the first 16 KiB, and what is behind them. */
  obl: number;
  tot_mem: number;
  resp: number;
  lib_name: string;
  lib_ver: string;
  /** Bytes per second; null where they are not known yet. */
  in_s: number | null;
  out_s: number | null;
}

export interface Clients {
  t: number;
  clients: ClientRow[];
}

/** What has become of the clients since the message before. */
export interface ClientsChange {
  t: number;
  total: number;
  rows: ClientRow[];
  gone: string[];
  /** Changed rows that are not told. */
  left_out: number;
}

export interface SlowEntry {
  id: string;
  time_ms: number;
  duration_us: number;
  args: PageBytes[];
  /** Places of whole keys among them. */
  keys: number[];
  db: number;
  client_id: string;
  addr: string;
  name: Bytes;
}

/** An entry as it comes, or that the log was emptied. */
export type SlowMessage = SlowEntry | { cleared: true };

export interface SlowLog {
  threshold_us: number | null;
  max_len: number | null;
  entries: SlowEntry[];
}

export interface Setting {
  name: string;
  value: string | null;
  default: string | null;
  accepts: string;
  summary: string;
  source: 'default' | 'environment' | 'file' | 'command-line' | 'runtime';
  changes: 'now' | 'restart' | 'protected';
  effect: 'yes' | 'none';
  sensitive: boolean;
}

export interface Configuration {
  file: string | null;
  settings: Setting[];
}

export interface SnapshotRow {
  id: string;
  label: string;
  lsn: Int;
  created_ms: number;
  kind: 'full' | 'incremental' | 'upload';
  bytes: number;
  keys: number;
  kept: boolean;
  file: string;
  base: string | null;
}

export interface AclUser {
  name: Bytes;
  enabled: boolean;
  nopass: boolean;
  passwords: number;
  /** All rules but those about logging in. */
  rules: string[];
  /** False where a rule is no text. */
  editable: boolean;
  clients: number | null;
  sessions: number | null;
}

export interface AclUsers {
  users: AclUser[];
  roles: string[];
  saves_to: 'aclfile' | 'config' | null;
}

export interface AclChange {
  enabled?: boolean;
  rules?: string[];
  passwords?: 'keep' | 'replace' | 'add' | 'clear' | 'any';
  password?: string;
  if?: 'absent' | 'exists';
  was?: string[];
}

export interface SessionLine {
  handle: string;
  user: string;
  addr: string;
  created_ms: number;
  last_ms: number;
  unlocked_until_ms: number | null;
  current: boolean;
}

/** How data is kept. */
export interface Persistence {
  log: boolean;
  log_failure: string | null;
  log_segments: number | null;
  log_bytes: number | null;
  lsn: Int;
  durable_lsn: Int;
  changes: number;
  saving: boolean;
  last_save_failed: boolean;
  last_took_s: number | null;
  load: { keys: number; ms: number } | null;
  settings: { fsync: string; fsync_interval_ms: number | null; save: string; interval_s: number | null; retention: number | null } | null;
}

export interface Restore {
  id: string;
  user: string;
  state: 'running' | 'done' | 'failed';
  began_ms: number;
  ended_ms: number | null;
  error: string | null;
}

export interface Snapshots {
  snapshots: SnapshotRow[];
  persistence: Persistence | null;
  restore: Restore | null;
}

export interface RestorePreview {
  snapshot: SnapshotRow;
  keys_now: number | null;
  writes_lost: Int | null;
  since_ms: number;
  estimate_ms: number | null;
  confirm: string;
}

export interface Health {
  status: 'ok' | 'degraded' | 'loading';
  state: string;
  version: string;
  uptime_s: number;
  checks: Record<string, string>;
}

export interface Failure {
  success: false;
  error: { code: string; message: string; details?: Record<string, unknown> };
  request_id: string;
}

export type HotKeyAdvice = 'client-cache' | 'short-cache' | 'split';

export interface HotKey {
  /** Cut where it is long. */
  key: PageBytes;
  db: number;
  /** Commands per second, estimated from a sample where there are many. */
  rate: number;
  reads: number;
  writes: number;
  /** Of the uses of all keys. */
  share: number;
  /** Commands per second in each part, the present one last. */
  history: number[];
  advice: HotKeyAdvice | null;
}

/** The keys that are used most, hottest first. */
export interface HotKeys {
  t: number;
  uses: number;
  part_s: number;
  keys: HotKey[];
}

/** What a command has done since the start, or since CONFIG RESETSTAT. Times are in the command, without waiting and network. */
export interface CommandCounts {
  name: string;
  family: string;
  calls: number;
  /** Calls per second over the last `span_s`. */
  rate: number | null;
  /** Mean time of a call in these seconds. */
  mean_us: number | null;
  failed: number;
  rejected: number;
  usec: number;
  p50_us: number | null;
  p95_us: number | null;
  p99_us: number | null;
  p999_us: number | null;
}

export interface CommandStats {
  t: number;
  span_s: number;
  part_s: number;
  /** Whether durations are counted. */
  tracking: boolean;
  commands: CommandCounts[];
  /** How many more there are. */
  left_out: number;
  /** Those called in the last ten minutes; calls per second in each part, the present one last. */
  families: { name: string; rate: number | null; history: (number | null)[] }[];
}

export interface OneCommand extends CommandCounts {
  t: number;
  tracking: boolean;
  histogram: { to_us: number; count: number }[];
}

export type AlertKind = 'hot_key' | 'memory' | 'latency' | 'errors' | 'rejected' | 'evictions' | 'blocked' | 'persistence';

export interface Alert {
  id: string;
  type: AlertKind;
  rule: string;
  state: 'firing' | 'resolved';
  since: number;
  until: number | null;
  /** In the unit of its rule. */
  value: number;
  worst: number;
  threshold: number;
  text: string | null;
  key: PageBytes | null;
  db: number | null;
  qps: number | null;
}

/** `threshold` 0 is off. */
export interface AlertRule {
  name: string;
  type: AlertKind;
  summary: string;
  threshold: number;
  default: number;
  unit: string;
  setting: string;
  holds_s: number;
}

export interface Alerts {
  alerts: Alert[];
  firing: number;
  rules: AlertRule[];
  /** Null without the right to read settings. */
  webhooks: Webhook[] | null;
}

/** How it went to send something to a webhook. */
export interface Delivery {
  t: number;
  /** Id of the alert, or `test`. */
  alert: string;
  delivered: boolean;
  status: number | null;
  error: string | null;
  took_ms: number;
  attempt: number;
}

/** An address that alerts are sent to; all but scheme, host and port is masked. */
export interface Webhook {
  id: string;
  url: string;
  state: 'new' | 'good' | 'failing';
  waiting: number;
  /** Attempts in a row that failed, tests left out. */
  failures: number;
  delivered_total: number;
  /** When something was taken last. */
  delivered_ms: number | null;
  dropped_total: number;
  last: Delivery | null;
}

/** What pages may subscribe to beside the figures, and what comes then. */
export interface TopicData {
  job: JobMessage;
  hotkeys: HotKeys;
  alert: Alert;
  command: CommandMessage;
  keyspace: BranchChange;
  webhooks: { webhooks: Webhook[] };
  commandstats: CommandStats;
  slowlog: SlowMessage;
  clients: ClientsChange;
  memory: MemoryView;
  pubsub: ListeningTotals;
  audit: AuditEntry;
}

export type TopicName = keyof TopicData;

/** `seq`: up to where all has come, with this message. */
export type TopicMessage = { [Name in TopicName]: { type: Name; data: TopicData[Name]; seq?: string } }[TopicName];

export const AUDIT_KINDS = ['sign-in', 'access', 'settings', 'data', 'backup', 'server', 'refused'] as const;

export type AuditKind = (typeof AUDIT_KINDS)[number];

/** An event of the audit log. */
export interface AuditEntry {
  /** An event that is counted again keeps it. */
  id: number;
  t: number;
  first_ms: number;
  count: number;
  kind: AuditKind;
  event: string;
  /** A command's full name, a user that was tried, a reason, the id of a job, an address. */
  what: string;
  outcome: string;
  user: string;
  by: string;
  addr: string;
  request_id: string;
  detail: string;
}

export interface AuditPage {
  entries: AuditEntry[];
  next: number | null;
  dropped: number;
  since_ms: number;
  file: string | null;
}

export interface AuditFilter {
  kind: AuditKind | '';
  user: string;
  q: string;
  from: number | null;
}

/** What has become of a branch of the key tree, those below it included. */
export interface BranchChange {
  t: number;
  db: number;
  prefix: Bytes;
  /** Null where it is not known. */
  created: number | null;
  deleted: number | null;
  expired: number | null;
  keys: number;
  bytes: number;
  /** Branches below it have changed, or may have, that are not told. */
  below: boolean;
}

/** A command as it was run, one of `sample`. */
export interface CommandMessage {
  t: number;
  cmd: string;
  /** The first key. */
  key: PageBytes | null;
  /** The first of the other words, without secrets; `more` are left out. */
  args: PageBytes[];
  more: number;
  db: number;
  /** The client, or that of the script that called it. */
  cid: string;
  addr: string;
  /** Null of one that waits. */
  latency_us: number | null;
  failed: boolean;
  sample: number;
}

/** Where work on the server stands; each kind of job adds what it has to say. */
export interface JobMessage {
  id: string;
  kind: string;
  state: string;
  phase?: string;
  done?: number;
  total?: number;
  errors?: number;
  /** The newest figures of a job: of a benchmark a point of its series. */
  point?: unknown;
}

export interface BenchRequest {
  db: number;
  mix: { command: string; weight: number }[];
  keys: number;
  value_bytes: number;
  clients: number;
  pipeline: number;
  duration_s: number;
  rate: number | null;
  seed: number;
  fill: boolean;
}

export interface BenchPoint {
  /** From the start to the end of the interval. */
  s: number;
  rps: number;
  p50_us: number;
  p95_us: number;
  p99_us: number;
  p999_us: number;
  max_us: number;
}

export interface Percentiles {
  requests: number;
  p50_us: number;
  p95_us: number;
  p99_us: number;
  p999_us: number;
  max_us: number;
  mean_us: number;
}

export interface BenchResult {
  seconds: number;
  rps: number;
  all: Percentiles;
  by_command: Percentiles[];
  errors: { text: string; count: number }[];
  unanswered: number;
  late: number;
  generator_cores: number;
  series: BenchPoint[];
  histogram: { to_us: number; count: number }[];
}

export type GenerateType = 'string' | 'hash' | 'list' | 'set' | 'zset' | 'stream';

export interface GenerateRequest {
  db: number;
  prefix: string;
  types: GenerateType[];
  keys: number;
  value_bytes: number;
  ttl_s: [number, number] | null;
  seed: number;
  rate: number | null;
}

export interface Job<Request, Result> {
  id: string;
  kind: 'bench' | 'generate' | 'bulk' | 'import';
  state: 'running' | 'paused' | 'done' | 'failed' | 'aborted';
  user: string;
  began_ms: number;
  ended_ms: number | null;
  phase: string;
  done: number;
  total: number;
  errors: number;
  error: string | null;
  request: Request;
  /** Empty while there is none. */
  result: Partial<Result>;
}

export type BenchJob = Job<BenchRequest, BenchResult>;
/** Another user's has no prefix. */
export type GenerateJob = Job<Omit<GenerateRequest, 'prefix'> & { prefix?: string }, { written: number; skipped: number; seconds: number }>;

/** What the server may say over the WebSocket. */
export type ServerMessage =
  | TopicMessage
  | { type: 'welcome'; data: { sid: string; resumed: boolean; seq?: string; topics?: string[]; server: ServerInfo; limits?: { hz: number } } }
  | { type: 'ok'; data: { id: number; resumed?: boolean } }
  | { type: 'stats'; data: Sample }
  /** What happened since the batch before; `seq` is said again once it was handled. */
  | { type: 'batch'; data: ServerMessage[]; seq: string }
  | { type: 'pong'; data: { n: number; t: number } }
  | { type: 'session'; data: { state: 'locked' | 'unlocked' | 'rights' } }
  | { type: 'gap'; data: { topic: string; lost: number | null } }
  | { type: 'error'; data: { id?: number | null; topic?: string; code: string; message: string; needs?: string } }
  | { type: 'bye'; data: { reason: string; retry_ms?: number } };
