#!/usr/bin/env python3
"""What viewers of the dashboard cost a server at full write load.

usage: viewers.py [--rounds N] [--requests N] [--viewers 0,1,64] [--pipeline N] NAME=COMMAND    ({port}, {http} and {dir} in COMMAND are replaced)

The server on CPU 0, redis-benchmark and the viewers on the others: 50 clients, SET of 1 M random keys, 32-byte values, with each number of
viewers in turns. A viewer is a WebSocket with what the Dashboard subscribes to (stats, command, hotkeys, alert, job) that reads and
acknowledges everything; eight of them share a user, as many as a user may have. Prints medians of throughput and of CPU per request (all
threads of the process), what the viewers were sent, and the ratios to no viewer. Not measured: browsers, REST, TLS.
"""

import argparse
import base64
import json
import multiprocessing
import os
import re
import selectors
import socket
import statistics
import struct
import time

from measured_server import Connection, Server, redis_benchmark

TOPICS = ("stats", "command", "hotkeys", "alert", "job")
OF_A_USER = 8


def frame(message):
    """A text frame of a client: masked, with a mask of zeros."""
    payload = json.dumps(message).encode()
    assert len(payload) < 126
    return struct.pack("!BB4x", 0x81, 0x80 | len(payload)) + payload


class Viewer:
    """One WebSocket, from the handshake on."""

    def __init__(self, port, user):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        login = base64.b64encode(f"{user}:secret".encode()).decode()
        self.socket.sendall(
            f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Protocol: flashdb.v1\r\n"
            f"Authorization: Basic {login}\r\n\r\n".encode()
        )
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            got = self.socket.recv(4096)
            if not got:
                raise SystemExit("the server ended the handshake")
            self.buffer += got
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        if not head.startswith(b"HTTP/1.1 101"):
            raise SystemExit(head.decode())
        self.send({"type": "hello", "data": {"proto": 1, "client": "bench"}})
        for number, topic in enumerate(TOPICS):
            self.send({"type": "sub", "data": {"id": number, "topic": topic}})
        self.messages = 0

    def send(self, message):
        self.socket.sendall(frame(message))

    def read(self):
        """Takes what has come; how many bytes, 0 at the end."""
        got = self.socket.recv(1 << 16)
        self.buffer += got
        while len(self.buffer) >= 2:
            kind, length, at = self.buffer[0] & 15, self.buffer[1] & 127, 2
            for marker, form, size in ((126, "!H", 2), (127, "!Q", 8)):
                if length == marker:
                    if len(self.buffer) < at + size:
                        return len(got)
                    (length,), at = struct.unpack(form, self.buffer[at:at + size]), at + size
                    break
            if len(self.buffer) < at + length:
                return len(got)
            payload, self.buffer = self.buffer[at:at + length], self.buffer[at + length:]
            self.take(kind, payload)
        return len(got)

    def take(self, kind, payload):
        if kind == 9:
            self.socket.sendall(struct.pack("!BB4x", 0x8A, 0x80 | len(payload)) + payload)
        if kind != 1:
            return
        self.messages += 1
        if b'"type":"error"' in payload:
            raise SystemExit(payload.decode())
        seq = re.search(rb'"seq":"(\d+)"', payload) if payload.startswith(b'{"type":"batch"') else None
        if seq:
            self.send({"type": "ack", "data": {"seq": seq.group(1).decode()}})


def watch(port, count, ready, ended, told):
    """The work of the process of the viewers."""
    viewers = [Viewer(port, f"viewer{number // OF_A_USER}") for number in range(count)]
    selector = selectors.DefaultSelector()
    for viewer in viewers:
        selector.register(viewer.socket, selectors.EVENT_READ, viewer)
    received, begin = 0, time.monotonic()
    ready.set()
    while not ended.is_set():
        for key, _ in selector.select(0.2):
            got = key.data.read()
            if got == 0:
                raise SystemExit("the server ended a viewer")
            received += got
    told.put((received / (time.monotonic() - begin), sum(viewer.messages for viewer in viewers)))


def run_beside(server, http, count, load, requests):
    """Requests per second, CPU per request in ns, bytes per second that the viewers got."""
    ready, ended, told = multiprocessing.Event(), multiprocessing.Event(), multiprocessing.Queue()
    process = multiprocessing.Process(target=watch, args=(http, count, ready, ended, told))
    process.start()
    if not ready.wait(30):
        raise SystemExit("the viewers were not let in")
    before = server.cpu_seconds()
    rate = redis_benchmark(server.port, load)["rps"]
    cost = (server.cpu_seconds() - before) / requests * 1e9
    ended.set()
    bytes_per_s, messages = told.get(timeout=30)
    process.join()
    if count and messages < count:
        raise SystemExit(f"{count} viewers were told {messages} messages only")
    return rate, cost, bytes_per_s


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=4_000_000)
    parser.add_argument("--viewers", default="0,1,64")
    parser.add_argument("--pipeline", type=int, default=16)
    parser.add_argument("--http-port", type=int, default=7599)
    parser.add_argument("server")
    arguments = parser.parse_args()
    counts = [int(text) for text in arguments.viewers.split(",")]
    load = f"-c 50 -P {arguments.pipeline} -t set -r 1000000 -d 32 -n {arguments.requests}"
    figures = {count: [] for count in counts}
    with Server(arguments.server.replace("{http}", str(arguments.http_port)), 7598) as server:
        connection = Connection(server.port)
        for number in range(max(counts) // OF_A_USER + 1):
            connection.ask("ACL", "SETUSER", f"viewer{number}", "on", ">secret", "~*", "&*", "+@all")
        for number in range(arguments.rounds + 1):
            for count in counts:
                figure = run_beside(server, arguments.http_port, count, load, arguments.requests)
                if number:  # The first round fills the table.
                    figures[count].append(figure)
    medians = {count: [statistics.median(column) for column in zip(*rows)] for count, rows in figures.items()}
    rate_alone, cost_alone, _ = medians[counts[0]]
    print(f"{'viewers':>7} {'req/s':>10} {'cpu ns/req':>10} {'kB/s':>8} {'x req/s':>8} {'x cpu':>6}")
    for count, (rate, cost, bytes_per_s) in medians.items():
        print(f"{count:7} {rate:10.0f} {cost:10.0f} {bytes_per_s / 1e3:8.1f} {rate / rate_alone:8.3f} {cost / cost_alone:6.3f}")


if __name__ == "__main__":
    main()
