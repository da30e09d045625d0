// ioredis against the server on FLASHDB_TEST_PORT: one line "[ok] NAME" or "[err] NAME: WHY" per check.
"use strict";
const assert = require("node:assert/strict");
const { once } = require("node:events");
const Redis = require("ioredis");

const port = Number(process.env.FLASHDB_TEST_PORT);
const opened = [];
function connect(options = {}) {
  const client = new Redis({ port, commandTimeout: 10_000, retryStrategy: null, ...options });
  client.on("error", () => {}); // Failures show in the commands.
  opened.push(client);
  return client;
}

async function blocked(r) {
  const end = Date.now() + 5000;
  while (!/blocked_clients:[1-9]/.test(await r.info("clients"))) {
    assert(Date.now() < end, "no client became blocked");
  }
}

async function collect(stream) {
  const items = [];
  for await (const batch of stream) items.push(...batch);
  return items;
}

const checks = {
  async "connects, selects, names itself"(r) {
    assert.equal(await r.ping(), "PONG");
    const other = connect({ db: 3, connectionName: "checker" });
    assert.equal(await other.client("GETNAME"), "checker");
    await other.set("k", "v");
    assert.equal(await r.get("k"), null);
    assert.match(await other.client("INFO"), /db=3/);
  },

  async "strings and numbers"(r) {
    assert.equal(await r.set("s", "v", "EX", 100, "NX"), "OK");
    assert.equal(await r.set("s", "w", "NX"), null);
    assert.equal(await r.incrby("n", 41), 41);
    assert.equal(await r.incrbyfloat("f", "1.5"), "1.5");
    assert.deepEqual(await r.mget("s", "none", "n"), ["v", null, "41"]);
    assert.equal(await r.getdel("s"), "v");
  },

  async "binary keys and values"(r) {
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    await r.set(every, every);
    assert.deepEqual(await r.getBuffer(every), every);
    await r.hset("h", every, every);
    assert.deepEqual((await r.hgetallBuffer("h"))[every.toString()] !== undefined, true);
    const big = Buffer.alloc(8 << 20, 0xab);
    await r.set("big", big);
    assert((await r.getBuffer("big")).equals(big));
  },

  async "collections"(r) {
    await r.hset("h", { a: "1", b: "2" });
    assert.deepEqual(await r.hgetall("h"), { a: "1", b: "2" });
    await r.rpush("l", "a", "b", "c");
    assert.deepEqual(await r.lrange("l", 0, -1), ["a", "b", "c"]);
    await r.sadd("s", "x", "y");
    assert.deepEqual((await r.smembers("s")).sort(), ["x", "y"]);
    await r.zadd("z", 1, "one", 2.5, "two");
    assert.deepEqual(await r.zrange("z", 0, -1, "WITHSCORES"), ["one", "1", "two", "2.5"]);
    assert.deepEqual(await r.zpopmax("z"), ["two", "2.5"]);
  },

  async "pipelines"(r) {
    const pipeline = r.pipeline();
    for (let i = 0; i < 2000; i++) pipeline.set(`k${i}`, i);
    pipeline.get("k1999").lpush("k1", "x");
    const replies = await pipeline.exec();
    assert.deepEqual(replies[2000], [null, "1999"]);
    assert.match(replies[2001][0].message, /^WRONGTYPE/);
  },

  async "automatic pipelining"() {
    const r = connect({ enableAutoPipelining: true });
    const replies = await Promise.all(Array.from({ length: 500 }, (_, i) => r.set(`a${i}`, i)));
    assert(replies.every((reply) => reply === "OK"));
  },

  async "transactions with WATCH"(r) {
    await r.set("n", 1);
    assert.deepEqual(await r.multi().incr("n").get("n").exec(), [[null, 2], [null, "2"]]);
    await r.watch("n");
    await connect().set("n", 10);
    assert.equal(await r.multi().incr("n").exec(), null);
    assert.equal(await r.get("n"), "10");
    await assert.rejects(r.multi({ pipeline: true }).call("NOSUCH").incr("n").exec(), /EXECABORT/);
    await r.multi({ pipeline: false });
    assert.equal(await r.incr("n"), "QUEUED");
    assert.equal(await r.discard(), "OK");
    assert.equal(await r.get("n"), "10");
  },

  async "publish and subscribe, with patterns"(r) {
    const s = connect();
    assert.equal(await s.subscribe("news", "other"), 2);
    assert.equal(await s.psubscribe("n*"), 3);
    const message = once(s, "message");
    const pattern = once(s, "pmessage");
    assert.equal(await r.publish("news", "hello"), 2);
    assert.deepEqual(await message, ["news", "hello"]);
    assert.deepEqual(await pattern, ["n*", "news", "hello"]);
    await assert.rejects(s.get("k"), /subscriber mode/);
    await s.unsubscribe("news", "other");
    await s.punsubscribe("n*");
    assert.equal(await s.ping(), "PONG");
    const shard = connect();
    await shard.ssubscribe("shard");
    const sharded = once(shard, "smessage");
    await r.spublish("shard", "x");
    assert.deepEqual(await sharded, ["shard", "x"]);
  },

  async "key-space notifications"(r) {
    await r.config("SET", "notify-keyspace-events", "Ex");
    const s = connect();
    await s.subscribe("__keyevent@0__:expired");
    const event = once(s, "message");
    await r.set("gone", "x", "PX", 30);
    assert.deepEqual(await event, ["__keyevent@0__:expired", "gone"]);
    await r.config("SET", "notify-keyspace-events", "");
  },

  async "blocking pops across connections"(r) {
    const waiter = connect({ commandTimeout: undefined });
    let reply = waiter.blpop("q1", "q2", 8);
    await blocked(r);
    await r.rpush("q2", "x");
    assert.deepEqual(await reply, ["q2", "x"]);
    reply = waiter.blmove("q1", "q3", "LEFT", "RIGHT", 8);
    await blocked(r);
    await r.multi().rpush("q1", "y").exec();
    assert.equal(await reply, "y");
    reply = waiter.bzpopmax("z", 8);
    await blocked(r);
    await r.zadd("z", 3, "m");
    assert.deepEqual(await reply, ["z", "m", "3"]);
    assert.equal(await waiter.brpop("nothing", 0.05), null);
    reply = waiter.blpop("q1", 0);
    await blocked(r);
    assert.equal(await r.client("UNBLOCK", await clientOf(r, "blpop")), 1);
    assert.equal(await reply, null);
  },

  async "streams with groups"(r) {
    for (let i = 1; i <= 5; i++) await r.xadd("st", `${i}-0`, "n", i);
    await r.xgroup("CREATE", "st", "g", "0");
    const read = await r.xreadgroup("GROUP", "g", "alice", "COUNT", 2, "STREAMS", "st", ">");
    assert.deepEqual(read, [["st", [["1-0", ["n", "1"]], ["2-0", ["n", "2"]]]]]);
    assert.equal(await r.xack("st", "g", "1-0"), 1);
    assert.deepEqual(await r.xpending("st", "g"), [1, "2-0", "2-0", [["alice", "1"]]]);
    const [cursor, claimed] = await r.xautoclaim("st", "g", "bob", 0, "0");
    assert.deepEqual([cursor, claimed], ["0-0", [["2-0", ["n", "2"]]]]);
    assert.equal(await r.xtrim("st", "MAXLEN", 3), 2);
    const waiter = connect({ commandTimeout: undefined });
    const reply = waiter.xread("BLOCK", 8000, "STREAMS", "st", "$");
    await blocked(r);
    await r.xadd("st", "9-9", "late", "1");
    assert.deepEqual(await reply, [["st", [["9-9", ["late", "1"]]]]]);
  },

  async "scan iteration"(r) {
    const pipeline = r.pipeline();
    for (let i = 0; i < 1500; i++) pipeline.set(`key:${i}`, i).hset("hash", `f${i}`, i).zadd("zset", i, `m${i}`);
    await pipeline.exec();
    assert.equal(new Set(await collect(r.scanStream({ match: "key:*", count: 100 }))).size, 1500);
    assert.equal((await collect(r.hscanStream("hash", { count: 100 }))).length, 3000);
    assert.equal((await collect(r.zscanStream("zset", { count: 100 }))).length, 3000);
    assert.deepEqual(await collect(r.scanStream({ type: "hash", count: 500 })), ["hash"]);
  },

  async "error classes"(r) {
    await r.set("k", "v");
    await assert.rejects(r.lpush("k", 1), { name: "ReplyError", message: /^WRONGTYPE/ });
    await assert.rejects(r.call("GET"), /wrong number of arguments for 'get' command/);
    await assert.rejects(r.call("NOSUCH"), /unknown command 'NOSUCH'/);
    await assert.rejects(r.incr("k"), /not an integer or out of range/);
    await assert.rejects(r.cluster("INFO"), /cluster support disabled/);
    await r.config("SET", "requirepass", "secret");
    try {
      await assert.rejects(connect().get("k"), /^ReplyError: NOAUTH|NOAUTH/);
      assert.equal(await connect({ password: "secret" }).get("k"), "v");
    } finally {
      await r.config("SET", "requirepass", "");
    }
  },

  async "monitor"(r) {
    const monitor = await r.monitor();
    const seen = once(monitor, "monitor");
    await r.set("watched", "1");
    const [, args] = await seen;
    assert.deepEqual(args.map((word) => word.toLowerCase()), ["set", "watched", "1"]);
    monitor.disconnect();
  },
};

async function clientOf(r, command) {
  const row = (await r.client("LIST")).split("\n").find((line) => line.includes(`cmd=${command} `));
  return /id=(\d+)/.exec(row)[1];
}

async function main() {
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    const r = connect();
    try {
      await r.flushall();
      await check(r);
      console.log(`[ok] ${name}`);
    } catch (error) {
      failed++;
      console.log(`[err] ${name}: ${String(error.message).split("\n").slice(0, 12).join(" ")}`);
    }
    for (const client of opened.splice(0)) client.disconnect();
  }
  process.exit(failed ? 1 : 0);
}
main();
