"""redis-py against the server on FLASHDB_TEST_PORT, with RESP2 and RESP3: one line per check."""

import os
import threading
import time
import traceback

import redis
from redis import exceptions

PORT = int(os.environ["FLASHDB_TEST_PORT"])
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def connect(protocol, **options):
    return redis.Redis(port=PORT, protocol=protocol, socket_timeout=10, **options)


def same(got, want):
    assert got == want, f"want {want!r}, got {got!r}"


def raises(kind, call, text=""):
    try:
        call()
    except kind as error:
        assert text in str(error), f"want '{text}' in '{error}'"
        return
    raise AssertionError(f"want {kind.__name__}")


def pubsub(r):
    """A subscription that leaves push messages to `get_message` (by default redis-py prints them too)."""
    if r.connection_pool.connection_kwargs["protocol"] == 3:
        return r.pubsub(push_handler_func=lambda message: message)
    return r.pubsub()


def wait_blocked(r, count=1):
    """Waits until the server says that `count` clients are blocked."""
    end = time.monotonic() + 5
    while r.info("clients")["blocked_clients"] < count:
        assert time.monotonic() < end, "no client became blocked"
        time.sleep(0.005)


@check
def connects_and_names_itself(r, protocol):
    assert r.ping()
    r.client_setname("checker")
    assert r.client_getname() in ("checker", b"checker")
    hello = r.execute_command("HELLO")
    fields = hello if isinstance(hello, dict) else dict(zip(hello[::2], hello[1::2]))
    same(fields[b"proto"], protocol)
    assert r.client_id() > 0
    assert any(row["id"] == str(r.client_id()) for row in r.client_list())


@check
def strings(r, protocol):
    assert r.set("s", "v", ex=100)
    same(r.get("s"), b"v")
    assert 0 < r.ttl("s") <= 100
    same(r.set("s", "w", nx=True), None)
    same(r.set("s", "w", get=True), b"v")
    same(r.getex("s", persist=True), b"w")
    same(r.ttl("s"), -1)
    same(r.append("s", "xyz"), 4)
    same(r.getrange("s", 1, 2), b"xy")
    same(r.incrby("n", 5), 5)
    same(r.incrbyfloat("f", 1.5), 1.5)
    same(r.mset({"a": 1, "b": 2}), True)
    same(r.mget("a", "none", "b"), [b"1", None, b"2"])
    same(r.setbit("bits", 7, 1), 0)
    same(r.bitcount("bits"), 1)
    same(r.getdel("s"), b"w" + b"xyz")
    same(r.exists("s", "a", "a"), 2)


@check
def binary_keys_and_values(r, protocol):
    every = bytes(range(256))
    r.set(every, every * 10)
    same(r.get(every), every * 10)
    same(r.keys(b"\x00\x01*"), [every])
    same(list(r.scan_iter(count=1000)), [every])
    r.hset(b"\r\n", b"\x00", b"\xff\r\n")
    same(r.hgetall(b"\r\n"), {b"\x00": b"\xff\r\n"})
    same(r.set("", "empty key"), True)
    same(r.get(""), b"empty key")


@check
def collections(r, protocol):
    same(r.hset("h", mapping={"f": "1", "g": "2"}), 2)
    same(r.hgetall("h"), {b"f": b"1", b"g": b"2"})
    same(r.hincrby("h", "f", 4), 5)
    same(r.rpush("l", *"abcde"), 5)
    same(r.lrange("l", 1, -2), [b"b", b"c", b"d"])
    same(r.lpos("l", "c"), 2)
    same(r.lmove("l", "m", "LEFT", "RIGHT"), b"a")
    same(r.sadd("s", *"abc"), 3)
    same(r.smembers("s"), {b"a", b"b", b"c"})
    same(r.smismember("s", ["a", "x"]), [1, 0])
    same(r.zadd("z", {"a": 1, "b": 2.5, "c": 3}), 3)
    same([(m, float(s)) for m, s in r.zrange("z", 0, -1, withscores=True)], [(b"a", 1.0), (b"b", 2.5), (b"c", 3.0)])
    same(float(r.zscore("z", "b")), 2.5)
    same(r.zrank("z", "c"), 2)
    same(r.zrange("z", "(1", "+inf", byscore=True), [b"b", b"c"])
    same(r.geoadd("g", (13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania")), 2)
    assert abs(float(r.geodist("g", "Palermo", "Catania", "km")) - 166.2742) < 0.001
    same(r.pfadd("p", *"abcd"), 1)
    same(r.pfcount("p"), 4)


@check
def pipelines(r, protocol):
    with r.pipeline(transaction=False) as p:
        for number in range(1000):
            p.set(f"k{number}", number)
        p.dbsize()
        same(p.execute()[-1], 1000)
    with r.pipeline(transaction=False) as p:
        p.get("k1").lpush("k1", "x").get("k2")
        replies = p.execute(raise_on_error=False)
    same([replies[0], replies[2]], [b"1", b"2"])
    assert isinstance(replies[1], exceptions.ResponseError)


@check
def transactions_with_watch(r, protocol):
    r.set("n", 1)
    with r.pipeline() as p:
        p.watch("n")
        value = int(p.get("n"))
        p.multi()
        p.set("n", value + 1)
        same(p.execute(), [True])
    with r.pipeline() as p:
        p.watch("n")
        connect(protocol).set("n", 100)
        p.multi()
        p.incr("n")
        raises(exceptions.WatchError, p.execute)
    same(r.get("n"), b"100")
    with r.pipeline() as p:
        p.multi()
        p.execute_command("SET", "only-key")
        raises(exceptions.ResponseError, p.execute, "wrong number of arguments")


@check
def publish_and_subscribe(r, protocol):
    p = pubsub(r)
    p.subscribe("news")
    p.psubscribe("n*")
    same([p.get_message(timeout=5)["type"] for _ in range(2)], ["subscribe", "psubscribe"])
    same(r.publish("news", "hello"), 2)
    got = sorted((m["type"], m["channel"], m["data"]) for m in (p.get_message(timeout=5) for _ in range(2)))
    same(got, [("message", b"news", b"hello"), ("pmessage", b"news", b"hello")])
    same(r.pubsub_channels(), [b"news"])
    same(r.pubsub_numpat(), 1)
    p.unsubscribe()
    p.punsubscribe()
    same([p.get_message(timeout=5)["type"] for _ in range(2)], ["unsubscribe", "punsubscribe"])
    s = pubsub(r)
    s.ssubscribe("shard")
    same(s.get_message(timeout=5)["type"], "ssubscribe")
    same(r.execute_command("SPUBLISH", "shard", "x"), 1)
    same(s.get_message(timeout=5)["data"], b"x")
    p.close()
    s.close()


@check
def keyspace_notifications(r, protocol):
    r.config_set("notify-keyspace-events", "KEA")
    p = pubsub(r)
    p.psubscribe("__key*__:*")
    p.get_message(timeout=5)
    r.set("k", "v")
    got = [p.get_message(timeout=5) for _ in range(2)]
    same([(m["channel"], m["data"]) for m in got], [(b"__keyspace@0__:k", b"set"), (b"__keyevent@0__:set", b"k")])
    r.config_set("notify-keyspace-events", "")
    p.close()


@check
def blocking_pops_across_connections(r, protocol):
    got = []

    def run(call):
        thread = threading.Thread(target=lambda: got.append(call(connect(protocol))))
        thread.start()
        wait_blocked(r)
        return thread

    thread = run(lambda c: c.blpop(["q1", "q2"], timeout=8))
    r.rpush("q2", "x")
    thread.join()
    same([tuple(got.pop())], [(b"q2", b"x")])
    thread = run(lambda c: c.blmove("q1", "q3", 8, "LEFT", "RIGHT"))
    r.rpush("q1", "y")
    thread.join()
    same(got.pop(), b"y")
    same(r.lrange("q3", 0, -1), [b"y"])
    thread = run(lambda c: c.bzpopmin("z", timeout=8))
    r.zadd("z", {"m": 2})
    thread.join()
    popped = got.pop()
    same((popped[0], popped[1], float(popped[2])), (b"z", b"m", 2.0))
    same(r.blpop("nothing", timeout=0.05), None)


@check
def streams_with_groups(r, protocol):
    ids = [r.xadd("st", {"n": number}, id=f"{number}-1") for number in range(1, 6)]
    same(ids[0], b"1-1")
    same(r.xlen("st"), 5)
    same([entry[0] for entry in r.xrange("st", "2", "3")], [b"2-1", b"3-1"])
    assert r.xgroup_create("st", "g", id="0")
    raises(exceptions.ResponseError, lambda: r.xgroup_create("st", "g"), "already exists")

    def entries(reply):
        pairs = reply.items() if isinstance(reply, dict) else reply
        rows = [row for _, rows in pairs for row in rows]
        return [row for row in (rows[0] if rows and isinstance(rows[0], list) else rows)]

    read = entries(r.xreadgroup("g", "alice", {"st": ">"}, count=3))
    same([(i, f) for i, f in read], [(b"%d-1" % n, {b"n": b"%d" % n}) for n in (1, 2, 3)])
    same(r.xack("st", "g", "1-1"), 1)
    same(r.xpending("st", "g")["pending"], 2)
    same([row["message_id"] for row in r.xpending_range("st", "g", "-", "+", 10)], [b"2-1", b"3-1"])
    claimed = r.xclaim("st", "g", "bob", 0, ["2-1"])
    same(claimed[0][0], b"2-1")
    same(r.xautoclaim("st", "g", "bob", 0)[1][-1][0], b"3-1")
    same(r.xinfo_stream("st")["length"], 5)
    same(r.xinfo_groups("st")[0]["pending"], 2)
    same(r.xtrim("st", maxlen=2, approximate=False), 3)
    got = []
    thread = threading.Thread(target=lambda: got.append(connect(protocol).xread({"st": "$"}, block=8000)))
    thread.start()
    wait_blocked(r)
    r.xadd("st", {"late": "1"}, id="9-9")
    thread.join()
    same(entries(got[0])[0][0], b"9-9")


@check
def scan_iteration(r, protocol):
    with r.pipeline(transaction=False) as p:
        for number in range(2000):
            p.set(f"key:{number}", number)
            p.hset("hash", f"f{number}", number)
            p.sadd("set", f"m{number}")
            p.zadd("zset", {f"m{number}": number})
        p.execute()
    same(len(set(r.scan_iter(match="key:*", count=50))), 2000)
    same(set(r.scan_iter(_type="zset", count=100)), {b"zset"})
    same(len(dict(r.hscan_iter("hash", count=100))), 2000)
    same(len(set(r.sscan_iter("set", count=100))), 2000)
    same(len(dict(r.zscan_iter("zset", count=100))), 2000)


@check
def error_classes(r, protocol):
    r.set("k", "v")
    raises(exceptions.ResponseError, lambda: r.lpush("k", 1), "WRONGTYPE")
    raises(exceptions.ResponseError, lambda: r.incr("k"), "value is not an integer or out of range")
    raises(exceptions.ResponseError, lambda: r.execute_command("GET"), "wrong number of arguments for 'get' command")
    raises(exceptions.ResponseError, lambda: r.execute_command("NOSUCH", "x"), "unknown command 'NOSUCH'")
    raises(exceptions.ResponseError, lambda: r.execute_command("CLIENT", "NOSUCH"), "unknown subcommand")
    raises(exceptions.ResponseError, lambda: r.execute_command("SET", "a", "b", "EX", "0"), "invalid expire time")
    raises(exceptions.ResponseError, lambda: r.execute_command("EXEC"), "EXEC without MULTI")
    r.config_set("requirepass", "secret")
    try:
        raises(exceptions.AuthenticationError, lambda: connect(protocol).get("k"))
        raises(exceptions.AuthenticationError, lambda: connect(protocol, password="wrong").ping())
        same(connect(protocol, password="secret").get("k"), b"v")
    finally:
        r.config_set("requirepass", "")
    raises(exceptions.ResponseError, lambda: connect(protocol, db=99).ping(), "DB index is out of range")


@check
def dump_and_restore(r, protocol):
    r.rpush("l", *range(50))
    payload = r.dump("l")
    assert r.restore("copy", 0, payload)
    same(r.lrange("copy", 0, -1), r.lrange("l", 0, -1))
    raises(exceptions.ResponseError, lambda: r.restore("bad", 0, payload[:-1] + b"x"), "DUMP payload")
    assert r.copy("l", "copy2")
    same(r.object("encoding", "copy2"), r.object("encoding", "l"))


@check
def administration(r, protocol):
    info = r.info()
    for field in ("redis_version", "connected_clients", "used_memory", "total_commands_processed", "uptime_in_seconds"):
        assert field in info, field
    same(r.config_get("maxmemory-policy"), {"maxmemory-policy": "noeviction"})
    assert r.slowlog_reset()
    same(r.role()[0], b"master")
    same(r.wait(0, 10), 0)
    assert r.time()[0] > 1_600_000_000
    assert "get" in r.command()
    assert isinstance(r.memory_usage("none"), type(None))
    assert r.swapdb(0, 1)
    assert r.swapdb(0, 1)


def main():
    failed = 0
    for protocol in (2, 3):
        for function in CHECKS:
            name = f"RESP{protocol} {function.__name__}"
            r = connect(protocol)
            try:
                r.flushall()
                function(r, protocol)
                print(f"[ok] {name}")
            except Exception as error:
                failed += 1
                line = traceback.extract_tb(error.__traceback__)
                where = next((frame.lineno for frame in reversed(line) if frame.filename == __file__ and frame.name == function.__name__), "?")
                print(f"[err] {name}: line {where}: {type(error).__name__}: {error}")
            finally:
                r.close()
    raise SystemExit(1 if failed else 0)


main()
