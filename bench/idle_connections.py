#!/usr/bin/env python3
"""Memory and CPU that idle connections cost.

usage: idle_connections.py [--count N] NAME=COMMAND...    ({port} and {dir} in COMMAND are replaced)

Opens N connections, each of which sends one PING and then stays silent. Reports the growth of the server's resident memory,
the CPU time it uses in five quiet seconds, and the time of a PING over one of them. Not measured: memory of the kernel's
socket buffers, connections that hold unread replies.
"""

import argparse
import time

from measured_server import Connection, Server


def measure(spec, port, count):
    with Server(spec, port) as server:
        Connection(port).ask("PING")
        before = server.status_bytes("VmRSS")
        begin = time.monotonic()
        connections = [Connection(port) for _ in range(count)]
        for connection in connections:
            connection.ask("PING")
        opened = time.monotonic() - begin
        growth = server.status_bytes("VmRSS") - before

        cpu = server.cpu_seconds()
        time.sleep(5)
        cpu = server.cpu_seconds() - cpu

        begin = time.monotonic()
        for connection in connections[:: max(1, count // 1000)]:
            connection.ask("PING")
        pings = len(connections[:: max(1, count // 1000)])
        micros = (time.monotonic() - begin) / pings * 1e6
        print(
            f"{server.name:10} {count} connections in {opened:.1f} s: {growth / 1e6:.1f} MB, {growth / count:.0f} B each; "
            f"idle CPU {cpu / 5 * 100:.1f} %; PING {micros:.0f} us",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("servers", nargs="+")
    arguments = parser.parse_args()
    for number, spec in enumerate(arguments.servers):
        measure(spec, 7500 + number, arguments.count)


main()
