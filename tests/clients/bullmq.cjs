// BullMQ against the server on FLASHDB_TEST_PORT: real jobs through its own queues and workers, whose every step is a
// script. One line "[ok] NAME" or "[err] NAME: WHY" per check.
"use strict";
const assert = require("node:assert/strict");
const { Queue, Worker, QueueEvents, FlowProducer, RateLimitError } = require("bullmq");

const connection = { host: "127.0.0.1", port: Number(process.env.FLASHDB_TEST_PORT), maxRetriesPerRequest: null };
const WAIT_MS = 20_000;
const opened = [];
function keep(thing) {
  thing.on?.("error", (error) => console.log(`error event: ${error.message}`));
  opened.push(thing);
  return thing;
}

async function bench(name, work, options = {}) {
  const queue = keep(new Queue(name, { connection }));
  const events = keep(new QueueEvents(name, { connection }));
  await events.waitUntilReady();
  const worker = keep(new Worker(name, work, { connection, ...options }));
  await worker.waitUntilReady();
  return { queue, events, worker };
}

function after(worker, count) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${count} jobs were not done in time`)), WAIT_MS);
    worker.on("completed", () => {
      if (--count === 0) {
        clearTimeout(timer);
        resolve();
      }
    });
  });
}

const checks = {
  async "a job runs and its result comes back"() {
    const { queue, events } = await bench("plain", async (job) => job.data.a + job.data.b);
    const job = await queue.add("sum", { a: 2, b: 3 });
    assert.equal(await job.waitUntilFinished(events, WAIT_MS), 5);
    assert.equal(await job.getState(), "completed");
  },

  async "a hundred jobs in bulk, eight at a time, each once"() {
    const seen = new Map();
    const { queue, worker } = await bench("bulk", async (job) => seen.set(job.data.n, (seen.get(job.data.n) ?? 0) + 1), {
      concurrency: 8,
    });
    const done = after(worker, 100);
    await queue.addBulk(Array.from({ length: 100 }, (_, n) => ({ name: "one", data: { n } })));
    await done;
    assert.equal(seen.size, 100);
    assert.ok([...seen.values()].every((times) => times === 1));
    assert.equal((await queue.getJobCounts("completed", "waiting", "active")).completed, 100);
  },

  async "a delayed job waits its time"() {
    const { queue, events } = await bench("delayed", async () => Date.now());
    const began = Date.now();
    const job = await queue.add("later", {}, { delay: 400 });
    assert.equal(await job.getState(), "delayed");
    assert.ok((await job.waitUntilFinished(events, WAIT_MS)) - began >= 395);
  },

  async "a flow: the parent runs after its children, with their results"() {
    const { events } = await bench("flow", async (job) => {
      if (job.name !== "parent") return job.data.value * 10;
      return Object.values(await job.getChildrenValues()).sort((a, b) => a - b);
    });
    const flow = keep(new FlowProducer({ connection }));
    const tree = await flow.add({
      name: "parent",
      queueName: "flow",
      children: [1, 2, 3].map((value) => ({ name: "child", queueName: "flow", data: { value } })),
    });
    assert.deepEqual(await tree.job.waitUntilFinished(events, WAIT_MS), [10, 20, 30]);
  },

  async "a repeated job comes again and again, to its limit"() {
    const { queue, worker } = await bench("repeat", async () => {});
    const done = after(worker, 3);
    await queue.upsertJobScheduler("tick", { every: 150, limit: 3 }, { name: "tick", data: {} });
    await done;
    await queue.removeJobScheduler("tick");
    assert.equal((await queue.getJobSchedulers()).length, 0);
  },

  async "a rate limit holds jobs back"() {
    const at = [];
    const { queue, worker } = await bench("limited", async () => at.push(Date.now()), {
      limiter: { max: 2, duration: 300 },
      concurrency: 4,
    });
    const done = after(worker, 6);
    await queue.addBulk(Array.from({ length: 6 }, () => ({ name: "one", data: {} })));
    await done;
    assert.ok(at[5] - at[0] >= 550, `six jobs in ${at[5] - at[0]} ms`);
  },

  async "a worker may ask for a rate limit itself"() {
    let limited = false;
    const { queue, events, worker } = await bench("asked", async () => {
      if (limited) return "done";
      limited = true;
      await worker.rateLimit(200);
      throw new RateLimitError();
    }, { limiter: { max: 1, duration: 500 } });
    const job = await queue.add("one", {});
    assert.equal(await job.waitUntilFinished(events, WAIT_MS), "done");
  },

  async "a failing job is tried again, with backoff, then fails"() {
    let tries = 0;
    const { queue, events } = await bench("failing", async (job) => {
      tries += 1;
      if (job.name === "never" || tries < 3) throw new Error("not yet");
      return tries;
    });
    const job = await queue.add("third", {}, { attempts: 3, backoff: { type: "fixed", delay: 50 } });
    assert.equal(await job.waitUntilFinished(events, WAIT_MS), 3);
    const never = await queue.add("never", {}, { attempts: 2 });
    await assert.rejects(never.waitUntilFinished(events, WAIT_MS), /not yet/);
    assert.equal(await never.getState(), "failed");
    await never.retry();
    await assert.rejects(never.waitUntilFinished(events, WAIT_MS), /not yet/);
  },

  async "priorities come in order"() {
    const order = [];
    const { queue, worker } = await bench("prior", async (job) => order.push(job.data.n), { autorun: false });
    for (const n of [3, 1, 2]) await queue.add("one", { n }, { priority: n });
    const done = after(worker, 3);
    worker.run();
    await done;
    assert.deepEqual(order, [1, 2, 3]);
  },

  async "progress, logs and events arrive"() {
    const { queue, events } = await bench("telling", async (job) => {
      await job.updateProgress(50);
      await job.log("half way");
    });
    const progress = new Promise((resolve) => events.once("progress", ({ data }) => resolve(data)));
    const job = await queue.add("one", {});
    await job.waitUntilFinished(events, WAIT_MS);
    assert.equal(await progress, 50);
    assert.deepEqual((await queue.getJobLogs(job.id)).logs, ["half way"]);
  },

  async "a queue pauses, resumes, drains and is obliterated"() {
    const { queue, events } = await bench("pausing", async () => "ran");
    await queue.pause();
    const job = await queue.add("one", {});
    assert.equal(await queue.isPaused(), true);
    await queue.resume();
    assert.equal(await job.waitUntilFinished(events, WAIT_MS), "ran");
    await queue.add("two", {}, { delay: 60_000 });
    await queue.drain(true);
    assert.equal(await queue.count(), 0);
    await queue.obliterate({ force: true });
    assert.deepEqual(await queue.getJobs(), []);
  },

  async "a deduplicated job is added once"() {
    const { queue, events } = await bench("dedup", async () => "ran");
    const first = await queue.add("one", {}, { delay: 200, deduplication: { id: "same" } });
    const second = await queue.add("one", {}, { delay: 200, deduplication: { id: "same" } });
    assert.equal(second.id, first.id);
    assert.equal(await first.waitUntilFinished(events, WAIT_MS), "ran");
  },
};

async function main() {
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      console.log(`[ok] ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`[err] ${name}: ${String(error.stack ?? error).replaceAll("\n", " | ")}`);
    }
    await Promise.all(opened.splice(0).map((thing) => thing.close().catch(() => {})));
  }
  process.exit(failed ? 1 : 0);
}

main();
