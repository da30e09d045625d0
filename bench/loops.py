#!/usr/bin/env python3
"""What a request costs with two core loops, as a share of what it costs with one.

usage: loops.py [--rounds N] [--requests N] NAME=COMMAND...    ({port}, {dir} and {loops} in COMMAND are replaced)

Each command runs three times, in turns: one loop on CPU 0 with its generator on CPU 1; one loop that shares CPU 0 with its generator;
two loops and two generators that share both CPUs. Where there are no more than two, the first shows what a generator on the same CPU
costs (its caches, the switches between the two), the second what the second loop costs. The generator is redis-benchmark: 50 clients
each, 1 M random keys, 32-byte values. Throughput of a core is requests per second of the server's processor time, all its threads and
the kernel's part of it counted; medians of the rounds. Not measured: more loops than two. Needs two CPUs or more.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
from typing import NamedTuple

from measured_server import Server

LOADS = [(test, pipeline) for test in ("get", "set") for pipeline in (1, 16, 64)]


class Layout(NamedTuple):
    """Which CPUs the server and its generators run on; as many generators as loops."""

    loops: int
    server_cpus: str
    generator_cpus: str


LAYOUTS = {"apart": Layout(1, "0", "1"), "shared": Layout(1, "0", "0"), "two": Layout(2, "0,1", "0,1")}


def generate(port, test, pipeline, requests, layout):
    """Runs the generators of a layout side by side to their end."""
    words = ["redis-benchmark", "-p", str(port), "-q", "-c", "50", "-P", str(pipeline), "-t", test, "-r", "1000000", "-d", "32"]
    words += ["-n", str(requests // layout.loops)]
    prefix = ["taskset", "-c", layout.generator_cpus]
    running = [
        subprocess.Popen(prefix + words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(layout.loops)
    ]
    for process in running:
        if process.wait() != 0:
            raise SystemExit("redis-benchmark failed")


def cost_ns(server, layout, load, requests):
    """Processor time of one request."""
    before = server.cpu_seconds()
    generate(server.port, *load, requests, layout)
    return (server.cpu_seconds() - before) / requests * 1e9


def measure(spec, port, arguments):
    product = spec.split("=", 1)[0]
    with contextlib.ExitStack() as stack:
        servers = {
            name: stack.enter_context(Server(spec.replace("{loops}", str(layout.loops)), port + number, layout.server_cpus))
            for number, (name, layout) in enumerate(LAYOUTS.items())
        }
        for name, server in servers.items():
            generate(server.port, "set", 64, 4_000_000, LAYOUTS[name])
        for load in LOADS:
            requests = arguments.requests // (8 if load[1] == 1 else 1)
            costs = {name: [] for name in servers}
            for _ in range(arguments.rounds):
                for name, server in servers.items():
                    costs[name].append(cost_ns(server, LAYOUTS[name], load, requests))
            apart, shared, two = (statistics.median(costs[name]) for name in LAYOUTS)
            print(
                f"{product:10} {load[0]} pipeline {load[1]:<3} one loop {apart:6.0f} ns, beside its generator {shared:6.0f} ns  "
                f"two {two:6.0f} ns  throughput of a core {100 * (apart / two - 1):+.0f} %, like with like "
                f"{100 * (shared / two - 1):+.0f} %",
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
