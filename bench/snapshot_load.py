#!/usr/bin/env python3
"""Latency and memory while a snapshot is taken under full load of writes.

usage: snapshot_load.py [--keys N] [--rounds N] [--quiet S] [--server-cpus LIST] NAME=COMMAND...    ({port} and {dir} are replaced)

N keys of 16 bytes with values of 32; redis-benchmark overwrites them with 50 clients at pipeline 16. Another connection sends GET and SET
in turn each millisecond: for S seconds without a snapshot, then during BGSAVE. A probe that could not be sent in time because the one
before was not answered counts from when it was due. The prober has real-time priority if it may, so that it measures the server
and not its own wait for a CPU. Memory: peak resident set during the snapshot against before, and what a forked child copied
(rdb_last_cow_size). All servers are loaded first and take turns. Not measured: other types, big values, a disk that is busy.
"""

import argparse
import contextlib
import os
import random
import threading
import time

from measured_server import Connection, EndlessLoad, Server, load_strings, quantile

PERIOD_S = 0.001
SNAPSHOT_LIMIT_S = 120


def probe(connection, keys, until):
    """Latencies in seconds, a probe each period, until `until()` says stop."""
    latencies = []
    choose = random.Random(1).randrange
    due = time.perf_counter()
    while not until():
        ahead = due - time.perf_counter()
        if ahead > 0:
            time.sleep(ahead)
            begin = time.perf_counter()
        else:
            begin = due
        key = b"key:%012d" % choose(keys)
        words = ("SET", key, "w" * 32) if len(latencies) & 1 else ("GET", key)
        connection.ask(*words)
        latencies.append(time.perf_counter() - begin)
        due += PERIOD_S
    return latencies


def watch_snapshot(server, done):
    """Sets `done` when the snapshot is over. INFO ten times a second costs the server little."""
    end = time.monotonic() + SNAPSHOT_LIMIT_S
    while server.info("rdb_bgsave_in_progress") and time.monotonic() < end:
        time.sleep(0.1)
    done.set()


def has_child(server):
    path = f"/proc/{server.process.pid}/task/{server.process.pid}/children"
    with open(path) as file:
        return bool(file.read().strip())


class Round:
    """One server, once: quiet, then a snapshot, under the same load."""

    def __init__(self, server, keys, quiet_s):
        with EndlessLoad(server.port, f"-c 50 -P 16 -t set -r {keys} -d 32"):
            connection = Connection(server.port)
            time.sleep(1)
            commands, begin = server.info("total_commands_processed"), time.monotonic()
            self.quiet = probe(connection, keys, lambda: time.monotonic() - begin > quiet_s)
            self.quiet_rate = (server.info("total_commands_processed") - commands) / (time.monotonic() - begin)

            self.before = server.status_bytes("VmRSS")
            with open(f"/proc/{server.process.pid}/clear_refs", "w") as file:
                file.write("5")  # The peak begins anew.
            commands, begin = server.info("total_commands_processed"), time.monotonic()
            Connection(server.port).ask("BGSAVE")
            forked = has_child(server)
            done = threading.Event()
            watcher = threading.Thread(target=watch_snapshot, args=(server, done))
            watcher.start()
            self.during = probe(connection, keys, done.is_set)
            watcher.join()
            self.seconds = time.monotonic() - begin
            self.during_rate = (server.info("total_commands_processed") - commands) / self.seconds
            self.extra = server.status_bytes("VmHWM") - self.before
            self.extra += server.info("rdb_last_cow_size") if forked else 0


def row(name, latencies, rate):
    figures = [quantile(latencies, share) * 1e6 for share in (0.5, 0.99, 0.999)] + [max(latencies) * 1e6]
    return f"{name:20} {len(latencies):8} " + " ".join(f"{figure:9.0f}" for figure in figures) + f" {rate:10.0f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=3_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quiet", type=float, default=10.0)
    parser.add_argument("--server-cpus", default=f"0-{os.cpu_count() - 1}")
    parser.add_argument("servers", nargs="+")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        servers = []
        for number, spec in enumerate(arguments.servers):
            servers.append(stack.enter_context(Server(spec, 7560 + number, arguments.server_cpus)))
            load_strings(servers[-1], arguments.keys)
        priority = os.sched_param(1)
        rounds = {server.name: [] for server in servers}
        for _ in range(arguments.rounds):
            for server in servers:
                rounds[server.name].append(with_priority(priority, server, arguments))
    print(f"{'':20} {'probes':>8} {'p50 us':>9} {'p99':>9} {'p99.9':>9} {'max':>9} {'req/s':>10}")
    for name, found in rounds.items():
        report(name, found)


def with_priority(priority, server, arguments):
    # A child inherits neither class nor affinity that it should not have: the load starts before, as an ordinary process.
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, priority)
    try:
        return Round(server, arguments.keys, arguments.quiet)
    finally:
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def report(name, rounds):
    quiet = [latency for one in rounds for latency in one.quiet]
    during = [latency for one in rounds for latency in one.during]
    count = len(rounds)
    print(row(f"{name} quiet", quiet, sum(one.quiet_rate for one in rounds) / count))
    print(row(f"{name} snapshot", during, sum(one.during_rate for one in rounds) / count))
    ratio = quantile(during, 0.999) / quantile(quiet, 0.999)
    worst = max(rounds, key=lambda one: one.extra / one.before)
    print(
        f"{name}: p99.9 x{ratio:.2f}; memory {worst.before / 1e6:.0f} MB + {worst.extra / 1e6:.1f} MB "
        f"({worst.extra / worst.before:.1%}); snapshots took {', '.join(f'{one.seconds:.1f}' for one in rounds)} s",
        flush=True,
    )


main()
