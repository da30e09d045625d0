#!/usr/bin/env python3
"""CPU per SET with the log and without, of the same program, in turns.

usage: log_cost.py [--rounds N] [--requests N] NAME-on=COMMAND NAME-off=COMMAND...    ({port} and {dir} in COMMAND are replaced)

Servers on CPU 0, redis-benchmark on the others: 50 clients, pipelines of 16 and 64, 1 M random keys, 32-byte values. CPU is user and
system time of all threads of the process, by /proc/PID/stat; a process that a server forks is not counted. Reports medians and the
ratio of each NAME-on to its NAME-off. Not measured: the kernel's own threads that write pages back.
"""

import argparse
import contextlib
import statistics

from measured_server import Server, redis_benchmark

PIPELINES = (16, 64)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=2_000_000)
    parser.add_argument("servers", nargs="+")
    arguments = parser.parse_args()
    figures = {}
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Server(spec, 7550 + n)) for n, spec in enumerate(arguments.servers)]
        for pipeline in PIPELINES:
            load = f"-c 50 -P {pipeline} -t set -r 1000000 -d 32 -n {arguments.requests}"
            for number in range(arguments.rounds + 1):
                for server in servers:
                    before = server.cpu_seconds()
                    rate = redis_benchmark(server.port, load)["rps"]
                    cost = (server.cpu_seconds() - before) / arguments.requests * 1e9
                    if number:  # The first round fills the table.
                        figures.setdefault((pipeline, server.name), []).append((cost, rate))
    medians = {key: [statistics.median(column) for column in zip(*rows)] for key, rows in figures.items()}
    print(f"{'pipeline':8} {'server':14} {'cpu ns/req':>10} {'req/s':>10} {'+ ns':>6} {'x cpu':>6}")
    for (pipeline, name), (cost, rate) in medians.items():
        program, _, state = name.rpartition("-")
        off = medians.get((pipeline, f"{program}-off"), [None])[0] if state == "on" else None
        ratio = f"{cost - off:6.0f} {cost / off:6.2f}" if off else ""
        print(f"{pipeline:<8} {name:14} {cost:10.0f} {rate:10.0f} {ratio}")


main()
