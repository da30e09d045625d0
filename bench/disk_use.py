#!/usr/bin/env python3
"""Disk use while the same keys are overwritten for a long time.

usage: disk_use.py [--minutes M] [--keys N] [--value N] [--step S] NAME=COMMAND...    ({port} and {dir} in COMMAND are replaced)

N keys of 16 bytes are overwritten by 50 clients at pipeline 16, as fast as the server takes it. Prints the disk blocks of the data folder
every S seconds, and at the end the ratio of the largest to the data itself. Bounded means: in the last third of the time the
folder never took more than 1.5 times its largest in the second third. If that does not hold for the first server, the exit code
is 1; the others are there to compare. Not measured: deletions, archived segments.
"""

import argparse
import sys
import time

from measured_server import EndlessLoad, Server

BOUND = 1.5


def measure(spec, port, arguments):
    with Server(spec, port) as server:
        load = f"-c 50 -P 16 -t set -r {arguments.keys} -d {arguments.value}"
        sizes, begin = [], time.monotonic()
        with EndlessLoad(port, load):
            while (now := time.monotonic() - begin) < arguments.minutes * 60:
                time.sleep(arguments.step - now % arguments.step)
                sizes.append(server.folder_bytes())
                print(f"{server.name:10} {time.monotonic() - begin:6.0f} s {sizes[-1] / 1e6:9.1f} MB", flush=True)
        third = max(1, len(sizes) // 3)
        middle, last = max(sizes[third:2 * third] or sizes), max(sizes[-third:])
        data = arguments.keys * (16 + arguments.value)
        written = server.info("total_commands_processed")
        is_bounded = last <= BOUND * middle
        print(
            f"{server.name:10} {'bounded' if is_bounded else 'NOT BOUNDED'}: {written / 1e6:.1f} M writes of {data / 1e6:.0f} MB of data; largest "
            f"{max(sizes) / 1e6:.0f} MB ({max(sizes) / data:.1f} x), at the end {sizes[-1] / 1e6:.0f} MB ({sizes[-1] / data:.1f} x)",
            flush=True,
        )
        return is_bounded


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--keys", type=int, default=300_000)
    parser.add_argument("--value", type=int, default=100)
    parser.add_argument("--step", type=float, default=10)
    parser.add_argument("servers", nargs="+")
    arguments = parser.parse_args()
    bounded = [measure(spec, 7570 + number, arguments) for number, spec in enumerate(arguments.servers)]
    sys.exit(0 if bounded[0] else 1)


main()
