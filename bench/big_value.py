#!/usr/bin/env python3
"""Sets and reads back one value of the largest size that the protocol allows.

usage: big_value.py [--megabytes N] NAME=COMMAND...    ({port} and {dir} in COMMAND are replaced)

Reports the time of both ways, the server's peak memory over the value's size, and the longest wait of a second connection
that sends PING all the while. Fails when what comes back differs.
"""

import argparse
import hashlib
import random
import threading
import time

from measured_server import Connection, Server

BLOCK = 1 << 20


def blocks(count):
    """Incompressible and different blocks, the same on each call."""
    source = random.Random(7)
    for _ in range(count):
        yield source.randbytes(BLOCK)


def longest_wait(port, done, waits):
    connection = Connection(port)
    while not done.is_set():
        begin = time.perf_counter()
        connection.ask("PING")
        waits.append(time.perf_counter() - begin)
        done.wait(0.001)


def receive(connection, size):
    """Reads a bulk string of `size` bytes without keeping it; returns its digest."""
    header = connection.line()
    if header != b"$%d" % size:
        raise SystemExit(f"wrong header: {header[:100]!r}")
    digest, left = hashlib.blake2b(), size
    data, connection.rest = connection.rest, b""
    while True:
        digest.update(data[:left])
        left -= min(left, len(data))
        if left == 0:
            return digest.hexdigest()
        data = connection.socket.recv(1 << 20)
        if not data:
            raise SystemExit("connection closed")


def measure(spec, port, megabytes):
    size = megabytes * BLOCK
    with Server(spec, port) as server:
        done, waits = threading.Event(), []
        watcher = threading.Thread(target=longest_wait, args=(port, done, waits))
        watcher.start()
        try:
            digest = hashlib.blake2b()
            content = list(blocks(megabytes))
            for block in content:
                digest.update(block)
            connection = Connection(port)
            begin = time.perf_counter()
            connection.socket.sendall(b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$%d\r\n" % size)
            for block in content:
                connection.socket.sendall(block)
            connection.socket.sendall(b"\r\n")
            stored = connection.reply()
            set_s = time.perf_counter() - begin
            if stored != b"OK" or int(connection.ask("STRLEN", "big")) != size:
                raise SystemExit(f"{server.name}: not stored: {stored!r}")

            begin = time.perf_counter()
            connection.socket.sendall(b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n")
            same = receive(connection, size) == digest.hexdigest()
            get_s = time.perf_counter() - begin
        finally:
            done.set()
            watcher.join()
        if not same:
            raise SystemExit(f"{server.name}: the value that came back differs")
        peak = server.status_bytes("VmHWM")
        print(
            f"{server.name:10} {megabytes} MB: SET {set_s:.2f} s, GET {get_s:.2f} s, peak memory {peak / size:.2f} times the "
            f"value, longest wait of another client {max(waits) * 1e3:.1f} ms",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=512)
    parser.add_argument("servers", nargs="+")
    arguments = parser.parse_args()
    for number, spec in enumerate(arguments.servers):
        measure(spec, 7540 + number, arguments.megabytes)


main()
