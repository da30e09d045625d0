// What the stand-in answers: figures of a busy server made by a fixed formula, and a few keys, clients and settings.
import { fromKeyWord } from '@/lib/bytes';
import type { AuditEntry, AuditPage, AclUsers, Alerts, BenchJob, ClientRow, CommandMessage, CommandRow, CommandStats, Configuration, Executed, Found, GenerateJob, Health, History, HotKeys, ListenedTo, Listening, KeyPage, KeyView, LiveSession, MemoryView, OneCommand, Sample, ServerInfo, SlowLog, Snapshots, TreeKeys, TreeView } from '@/lib/contract';
import { FIELDS } from '@/lib/series';

export const SERVER: ServerInfo = { name: 'cache-eu-1', version: '0.1.0', redis_version: '7.2.5', run_id: 'f'.repeat(40), environment: null, tls: false, port: 6379, started_ms: Date.now() - 792_000_000, time_ms: Date.now(), state: 'ready' };
const STARTED = Date.now();
const RIGHTS = ['info', 'dbsize', 'scan', 'prefix.tree', 'prefix.keys', 'type', 'pttl', 'memory|stats', 'memory|usage', 'object|encoding', 'get', 'set', 'unlink', 'client|list', 'client|kill', 'slowlog|get', 'slowlog|reset', 'config|get', 'config|set', 'config|rewrite', 'hotkeys.list', 'snapshot.list', 'snapshot.create', 'snapshot.delete', 'snapshot.info', 'snapshot.restore', 'snapshot.read', 'snapshot.write', 'acl|list', 'acl|log', 'acl|getuser', 'acl|setuser', 'acl|deluser', 'acl|dryrun', 'acl|save', 'latency|latest', 'monitor', 'publish'];
export const SESSION: LiveSession = { authenticated: true, user: 'default', csrf: '', created_ms: 0, expires_ms: 0, idle_ms: 1_800_000, mode: 'read-only', unlocked_until_ms: null, unlock_needs_password: false, can_write: true, capabilities: Object.fromEntries(RIGHTS.map((right) => [right, true])), databases: 16, open: false, server: SERVER };
export const HEALTH: Health = { status: 'ok', state: 'ready', version: '0.1.0', uptime_s: 9, checks: { persistence: 'ok', memory: 'ok' } };
export const DATABASES = [{ db: 0, keys: 9_612_044, expires: 1_204_331 }, { db: 1, keys: 180_210, expires: 0 }, { db: 4, keys: 19_790, expires: 12_000 }];

// Smooth and busy without chance: waves of several lengths over one another.
function wave(t: number, ...lengths: number[]): number {
  return lengths.reduce((sum, length, at) => sum + Math.sin(t / length + at) / (at + 1), 0) / lengths.length;
}

export class Clock {
  private points: Sample[] = [];

  constructor() {
    const now = Math.floor(Date.now() / 1000);
    for (let second = now - 900; second <= now; second += 1) this.points.push(sampleAt(second));
  }

  get newest(): Sample {
    return this.points.at(-1) ?? sampleAt(0);
  }

  next(): Sample {
    const sample = sampleAt(Math.floor(Date.now() / 1000));
    this.points.push(sample);
    return sample;
  }

  history(since: number): History {
    const fields = ['t', ...FIELDS];
    const points = this.points.filter((point) => point.t >= since).map((point) => fields.map((field) => (point as unknown as Record<string, number | null>)[field] ?? null));
    return { interval_ms: 1000, fields, points };
  }
}

function sampleAt(second: number): Sample {
  const load = 1 + wave(second, 11, 37, 90) * 0.35 + wave(second, 2.3, 5.1) * 0.12;
  const reads = 148_000 * load;
  const writes = 34_000 * (1 + wave(second, 23, 60) * 0.3);
  const growth = (second % 900) * 120_000;
  const dataset = 5_600_000_000 + growth;
  return {
    t: second * 1000, keys: 9_812_044 + (second % 900) * 31, expires: 1_216_331, ops: reads + writes, ops_total: 998_123_412 + second, reads, writes, errors: Math.max(0, wave(second, 17, 7) * 90),
    p50_us: 2 + load, p95_us: 6.1 * load, p99_us: 18 * load * (1 + Math.max(0, wave(second, 41, 13))), p999_us: 140 * load * (1 + Math.max(0, wave(second, 29, 53) * 3)),
    mem: dataset + 410_000_000, mem_peak: 6_700_000_000, rss: dataset + 900_000_000, maxmemory: 8 * 1024 ** 3, dataset, clients_mem: 212_000_000 * load,
    clients: 412 + Math.round(wave(second, 40) * 12), blocked: 3, hits_total: 98_123_412, misses_total: 1_292_000, hit_ratio: 0.987 + wave(second, 30) * 0.006, net_in: 12_400_000 * load, net_out: 31_900_000 * load,
    expired_total: 4_120, evicted_total: 0, cpu: 1.6 * load, uptime_s: 792_000, snapshot_captured: null, load_share: null, load_keys: null, load_records: null, load_rest_s: null, snapshot_newest_ms: STARTED - 360_000, config_changed_ms: null, snapshots_total: 3, ...memoryParts(dataset, 212_000_000 * load), state: 'ready',
  };
}

// Parts of `rss`, which is 900 MB more than the data.
function memoryParts(dataset: number, clients: number) {
  const rss_index = 410_000_000;
  const rss_program = 26_000_000;
  return { rss_data: dataset - rss_index, rss_index, rss_buffers: clients, rss_program, rss_other: 900_000_000 - clients - rss_program };
}

export function memory(sample: Sample): MemoryView {
  const bytes = { program: 22_100_000, server: 3_400_000, tables: 372_000_000, expiry: 37_600_000, data: sample.rss_data, index: 400_000, clients: Math.round(sample.rss_buffers) - 6_000_000, tracking: 3_100_000, scripts: 500_000, log: 1_600_000, http: 1_300_000 };
  const rss = sample.rss ?? 0;
  const known = Object.values(bytes).reduce((sum, one) => sum + one, 0);
  return { rss, parts: [...Object.entries(bytes), ['other', rss - known] as const].map(([name, size]) => ({ name, bytes: size })), absent: 0, used: sample.mem, peak: sample.mem_peak, keys: sample.keys };
}

function command(name: string, syntax: string, summary: string, group: string, read_only: boolean): CommandRow {
  return { name, summary, since: '1.0.0', group, complexity: 'O(1)', arity: 2, flags: [], categories: [read_only ? 'read' : 'write', 'fast'], syntax, allowed: true, read_only, unsupported: null };
}

export const COMMANDS: CommandRow[] = [
  command('get', 'GET key', 'Answers the string value of a key.', 'string', true),
  command('getrange', 'GETRANGE key start end', 'Answers a part of a string.', 'string', true),
  command('set', 'SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]', 'Sets the string value of a key.', 'string', false),
  command('setex', 'SETEX key seconds value', 'Sets a string with its expiry.', 'string', false),
  command('hgetall', 'HGETALL key', 'Answers all fields of a hash with their values.', 'hash', true),
  command('hset', 'HSET key field value [field value ...]', 'Sets fields of a hash.', 'hash', false),
  command('zrange', 'ZRANGE key start stop [BYSCORE | BYLEX] [REV] [WITHSCORES]', 'Answers members of a sorted set.', 'sorted-set', true),
  command('config|get', 'CONFIG GET parameter [parameter ...]', 'Answers the values of settings.', 'server', true),
  command('dbsize', 'DBSIZE', 'Answers the number of keys.', 'server', true),
  command('info', 'INFO [section [section ...]]', 'Answers figures about the server.', 'server', true),
];

export function execute(line: string): Executed {
  const done = (name: string, reply: Executed['reply']): Executed => ({ command: name, reply, duration_us: 38 });
  if (/^hgetall/i.test(line)) {
    const text = (value: string) => ({ type: 'string' as const, value });
    return done('hgetall', { type: 'map', entries: [[text('name'), text('Ada Lovelace')], [text('visits'), text('42')], [text('cart'), text('{"items":3,"total":117.5}')], [text('city'), text('Zürich')]] });
  }
  if (/^zrange/i.test(line)) return done('zrange', { type: 'array', items: [['ada', 412], ['grace', 388], ['edsger', 251]].map(([member, score]) => ({ type: 'array' as const, items: [{ type: 'string' as const, value: String(member) }, { type: 'double' as const, value: Number(score) }] })) });
  if (/^dbsize/i.test(line)) return done('dbsize', { type: 'integer', value: 9_812_044 });
  if (/^get /i.test(line)) return done('get', { type: 'string', value: '{"name":"lamp","price":19}' });
  if (/^set /i.test(line)) return done('set', { type: 'status', value: 'OK' });
  return done('error', { type: 'error', code: 'ERR', message: `ERR unknown command '${line.split(' ')[0] ?? ''}'` });
}

const NAMES = ['ada', 'grace', 'edsger', 'barbara', 'donald', 'frances'];
const CMDS = ['get', 'hgetall', 'set', 'zadd', 'expire', 'publish'];
export const CLIENTS: ClientRow[] = Array.from({ length: 40 }, (_, at) => ({
  id: String(812 + at), addr: `10.4.${at % 7}.${20 + at}:${50_000 + at * 37}`, laddr: '10.4.0.2:6379', name: at % 3 === 0 ? `worker-${at}` : '', user: NAMES[at % 6] ?? '', db: at % 9 === 0 ? 1 : 0, age_s: 86_400 - at * 1711, idle_s: at % 5,
  flags: 'N', cmd: CMDS[at % 6] ?? '', sub: 0, psub: 0, ssub: 0, multi: -1, qbuf: 0, obl: 0, omem: 0, in_s: null, out_s: null, tot_mem: 22_400 + at * 731, resp: 3, lib_name: at % 2 === 0 ? 'redis-py' : 'node-redis', lib_ver: at % 2 === 0 ? '5.2.1' : '4.7.0',
}));

const HOT: readonly [string, number, number, HotKeys['keys'][number]['advice']][] = [
  ['cart:77', 40_800, 200, 'client-cache'],
  ['config:flags', 22_100, 4, 'client-cache'],
  ['counter:visits', 120, 9_400, 'split'],
  ['leaderboard', 5_200, 1_900, 'short-cache'],
  ['session:user:ada', 1_420, 61, 'client-cache'],
  ['feed:home', 880, 410, 'short-cache'],
  ['rate:10.0.0.7', 9, 310, 'split'],
  ['queue:mail', 41, 44, null],
];

export function hotKeys(): HotKeys {
  const keys = HOT.map(([key, reads, writes, advice], row) => {
    const rate = reads + writes;
    const history = Array.from({ length: 60 }, (_, part) => (part < row * 4 ? 0 : Math.round(rate * Math.max(0, 0.7 + wave(part + row * 9, 3, 11) * 0.6))));
    return { key, db: 0, rate, reads, writes, share: rate / 184_000, history, advice };
  });
  return { t: Date.now(), uses: 184_000, part_s: 10, keys };
}

const LISTENED: readonly [ListenedTo['kind'], string, number, number, number | null][] = [
  ['channel', 'orders:paid', 12, 48_211, 41.5],
  ['pattern', 'session:*', 4, 1_204_330, 370.2],
  ['channel', 'news', 3, 812, 0.8],
  ['shard', 'shard:17', 1, 9, null],
];

export function listening(match: string): Listening {
  const words = match.replaceAll('*', '');
  const names = LISTENED.filter(([, name]) => name.includes(words)).map(([kind, name, subscribers, messages, messages_s]) => ({ kind, name, subscribers, messages, messages_s }));
  return { t: Date.now(), channels: 2, patterns: 1, shard_channels: 1, subscriptions: 20, published: 412.5, delivered: 1630, published_total: 1_253_362, changes: 20, matching: names.length, names };
}

const COUNTED: readonly [string, string, number, number, number, number][] = [
  ['get', 'string', 61_000, 0.9, 0, 12],
  ['hgetall', 'hash', 24_000, 4.2, 0, 0],
  ['set', 'string', 18_000, 1.4, 3, 0],
  ['hincrby', 'hash', 8_400, 1.1, 0, 0],
  ['zincrby', 'sorted-set', 5_100, 2.3, 0, 0],
  ['xadd', 'stream', 3_900, 3.1, 0, 0],
  ['incr', 'string', 40, 0.8, 911, 0],
  ['keys', 'generic', 0.2, 41_000, 0, 0],
  ['config|get', 'server', 0.4, 22, 0, 1],
];

function counted([name, family, rate, mean_us, failed, rejected]: (typeof COUNTED)[number]): CommandStats['commands'][number] {
  const calls = Math.round(rate * 5400);
  return { name, family, calls, rate, mean_us, failed, rejected, usec: Math.round(calls * mean_us), p50_us: mean_us * 0.9, p95_us: mean_us * 1.9, p99_us: mean_us * 3.4, p999_us: mean_us * 12 };
}

export function commandStats(): CommandStats {
  const commands = COUNTED.map(counted);
  const families = [...new Set(commands.map((row) => row.family))].sort().map((name, row) => {
    const rate = commands.filter((one) => one.family === name).reduce((sum, one) => sum + (one.rate ?? 0), 0);
    return { name, rate, history: Array.from({ length: 60 }, (_, part) => (part < 8 ? null : Math.round(rate * Math.max(0, 0.8 + wave(part + row * 9, 3, 11) * 0.4)))) };
  });
  return { t: Date.now(), span_s: 5, part_s: 10, tracking: true, commands, left_out: 0, families };
}

export function commandStat(name: string): OneCommand | null {
  const row = COUNTED.find(([known]) => known === name);
  if (row === undefined) return null;
  const spread = Array.from({ length: 40 }, (_, at) => ({ to_us: Math.round(row[3] * 2 ** (at / 8 - 1) * 1000) / 1000, count: Math.max(1, Math.round(9000 * Math.exp(-(((at - 9) / 6) ** 2)))) }));
  return { ...counted(row), t: Date.now(), tracking: true, histogram: spread };
}

export function alerts(): Alerts {
  const now = Date.now();
  const common = { until: null, text: null, key: null, db: null, qps: null };
  return {
    alerts: [
      { ...common, id: 'a_3', type: 'hot_key', rule: 'hot-key', state: 'firing', since: now - 94_000, value: 41_000, worst: 44_100, threshold: 20_000, key: 'cart:77', db: 0, qps: 41_000 },
      { ...common, id: 'a_2', type: 'latency', rule: 'latency', state: 'resolved', since: now - 1_820_000, until: now - 1_790_000, value: 12_400, worst: 21_500, threshold: 10_000 },
      { ...common, id: 'a_1', type: 'persistence', rule: 'persistence', state: 'resolved', since: now - 8_100_000, until: now - 7_900_000, value: 1, worst: 1, threshold: 1, text: 'the last snapshot failed' },
    ],
    firing: 1,
    rules: [
      { name: 'hot-key', type: 'hot_key', summary: 'One key takes many commands.', threshold: 20_000, default: 20_000, unit: 'commands/s', setting: 'alert-hot-key-rate', holds_s: 3 },
      { name: 'memory', type: 'memory', summary: 'Memory nears maxmemory.', threshold: 90, default: 90, unit: '%', setting: 'alert-memory-percent', holds_s: 3 },
      { name: 'latency', type: 'latency', summary: 'One of a hundred commands takes long.', threshold: 10_000, default: 10_000, unit: 'µs', setting: 'alert-p99-us', holds_s: 5 },
      { name: 'evictions', type: 'evictions', summary: 'Keys are evicted for want of memory.', threshold: 0, default: 1000, unit: 'keys/s', setting: 'alert-evictions-rate', holds_s: 5 },
      { name: 'persistence', type: 'persistence', summary: 'The log cannot be written, or the last snapshot failed.', threshold: 1, default: 1, unit: '', setting: 'alert-persistence', holds_s: 1 },
    ],
    webhooks: [
      { id: '0f3a', url: 'http://***@10.0.0.4:9000/***', state: 'good', waiting: 0, failures: 0, delivered_total: 5, delivered_ms: now - 94_000, dropped_total: 0, last: { t: now - 94_000, alert: 'a_3', delivered: true, status: 204, error: null, took_ms: 12, attempt: 1 } },
      { id: '77b1', url: 'https://pager.internal/***', state: 'failing', waiting: 2, failures: 4, delivered_total: 1, delivered_ms: now - 86_000_000, dropped_total: 1, last: { t: now - 20_000, alert: 'a_3', delivered: false, status: 503, error: 'it answered 503', took_ms: 31, attempt: 4 } },
    ],
  };
}

export function audit(): AuditPage {
  const now = Date.now();
  const entry = (id: number, part: Partial<AuditEntry>): AuditEntry => ({ id, t: now - (9 - id) * 61_000, first_ms: now - (9 - id) * 61_000, count: 1, kind: 'settings', event: 'command', what: 'config|set', outcome: 'done', user: 'default', by: '', addr: '10.4.1.7:40112', request_id: '', detail: '', ...part });
  return {
    entries: [
      entry(7, { kind: 'backup', event: 'backup', what: '', outcome: 'done', detail: '{"act":"download","bytes":1048576,"file":"snapshot-1790000000-42.fsnap"}', request_id: 'req_5f0c1d2e3a4b5c6d' }),
      entry(6, { kind: 'refused', event: 'refusal', what: 'command', outcome: 'refused', user: 'ada', detail: 'flushall' }),
      entry(5, { kind: 'sign-in', event: 'login', what: 'ada', outcome: 'failed', count: 4 }),
      entry(4, { kind: 'sign-in', event: 'session', what: '', outcome: 'unlocked' }),
      entry(3, { detail: '"CONFIG" "SET" "client-output-buffer-limit" "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60" "maxmemory" "1gb"' }),
      entry(2, { kind: 'access', what: 'acl|setuser', detail: '"ACL" "SETUSER" "ada" + 4 hidden' }),
      entry(1, { kind: 'data', what: 'flushdb', detail: '"FLUSHDB"' }),
    ],
    next: null,
    dropped: 0,
    since_ms: now - 3_600_000,
    file: null,
  };
}

export function slowlog(): SlowLog {
  const entry = (id: number, ago_s: number, duration_us: number, args: string[]) => ({ id: String(id), time_ms: Date.now() - ago_s * 1000, duration_us, args, keys: args.length > 1 && args[0] !== 'keys' ? [1] : [], db: 0, client_id: '813', addr: '10.4.1.21:50037', name: id % 2 === 0 ? 'worker-3' : '' });
  return { threshold_us: 10_000, max_len: 128, entries: [entry(9, 4, 22_140, ['zrange', 'lb:eu', '0', '-1']), entry(8, 130, 412_800, ['keys', '*']), entry(7, 160, 18_020, ['zrange', 'lb:us', '0', '-1']), entry(6, 900, 31_400, ['hgetall', 'session:user:81f2']), entry(5, 4000, 12_010, ['sinter', 'tags:a', 'tags:b', 'tags:c'])] };
}

const setting = (name: string, value: string, fallback: string, summary: string, part: Partial<Configuration['settings'][number]> = {}) => ({ name, value, default: fallback, accepts: 'a value', summary, source: value === fallback ? ('default' as const) : ('file' as const), changes: 'now' as const, effect: 'yes' as const, sensitive: false, ...part });
export const CONFIG: Configuration = {
  file: '/etc/flashdb.conf',
  settings: [
    setting('maxmemory', '8gb', '0', 'Memory that data may take; 0 is without a limit.'),
    setting('maxmemory-policy', 'allkeys-lru', 'noeviction', 'Which keys go when the limit is reached.'),
    setting('slowlog-log-slower-than', '10000', '10000', 'Microseconds from which on a command is logged.'),
    setting('port', '6379', '6379', 'Port for clients.', { changes: 'restart' }),
    setting('requirepass', '', '', 'Password of the default user.', { sensitive: true, value: null, source: 'command-line' }),
    setting('hz', '10', '10', 'Accepted for compatibility.', { effect: 'none' }),
    setting('dir', '/var/lib/flashdb', '.', 'Folder of all files.', { changes: 'protected' }),
    setting('timeout', '0', '0', 'Seconds of rest after which a client is disconnected.'),
  ],
};

const TYPES = ['hash', 'string', 'zset', 'list', 'set', 'stream'];
const KEYS = [...NAMES.flatMap((user) => [`session:user:${user}`, `cart:${user}`]), 'leaderboard', 'queue:mail', 'tags:popular', 'events', 'product:lamp', 'product:desk'];

export function keys(query: URLSearchParams): KeyPage {
  const match = query.get('match') ?? '*';
  const pattern = new RegExp(`^${match.replace(/[.+^${}()|\\]/g, '\\$&').replace(/\*/g, '.*')}$`);
  const rows = KEYS.filter((name) => pattern.test(name)).map((name, at) => ({ key: name, type: TYPES[at % 6] ?? null, ttl_ms: at % 4 === 0 ? 240_000 + at * 1000 : null }));
  return { db: 0, keys: rows.filter((row) => (query.get('type') ?? row.type) === row.type), cursor: match === '*' || match === '' ? '173' : null, scanned: 1200 };
}

export function find(query: URLSearchParams): Found {
  const text = query.get('q') ?? '';
  const names = KEYS.filter((name) => name.includes(text)).slice(0, 8);
  const rank = (name: string) => (name === text ? 'exact' : name.startsWith(text) ? 'begins' : 'contains');
  const branches = tree(new URLSearchParams()).branches.filter((row) => String(row.prefix).startsWith(text));
  return {
    keys: names.map((name, at) => ({ db: 0, key: name, type: TYPES[at % 6] ?? null, ttl_ms: null, found: rank(name) })),
    prefixes: branches.map(({ prefix, keys, bytes }) => ({ db: 0, prefix, keys, bytes, exact: true })),
    prefixes_whole: true, looked_at: 40_000, keys_total: 9_612_044, cursor: '0-173',
  };
}

/** The tree: a few prefixes of a large keyspace, the users of one of them by name. */
export function tree(query: URLSearchParams): TreeView {
  const prefix = query.get('p') ?? '';
  const all: Record<string, [string, number, number, number][]> = {
    '': [['session:', 1_204_331, 1_503_000_000, 1], ['cart:', 402_118, 966_000_000, 0], ['product:', 180_402, 402_000_000, 2], ['queue:', 12, 88_000_000, 0], ['tags:', 4_120, 9_200_000, 0]],
    'session:': [['session:user:', 1_204_310, 1_502_990_000, 0]],
    'product:': [['product:eu:', 90_200, 210_000_000, 0], ['product:us:', 90_202, 192_000_000, 0]],
  };
  const rows = all[prefix] ?? [];
  const sum = (at: 1 | 2) => rows.reduce((total, row) => total + row[at], 0);
  const own = Object.values(all).flat().find(([name]) => name === prefix);
  const keys = prefix === '' ? 9_612_044 : (own?.[1] ?? 0);
  return {
    db: 0, prefix, separator: ':', db_keys: 9_612_044, db_bytes: 6_100_000_000, keys, bytes: prefix === '' ? 6_100_000_000 : (own?.[2] ?? 0), loose: keys - sum(1), exact: true, progress: 1,
    branches: rows.map(([name, count, bytes, branches]) => ({ prefix: name, keys: count, bytes, branches })), branches_total: rows.length, cursor: null,
  };
}

export function treeKeys(query: URLSearchParams): TreeKeys {
  const prefix = query.get('p') ?? '';
  const own = tree(query).branches.map((branch) => String(branch.prefix));
  const rows = KEYS.filter((name) => (prefix === '' ? !name.includes(':') : name.startsWith(prefix)) && !own.some((branch) => name.startsWith(branch)));
  return { db: 0, keys: rows.map((name, at) => ({ key: name, type: TYPES[at % 6] ?? null, ttl_ms: at % 4 === 0 ? 240_000 + at * 1000 : null })), cursor: null };
}

export function key(segment: string): KeyView | null {
  const name = fromKeyWord(segment.replace(/\/items$/, ''));
  if (typeof name !== 'string' || !KEYS.includes(name)) return null;
  const view: KeyView = { key: name, db: 0, type: 'hash', encoding: 'listpack', ttl_ms: 252_000, bytes: 1203, length: 4, page: { type: 'hash', items: [{ field: 'name', value: 'Ada Lovelace' }, { field: 'visits', value: '42' }, { field: 'cart', value: '{"items":3,"total":117.5}' }, { field: 'avatar', value: { b64: 'iVBORw0KGgoA' } }], cursor: null } };
  return view;
}

const user = (name: string, enabled: boolean, rules: string[], part: Partial<AclUsers['users'][number]> = {}) => ({ name, enabled, nopass: false, passwords: 1, rules, editable: true, clients: 0, sessions: 0, ...part });
export const USERS: AclUsers = {
  users: [
    user('ada', true, ['~cart:*', '%R~session:*', '&news:*', '-@all', '+@read', '+get', '(~x -@all +set)', 'role:ops'], { clients: 12, sessions: 2 }),
    user('default', true, ['~*', '&*', '+@all'], { clients: 400, sessions: 1 }),
    user('deploy', false, ['~*', '&*', '+@all', '-@dangerous']),
    user('metrics', true, ['-@all', '+info', '+latency'], { nopass: true, passwords: 0 }),
  ],
  roles: ['ops'],
  saves_to: 'aclfile',
};

export function snapshots(): Snapshots {
  const row = (id: string, label: string, ago_s: number, keys: number, part: Partial<Snapshots['snapshots'][number]> = {}) => ({ id, label, lsn: 998_000_000 - ago_s * 30_000, created_ms: STARTED - ago_s * 1000, kind: 'full' as const, bytes: keys * 412, keys, kept: label !== '', file: `snapshot-${id}.fsnap`, base: null, ...part });
  return {
    snapshots: [row('9f31c07ab2de', '', 360, 9_801_230), row('51aa07c9e1f3', 'before the release', 7200, 9_412_011), row('c07ab29f31de', '', 86_400, 120_400, { kind: 'incremental', base: '51aa07c9e1f3' }), row('0b77ab29f31d', 'from staging', 172_800, 412_000, { kind: 'upload' })],
    persistence: { log: true, log_failure: null, log_segments: 9, log_bytes: 612_000_000, lsn: 998_123_412, durable_lsn: 998_123_390, changes: 12_204, saving: false, last_save_failed: false, last_took_s: 14, load: { keys: 9_700_000, ms: 11_300 }, settings: { fsync: 'everysec', fsync_interval_ms: 1000, save: '', interval_s: 900, retention: 2 } },
    restore: null,
  };
}

function bench(id: string, ago_s: number, scale: number): BenchJob {
  const point = (s: number) => ({ s, rps: scale * 182_000 * (1 + wave(s * 7, 3, 11) * 0.06), p50_us: 210 / scale, p95_us: 340 / scale, p99_us: 410 / scale, p999_us: 800 / scale, max_us: 2100 });
  const histogram = Array.from({ length: 24 }, (_, at) => ({ to_us: 1.5 ** at, count: Math.round(1e6 * Math.exp(-((at - 13 / scale) ** 2) / 5)) }));
  return {
    id, kind: 'bench', state: 'done', user: 'default', began_ms: STARTED - ago_s * 1000, ended_ms: STARTED - ago_s * 1000 + 10_000, phase: 'removing keys', done: 10_000, total: 10_000, errors: 0, error: null,
    request: { db: 0, mix: [{ command: 'get', weight: 80 }, { command: 'set', weight: 20 }], keys: 10_000, value_bytes: 64, clients: 16, pipeline: 1, duration_s: 10, rate: null, seed: 1, fill: true },
    result: { seconds: 10, rps: scale * 182_000, all: { requests: Math.round(scale * 1_820_000), p50_us: 210 / scale, p95_us: 340 / scale, p99_us: 410 / scale, p999_us: 800 / scale, max_us: 2100, mean_us: 220 / scale }, by_command: [], errors: [], unanswered: 0, late: 0, generator_cores: 0.8, series: Array.from({ length: 40 }, (_, at) => point((at + 1) / 4)), histogram },
  };
}
export const BENCH_JOBS: BenchJob[] = [bench('a31f07c2', 90, 1), bench('77be01d4', 900, 0.86)];
export const GENERATE_JOBS: GenerateJob[] = [{ id: 'c0ffee01', kind: 'generate', state: 'done', user: 'default', began_ms: STARTED - 400_000, ended_ms: STARTED - 394_000, phase: 'writing', done: 100_000, total: 100_000, errors: 0, error: null, request: { db: 0, prefix: 'demo:', types: ['string', 'hash', 'zset'], keys: 100_000, value_bytes: 128, ttl_s: null, seed: 1, rate: 20_000 }, result: { written: 99_998, skipped: 2, seconds: 5.1 } }];

const FEED: readonly [string, string, string[], number][] = [
  ['HGET', 'session:user:81f2', ['name'], 0.7],
  ['GET', 'cart:77', [], 0.4],
  ['SET', 'page:/index.html', ['<html>…', 'EX', '60'], 1.2],
  ['ZADD', 'board:weekly', ['4120', 'ada'], 2.1],
  ['INCR', 'rate:10.4.1.7', [], 0.5],
];

/** What ran in a second, as a batch of messages. */
export function feed(t: number): { type: 'command'; data: CommandMessage }[] {
  return FEED.map(([cmd, key, args, latency_us], at) => ({ type: 'command', data: { t: t - 200 * (FEED.length - at), cmd, key, args, more: 0, db: 0, cid: '812', addr: '10.4.1.7:51514', latency_us, failed: false, sample: 8192 } }));
}
