#!/usr/bin/env python3
"""What a request costs with two core loops, as a share of what it costs with one.

usage: loops.py [--rounds N] [--requests N] NAME=COMMAND...    ({port}, {dir} and {loops} in COMMAND are replaced)

Each command runs twice, in turns: with one loop on CPU 0 and one generator on CPU 1, and with two loops and two generators that share
both. The generator is redis-benchmark: 50 clients each, 1 M random keys, 32-byte values. Throughput of a core is requests per second
of the server's processor time, all its threads and the kernel's part of it counted; medians of the rounds. Not measured: more loops
than two, loops that have a core of their own each while they share the data. Needs two CPUs or more.
"""

import argparse
import contextlib
import os
import statistics
import subprocess

from measured_server import Server

LOADS = [(test, pipeline) for test in ("get", "set") for pipeline in (1, 16, 64)]


def generate(port, test, pipeline, requests, count):
    """Runs `count` generators side by side to their end."""
    words = ["redis-benchmark", "-p", str(port), "-q", "-c", "50", "-P", str(pipeline), "-t", test, "-r", "1000000", "-d", "32"]
    words += ["-n", str(requests // count)]
    # One is kept off the server's CPU; two share all.
    prefix = ["taskset", "-c", "1" if count == 1 else "0,1"]
    running = [
        subprocess.Popen(prefix + words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(count)
    ]
    for process in running:
        if process.wait() != 0:
            raise SystemExit("redis-benchmark failed")


def cost_ns(server, loops, load, requests):
    """Processor time of one request."""
    before = server.cpu_seconds()
    generate(server.port, *load, requests, loops)
    return (server.cpu_seconds() - before) / requests * 1e9


def measure(spec, port, arguments):
    name = spec.split("=", 1)[0]
    with contextlib.ExitStack() as stack:
        servers = {
            loops: stack.enter_context(Server(spec.replace("{loops}", str(loops)), port + loops, cpus))
            for loops, cpus in ((1, "0"), (2, "0,1"))
        }
        for loops, server in servers.items():
            generate(server.port, "set", 64, 4_000_000, loops)
        for load in LOADS:
            requests = arguments.requests // (8 if load[1] == 1 else 1)
            costs = {loops: [] for loops in servers}
            for _ in range(arguments.rounds):
                for loops, server in servers.items():
                    costs[loops].append(cost_ns(server, loops, load, requests))
            one, two = (statistics.median(costs[loops]) for loops in (1, 2))
            print(
                f"{name:10} {load[0]} pipeline {load[1]:<3} one loop {one:6.0f} ns  two {two:6.0f} ns  "
                f"throughput of a core {100 * (one / two - 1):+.0f} %",
                flush=True,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=2_000_000)
    parser.add_argument("servers", nargs="+")
    arguments = parser.parse_args()
    if os.cpu_count() < 2:
        raise SystemExit("needs two CPUs")
    for number, spec in enumerate(arguments.servers):
        measure(spec, 7560 + 10 * number, arguments)


main()
