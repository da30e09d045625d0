#!/usr/bin/env python3
"""CPU per SET while 100 connections read the same keys, with client-side caching and without.

usage: tracking_cost.py [--rounds N] [--seconds S] [--reads N] [--bcast] NAME=COMMAND...    ({port} and {dir} in COMMAND are replaced)

A writer overwrites random keys of 50,000, 32-byte values, pipeline 16, as fast as answers come, while 100 connections of RESP3
together read N random keys a second, one at a time, and take what they are told. Rounds with tracking and without alternate in one
server. CPU is user and system time of all threads of the process, by /proc/PID/stat, over the number of SETs; the reads are the
same in both, so the difference is what tracking costs: remembering reads, finding readers, telling them. Reports medians. With
--bcast the 100 connections read nothing; each is told of one prefix that a hundredth of the writes have.
"""

import argparse
import random
import selectors
import statistics
import threading
import time

from measured_server import Connection, Server, encode

CONNECTIONS = 100
KEYS = 50_000
PIPELINE = 16


def key(number):
    return b"%02d:key:%010d" % (number % CONNECTIONS, number)


class Readers(threading.Thread):
    """100 connections read at a fixed rate and count the invalidations that they get, until stopped."""

    def __init__(self, port, rate, tracking, bcast):
        super().__init__()
        self.rate, self.told, self.reads, self.ended = rate, 0, 0, False
        self.selector = selectors.DefaultSelector()
        self.sockets = []
        for number in range(CONNECTIONS):
            connection = Connection(port)
            connection.socket.sendall(encode("HELLO", 3))
            time.sleep(0.001)
            if tracking:
                prefix = ("BCAST", "PREFIX", b"%02d:" % number) if bcast else ()
                connection.socket.sendall(encode("CLIENT", "TRACKING", "ON", *prefix))
            connection.socket.setblocking(False)
            self.sockets.append(connection.socket)
            self.selector.register(connection.socket, selectors.EVENT_READ)

    def run(self):
        choose = random.Random(2).randrange
        begin = time.monotonic()
        while not self.ended:
            due = int((time.monotonic() - begin) * self.rate)
            while self.reads < due:
                self.sockets[choose(CONNECTIONS)].sendall(encode("GET", key(choose(KEYS))))
                self.reads += 1
            for ready, _ in self.selector.select(0.001):
                self.told += ready.fileobj.recv(1 << 16).count(b"invalidate")

    def stop(self):
        self.ended = True
        self.join()
        for socket in self.sockets:
            socket.close()


def write(port, seconds):
    """SETs in pipelines for so long; how many."""
    connection = Connection(port)
    choose = random.Random(3).randrange
    value = b"v" * 32
    batches = [b"".join(encode("SET", key(choose(KEYS)), value) for _ in range(PIPELINE)) for _ in range(4000)]
    end, sent = time.monotonic() + seconds, 0
    want = b"+OK\r\n" * PIPELINE
    while time.monotonic() < end:
        connection.socket.sendall(batches[sent % len(batches)])
        got = 0
        while got < len(want):
            got += len(connection.socket.recv(1 << 16))
        sent += 1
    connection.socket.close()
    return sent * PIPELINE


def one_round(server, arguments, tracking):
    readers = Readers(server.port, 0 if arguments.bcast else arguments.reads, tracking, arguments.bcast)
    readers.start()
    before = server.cpu_seconds()
    count = write(server.port, arguments.seconds)
    cost = (server.cpu_seconds() - before) / count * 1e9
    readers.stop()
    return cost, count / arguments.seconds, readers.reads / arguments.seconds, readers.told / arguments.seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--reads", type=int, default=5000)
    parser.add_argument("--bcast", action="store_true")
    parser.add_argument("servers", nargs="+")
    arguments = parser.parse_args()
    print(f"{'server':10} {'':8} {'cpu ns/SET':>10} {'SET/s':>8} {'GET/s':>7} {'told/s':>7} {'x cpu':>6}")
    for number, spec in enumerate(arguments.servers):
        with Server(spec, 7570 + number) as server:
            Connection(server.port).load(lambda n: encode("SET", key(n), "v" * 32), KEYS)
            rows = {False: [], True: []}
            for _ in range(arguments.rounds):
                for tracking in (False, True):
                    rows[tracking].append(one_round(server, arguments, tracking))
            medians = {on: [statistics.median(column) for column in zip(*row)] for on, row in rows.items()}
            for on, name in ((False, "without"), (True, "tracking")):
                cost, sets, gets, told = medians[on]
                ratio = f"{cost / medians[False][0]:6.2f}" if on else ""
                print(f"{server.name:10} {name:8} {cost:10.0f} {sets:8.0f} {gets:7.0f} {told:7.0f} {ratio}", flush=True)


main()
