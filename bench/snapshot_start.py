#!/usr/bin/env python3
"""How long a start from a snapshot takes, and how many cores it uses.

usage: snapshot_start.py [--keys N] [--rounds N] NAME=COMMAND...    ({port} and {dir} are replaced)

N strings of 16 + 32 bytes are written and saved; then the server is killed and started in the same folder, on all CPUs. The time ends
when PING is answered, which a server refuses while it loads. Cores: CPU time of the process until then, by the time it took; the
launch itself, which is on one core, counts. Not measured: collections, a cold page cache, a log behind the snapshot.
"""

import argparse
import os
import statistics
import time

from measured_server import Connection, Server, load_strings


def start(server, keys):
    """Seconds until the restarted server answers, and its CPU seconds by then."""
    begin = time.perf_counter()
    server.restart()
    seconds = time.perf_counter() - begin
    cpu_seconds = server.cpu_seconds()
    found = int(Connection(server.port).ask("DBSIZE"))
    if found != keys:
        raise SystemExit(f"{server.name}: {found} keys of {keys} after the start")
    return seconds, cpu_seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--base-port", type=int, default=7600)
    parser.add_argument("servers", nargs="+")
    args = parser.parse_args()

    cpus = f"0-{os.cpu_count() - 1}"
    print(f"{args.keys} keys, {os.cpu_count()} CPUs; medians of {args.rounds} starts")
    for number, spec in enumerate(args.servers):
        with Server(spec, args.base_port + number, cpus) as server:
            load_strings(server, args.keys)
            Connection(server.port).ask("SAVE")
            starts = [start(server, args.keys) for _ in range(args.rounds)]
        seconds = statistics.median(seconds for seconds, _ in starts)
        cores = statistics.median(cpu / seconds for seconds, cpu in starts)
        print(f"{server.name:10} {seconds:6.2f} s   {cores:.2f} cores")


if __name__ == "__main__":
    main()
