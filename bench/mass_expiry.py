#!/usr/bin/env python3
"""Latency of other clients while very many keys expire within one second.

usage: mass_expiry.py [--keys N] [--quiet S] NAME=COMMAND...    ({port} and {dir} in COMMAND are replaced)

Loads N keys whose expiry times are spread over one second, and 100,000 keys without expiry. One connection then sends SET and
GET of the latter, one at a time, as fast as answers come: first for S quiet seconds, then from the first expiry until all N
keys are gone (at most 30 s). Reports the latency of both spans and their p99 ratio. Not measured: pipelined clients, expiry
while the log is written.
"""

import argparse
import random
import threading
import time

from measured_server import Connection, Server, encode, quantile

LASTING_KEYS = 100_000
REMOVAL_LIMIT_S = 30


def probe(connection, until):
    """Latencies in seconds of alternating SET and GET until `until()` says stop."""
    latencies = []
    choose = random.Random(1).randrange
    while not until():
        key = b"lasting:%06d" % choose(LASTING_KEYS)
        words = ("SET", key, "v" * 32) if len(latencies) & 1 else ("GET", key)
        begin = time.perf_counter()
        connection.ask(*words)
        latencies.append(time.perf_counter() - begin)
    return latencies


def watch_removal(port, done, removed_at):
    """Sets `done` when only the lasting keys are left. Asks ten times a second: DBSIZE itself costs the server little."""
    connection = Connection(port)
    end = time.monotonic() + REMOVAL_LIMIT_S
    while int(connection.ask("DBSIZE")) > LASTING_KEYS and time.monotonic() < end:
        time.sleep(0.1)
    removed_at.append(time.time())
    done.set()


def row(latencies):
    figures = [quantile(latencies, share) * 1e6 for share in (0.5, 0.99, 0.999)] + [max(latencies) * 1e6]
    return "p50 %.0f  p99 %.0f  p99.9 %.0f  max %.0f us" % tuple(figures)


def measure(spec, port, keys, quiet_s):
    with Server(spec, port) as server:
        connection = Connection(port)
        connection.load(lambda n: encode("SET", b"lasting:%06d" % n, "v" * 32), LASTING_KEYS)
        # Far enough away that loading and the quiet span are over before.
        first_ms = int((time.time() + keys / 40_000 + quiet_s + 2) * 1000)
        connection.load(
            lambda n: encode("SET", b"expiring:%09d" % n, "v" * 32, "PXAT", first_ms + n * 1000 // keys), keys
        )
        loaded = int(connection.ask("DBSIZE"))
        if loaded != keys + LASTING_KEYS or time.time() * 1000 + quiet_s * 1000 > first_ms:
            raise SystemExit(f"{server.name}: loading took too long ({loaded} keys)")
        rss = server.status_bytes("VmRSS")

        begin = time.monotonic()
        quiet = probe(connection, lambda: time.monotonic() - begin > quiet_s)
        time.sleep(max(0.0, first_ms / 1000 - time.time()))
        done, removed_at = threading.Event(), []
        watcher = threading.Thread(target=watch_removal, args=(port, done, removed_at))
        watcher.start()
        during = probe(connection, done.is_set)
        watcher.join()

        left = int(connection.ask("DBSIZE")) - LASTING_KEYS
        removal = removed_at[0] - first_ms / 1000
        ratio = quantile(during, 0.99) / quantile(quiet, 0.99)
        print(f"{server.name:10} quiet   {row(quiet)}")
        print(f"{server.name:10} expiry  {row(during)}")
        print(
            f"{server.name:10} p99 x{ratio:.2f}; {keys - left} of {keys} keys removed {removal:.1f} s after the first expiry; "
            f"resident {rss / 1e6:.0f} MB before, {server.status_bytes('VmRSS') / 1e6:.0f} MB after",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--quiet", type=float, default=5.0)
    parser.add_argument("servers", nargs="+")
    arguments = parser.parse_args()
    for number, spec in enumerate(arguments.servers):
        measure(spec, 7520 + number, arguments.keys, arguments.quiet)


main()
