// Socket.IO with its Redis adapter against the server on FLASHDB_TEST_PORT: two servers of one application, joined by
// pub/sub. One line "[ok] NAME" or "[err] NAME: WHY" per check.
"use strict";
const assert = require("node:assert/strict");
const { once } = require("node:events");
const { createServer } = require("node:http");
const Redis = require("ioredis").Redis;
const { Server } = require("socket.io");
const { io: connect } = require("socket.io-client");
const adapters = require("@socket.io/redis-adapter");

const port = Number(process.env.FLASHDB_TEST_PORT);
const WAIT_MS = 10_000;
const opened = [];

/** A server of the application whose rooms span all servers. */
async function node(make) {
  const publisher = new Redis({ port, retryStrategy: null });
  const subscriber = publisher.duplicate();
  const http = createServer();
  const io = new Server(http, { adapter: make(publisher, subscriber) });
  http.listen(0);
  await once(http, "listening");
  opened.push(() => publisher.quit(), () => subscriber.quit(), () => io.close());
  return { io, url: `http://127.0.0.1:${http.address().port}` };
}

async function client(of) {
  const socket = connect(of.url, { transports: ["websocket"], forceNew: true });
  opened.push(() => socket.close());
  const [served] = await Promise.all([once(of.io, "connection"), once(socket, "connect")]);
  return { socket, served: served[0] };
}

function heard(socket, event) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${event} was not heard`)), WAIT_MS);
    socket.once(event, (...words) => {
      clearTimeout(timer);
      resolve(words);
    });
  });
}

/** The adapters of two servers know of each other once each has been answered by the other. */
async function joined(a, b) {
  const end = Date.now() + WAIT_MS;
  for (const io of [a.io, b.io]) {
    while ((await io.of("/").adapter.serverCount()) < 2) assert(Date.now() < end, "the servers did not meet");
  }
}

function checks(make) {
  return {
    async "an event sent on one server reaches clients of both"() {
      const [a, b] = [await node(make), await node(make)];
      const [x, y] = [await client(a), await client(b)];
      await joined(a, b);
      const both = Promise.all([heard(x.socket, "news"), heard(y.socket, "news")]);
      a.io.emit("news", { n: 1 }, Buffer.from([0, 255]));
      for (const [body, bytes] of await both) {
        assert.deepEqual(body, { n: 1 });
        assert.deepEqual([...new Uint8Array(bytes)], [0, 255]);
      }
    },

    async "rooms, and those left out"() {
      const [a, b] = [await node(make), await node(make)];
      const [x, y] = [await client(a), await client(b)];
      await joined(a, b);
      await y.served.join("room");
      let wrong = false;
      x.socket.on("inside", () => (wrong = true));
      const inside = heard(y.socket, "inside");
      a.io.to("room").emit("inside");
      await inside;
      // What was sent later by the same way has come: what was not meant for it would have come before.
      const all = heard(x.socket, "all");
      a.io.emit("all");
      await all;
      assert.equal(wrong, false);
    },

    async "sockets of the other server are found, moved and cut off"() {
      const [a, b] = [await node(make), await node(make)];
      const [x, y] = [await client(a), await client(b)];
      await joined(a, b);
      const all = await a.io.fetchSockets();
      assert.deepEqual(new Set(all.map((one) => one.id)), new Set([x.socket.id, y.socket.id]));
      const moved = heard(y.socket, "moved");
      a.io.in(y.socket.id).socketsJoin("elsewhere");
      while (!y.served.rooms.has("elsewhere")) await new Promise(setImmediate);
      a.io.to("elsewhere").emit("moved");
      await moved;
      const gone = heard(y.socket, "disconnect");
      a.io.in("elsewhere").disconnectSockets(true);
      await gone;
    },

    async "servers ask each other and are answered"() {
      const [a, b] = [await node(make), await node(make)];
      await joined(a, b);
      b.io.on("question", (n, answer) => answer(n + 1));
      assert.deepEqual(await a.io.serverSideEmitWithAck("question", 41), [42]);
    },

    async "an acknowledgement comes back from the other server's client"() {
      const [a, b] = [await node(make), await node(make)];
      const y = await client(b);
      await joined(a, b);
      y.socket.on("sum", (p, q, answer) => answer(p + q));
      assert.deepEqual(await a.io.timeout(WAIT_MS).emitWithAck("sum", 2, 3), [5]);
    },
  };
}

const kinds = {
  "pub/sub": (publisher, subscriber) => adapters.createAdapter(publisher, subscriber),
  "shard channels": (publisher, subscriber) => adapters.createShardedAdapter(publisher, subscriber),
};

async function main() {
  let failed = 0;
  for (const [kind, make] of Object.entries(kinds)) {
    for (const [name, check] of Object.entries(checks(make))) {
      try {
        await check();
        console.log(`[ok] ${kind}: ${name}`);
      } catch (error) {
        failed += 1;
        console.log(`[err] ${kind}: ${name}: ${String(error.stack ?? error).replaceAll("\n", " | ")}`);
      }
      for (const close of opened.splice(0).reverse()) await close();
    }
  }
  process.exit(failed ? 1 : 0);
}

main();
