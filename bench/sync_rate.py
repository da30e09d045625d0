#!/usr/bin/env python3
"""SET rate when each write is synced before its reply, servers in turns.

usage: sync_rate.py [--rounds N] [--requests N] [--clients N] NAME=COMMAND...    ({port} and {dir} in COMMAND are replaced)

redis-benchmark without pipeline: N clients, 1 M random keys, 32-byte values. All servers run, one at a time has work. Reports medians of
rate and latency, the range of the rates (the disk is the noisiest part of the machine), and the ratio to the last server.
Not measured: other disks, values larger than a page, pipelines.
"""

import argparse
import contextlib
import statistics

from measured_server import Server, redis_benchmark


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("servers", nargs="+")
    arguments = parser.parse_args()
    load = f"-c {arguments.clients} -P 1 -t set -r 1000000 -d 32 -n {arguments.requests}"
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Server(spec, 7540 + n)) for n, spec in enumerate(arguments.servers)]
        rows = {server.name: [] for server in servers}
        for number in range(arguments.rounds + 1):
            for server in servers:
                row = redis_benchmark(server.port, load)
                if number:  # The first round warms up.
                    rows[server.name].append(row)
    rates = {name: statistics.median(row["rps"] for row in found) for name, found in rows.items()}
    base = rates[servers[-1].name]
    print(f"{'server':10} {'req/s':>8} {'range':>16} {'p50 ms':>8} {'p99 ms':>8} {'x req/s':>8}")
    for name, found in rows.items():
        p50, p99 = (statistics.median(row[f"{field}_latency_ms"] for row in found) for field in ("p50", "p99"))
        low, high = min(row["rps"] for row in found), max(row["rps"] for row in found)
        print(f"{name:10} {rates[name]:8.0f} {low:7.0f} to {high:5.0f} {p50:8.3f} {p99:8.3f} {rates[name] / base:8.2f}")


main()
