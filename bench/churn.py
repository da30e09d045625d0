#!/usr/bin/env python3
"""Resident memory after most keys were deleted and written again with other sizes, beside a fresh server with the same data.

usage: churn.py [--keys N] [--settle S] [--sizes FROM-TO:FROM-TO]... NAME=COMMAND...    ({port} and {dir} in COMMAND are replaced)

Loads N strings whose lengths are spread evenly over the first range, deletes nine of ten, in an order of chance, and writes
those again with lengths of the second range. The one in ten that stays lies scattered over the pages of the first load.
Resident memory is read S seconds later, on a server that has been idle since, and compared with that of another server
that was only given the last state, in order. Not measured: how long it takes under load, other types.
"""

import argparse
import random
import time

from measured_server import Connection, Server, encode

KEPT_OF = 10


def length(number, sizes, salt):
    """A length in the range, always the same for the same key."""
    first, last = sizes
    return first + (number * 2654435761 + salt) % 4294967296 * (last - first + 1) // 4294967296


def write(number, sizes, salt):
    return encode("SET", b"key:%012d" % number, b"v" * length(number, sizes, salt))


def resident_bytes(server, settle_s):
    time.sleep(settle_s)
    return server.status_bytes("VmRSS")


def churned(spec, port, keys, before, after, settle_s):
    """Resident memory once loaded, once nine of ten are gone, and at the end; seconds of CPU."""
    with Server(spec, port) as server:
        connection = Connection(port)
        connection.load(lambda n: write(n, before, 1), keys)
        loaded = resident_bytes(server, 0.5)
        gone = [number for number in range(keys) if number % KEPT_OF]
        random.Random(5).shuffle(gone)
        connection.load(lambda n: encode("DEL", b"key:%012d" % gone[n]), len(gone))
        emptied = resident_bytes(server, 0.5)
        connection.load(lambda n: write(gone[n], after, 2), len(gone))
        return loaded, emptied, resident_bytes(server, settle_s), server.cpu_seconds()


def fresh(spec, port, keys, before, after, settle_s):
    """Resident memory of a server that only ever had the last state."""
    with Server(spec, port) as server:
        connection = Connection(port)
        connection.load(lambda n: write(n, after, 2) if n % KEPT_OF else write(n, before, 1), keys)
        return resident_bytes(server, settle_s)


def sizes(text):
    return [tuple(int(bound) for bound in part.split("-")) for part in text.split(":")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=2_000_000)
    parser.add_argument("--settle", type=float, default=3)
    parser.add_argument("--sizes", action="append")
    parser.add_argument("servers", nargs="+")
    arguments = parser.parse_args()
    for before, after in map(sizes, arguments.sizes or ["16-64:65-160", "65-160:16-64"]):
        for number, spec in enumerate(arguments.servers):
            port = 7540 + 2 * number
            common = (arguments.keys, before, after, arguments.settle)
            loaded, emptied, churn, cpu = churned(spec, port, *common)
            same = fresh(spec, port + 1, *common)
            print(
                f"{spec.split('=')[0]:10} {before[0]}-{before[1]} B, then {after[0]}-{after[1]} B: "
                f"loaded {loaded / 1e6:.0f} MB, 90 % deleted {emptied / 1e6:.0f} MB, written again {churn / 1e6:.0f} MB; "
                f"fresh {same / 1e6:.0f} MB; {churn / same:.2f} times; CPU {cpu:.1f} s",
                flush=True,
            )


main()
