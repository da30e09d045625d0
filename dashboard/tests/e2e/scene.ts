// A busy shop for the pictures: a few tens of thousands of keys in four databases, named clients that read and write
// at a bounded rate, and now and then a command that deserves its place in the slow log. Only for a real server.
import { connect, type Socket } from 'node:net';

type Argument = string | number | Buffer;

const FIRST = ['ada', 'grace', 'edsger', 'barbara', 'donald', 'frances', 'alan', 'radia', 'dennis', 'katherine'];
const CITIES = ['Zürich', 'Lisboa', 'Kraków', 'Oslo', 'Wien', 'Kyōto', 'Porto', 'Malmö'];
const GOODS = ['lamp', 'chair', 'desk', 'kettle', 'shelf', 'rug', 'clock', 'vase'];
const KINDS = ['view', 'add', 'remove', 'purchase', 'login'];

/** The same figures each time: a small generator with a fixed beginning. */
let state = 41;
function pick(below: number): number {
  state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
  return Math.floor((state / 2_147_483_648) * below);
}
const one = <T>(of: readonly T[]): T => of[pick(of.length)] as T;

function encode(args: readonly Argument[]): Buffer {
  const parts = args.map((arg) => (Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg))));
  return Buffer.concat([Buffer.from(`*${parts.length}\r\n`), ...parts.flatMap((part) => [Buffer.from(`$${part.length}\r\n`), part, Buffer.from('\r\n')])]);
}

function cart(): string {
  return JSON.stringify({ items: 1 + pick(6), total: Math.round(1900 + pick(40_000)) / 100, currency: 'EUR' });
}

function product(at: number): string {
  const name = one(GOODS);
  return JSON.stringify({ sku: `${name.slice(0, 3).toUpperCase()}-${1000 + at}`, name, price: 19 + pick(400), stock: pick(900), tags: [one(GOODS), 'new'] });
}

function* stock(): Generator<Argument[]> {
  for (let at = 0; at < 24_000; at += 1) {
    const name = `session:user:${(0x100_000 + at * 2_654_435).toString(16).slice(-6)}`;
    yield ['HSET', name, 'name', one(FIRST), 'visits', pick(400), 'city', one(CITIES), 'cart', cart()];
    if (at % 3 !== 0) yield ['EXPIRE', name, 900 + pick(86_000)];
  }
  for (const [at, name] of FIRST.entries()) {
    const key = `session:user:${name}`;
    yield ['HSET', key, 'name', `${name[0]?.toUpperCase() ?? ''}${name.slice(1)}`, 'email', `${name}@example.com`, 'visits', at * 7 + 42, 'city', one(CITIES), 'locale', 'de-CH', 'plan', at % 3 === 0 ? 'team' : 'free', 'cart', cart(), 'last_seen', '2026-11-21T18:04:11Z', 'roles', '["buyer","reviewer"]', 'token', Buffer.from('9f3a00c4ffe1b27d', 'hex')];
    yield ['EXPIRE', key, 3600 + at * 700];
  }
  for (let at = 0; at < 9000; at += 1) yield ['SET', `product:${1000 + at}`, product(at)];
  for (let at = 0; at < 6000; at += 1) yield ['SET', `cart:${(at * 7919).toString(36)}`, cart(), 'EX', 3600 + pick(80_000)];
  for (const region of ['eu', 'us', 'asia']) for (let at = 0; at < 6000; at += 1) yield ['ZADD', `leaderboard:${region}`, pick(100_000), `${one(FIRST)}-${at}`];
  for (const tag of GOODS) for (let at = 0; at < 400; at += 1) yield ['SADD', `tags:${tag}`, 1000 + pick(9000)];
  for (let at = 0; at < 300; at += 1) yield ['RPUSH', 'queue:mail', `invoice:${at}`];
  for (let at = 0; at < 2000; at += 1) yield ['XADD', 'events:shop', 'MAXLEN', '~', 1000, '*', 'kind', one(KINDS), 'user', one(FIRST), 'product', one(GOODS)];
  yield ['SELECT', 1];
  for (let at = 0; at < 14_000; at += 1) yield ['SET', `page:/catalogue/${one(GOODS)}/${at}`, 'x'.repeat(200 + pick(1800)), 'EX', 600 + pick(3000)];
  yield ['SELECT', 2];
  for (let at = 0; at < 320; at += 1) yield ['SET', `flag:${one(GOODS)}-${at}`, at % 2 === 0 ? 'on' : 'off'];
  yield ['SELECT', 4];
  for (let at = 0; at < 5200; at += 1) yield ['HSET', `job:${7000 + at}`, 'state', at % 9 === 0 ? 'failed' : 'done', 'took_ms', pick(4000)];
}

function work(): Argument[] {
  const at = pick(100);
  if (at < 34) return ['GET', `product:${1000 + pick(9060)}`];
  if (at < 58) return ['HGETALL', `session:user:${(0x100_000 + pick(24_000) * 2_654_435).toString(16).slice(-6)}`];
  if (at < 70) return ['GET', `cart:${(pick(6000) * 7919).toString(36)}`];
  if (at < 80) return ['SET', `cart:${(pick(6000) * 7919).toString(36)}`, cart(), 'EX', 3600 + pick(80_000)];
  if (at < 88) return ['HINCRBY', `session:user:${one(FIRST)}`, 'visits', 1];
  if (at < 93) return ['ZINCRBY', 'leaderboard:eu', pick(40), `${one(FIRST)}-${pick(6000)}`];
  if (at < 97) return ['XADD', 'events:shop', 'MAXLEN', '~', 1000, '*', 'kind', one(KINDS), 'user', one(FIRST)];
  return ['SISMEMBER', `tags:${one(GOODS)}`, 1000 + pick(9000)];
}

const SLOW: readonly Argument[][] = [
  ['KEYS', 'session:user:*f'],
  ['ZRANGE', 'leaderboard:eu', 0, -1, 'WITHSCORES'],
  ['SORT', 'tags:lamp', 'BY', 'product:*', 'LIMIT', 0, 20],
  ['ZUNIONSTORE', 'leaderboard:all', 3, 'leaderboard:eu', 'leaderboard:us', 'leaderboard:asia'],
  ['KEYS', 'cart:*'],
  ['ZRANGE', 'leaderboard:us', 0, -1, 'REV'],
  ['SUNIONSTORE', 'tags:all', ...GOODS.map((tag) => `tags:${tag}`)],
];

const LIBRARIES = [['redis-py', '5.2.1'], ['node-redis', '4.7.0'], ['jedis', '5.2.0'], ['go-redis', '9.7.0']] as const;
const ROLES = ['web', 'api', 'worker', 'checkout'];

/** Who listens, and what is told. */
const CHANNELS = ['orders:eu', 'orders:us', 'stock:lamp', 'stock:rug', 'mail:sent'] as const;
const LISTENS = [['SUBSCRIBE', 'orders:eu', 'mail:sent'], ['SUBSCRIBE', 'orders:eu', 'orders:us'], ['PSUBSCRIBE', 'stock:*'], ['SSUBSCRIBE', 'jobs:done']];

function open(port: number, password: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.on('data', () => undefined);
    socket.once('error', reject);
    socket.write(encode(['AUTH', password]));
  });
}

/** Fills the server and begins the traffic; what it answers ends the traffic. */
export async function playScene(port: number, password: string): Promise<() => void> {
  const filler = await open(port, password);
  for (const args of stock()) if (!filler.write(encode(args))) await new Promise((resolve) => filler.once('drain', resolve));
  await new Promise((resolve) => {
    filler.once('close', resolve);
    // What the filling took is no part of the picture.
    filler.write(encode(['SLOWLOG', 'RESET']));
    filler.write(encode(['QUIT']));
  });
  const sockets: Socket[] = [];
  for (let at = 0; at < 26; at += 1) {
    const socket = await open(port, password);
    const [library, version] = LIBRARIES[at % LIBRARIES.length] ?? LIBRARIES[0];
    socket.on('error', () => undefined);
    socket.write(encode(['CLIENT', 'SETNAME', `${ROLES[at % ROLES.length] ?? ''}-${1 + Math.floor(at / ROLES.length)}`]));
    socket.write(encode(['CLIENT', 'SETINFO', 'LIB-NAME', library]));
    socket.write(encode(['CLIENT', 'SETINFO', 'LIB-VER', version]));
    if (at >= 24) socket.write(encode(['BLPOP', `queue:wait-${at}`, 0]));
    sockets.push(socket);
  }
  for (const listens of LISTENS) {
    const socket = await open(port, password);
    socket.on('error', () => undefined);
    socket.write(encode(listens));
    sockets.push(socket);
  }
  let tick = 0;
  const timer = setInterval(() => {
    tick += 1;
    const seconds = tick / 20;
    const share = 1 + 0.32 * Math.sin(seconds / 23) + 0.16 * Math.sin(seconds / 5.3) + (pick(100) - 50) / 700;
    for (const socket of sockets.slice(0, 24)) {
      if (socket.writableLength > 100_000) continue;
      const batch = Array.from({ length: Math.max(1, Math.round(10 * share)) }, () => encode(work()));
      socket.write(Buffer.concat(batch));
    }
    if (tick % 90 === 0) sockets[pick(24)]?.write(encode(SLOW[(tick / 90) % SLOW.length] ?? []));
    if (tick % 3 === 0) sockets[7]?.write(encode(['PUBLISH', one(CHANNELS), cart()]));
    // Somebody is always wrong about a type.
    if (tick % 7 === 0) sockets[3]?.write(encode(['INCR', 'queue:mail']));
  }, 50);
  return () => {
    clearInterval(timer);
    for (const socket of sockets) socket.destroy();
  };
}
