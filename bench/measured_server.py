"""What the benchmark scripts of this folder share: servers started by command line, and a small RESP client.

Python 3 standard library only. A command names its port and folder as {port} and {dir}. With two or more CPUs the server
runs on CPU 0 and the script on the others, so that the load does not take the server's time.
"""

import csv
import io
import os
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time

BLOCK = 4096


class Server:
    """A server in a fresh folder; use it in a `with` block."""

    def __init__(self, spec, port, cpus="0"):
        self.name, command = spec.split("=", 1)
        self.port = port
        self.folder = tempfile.mkdtemp(prefix=f"bench-{self.name}-")
        words = shlex.split(command.format(port=port, dir=self.folder))
        if shutil.which("taskset") and os.cpu_count() > 1:
            words = ["taskset", "-c", cpus] + words
            os.sched_setaffinity(0, set(range(1, os.cpu_count())))
        self.log = open(os.path.join(self.folder, "server.log"), "w+")
        raise_file_limit()
        self.words = words
        self.process = self.launch()

    def launch(self):
        return subprocess.Popen(self.words, cwd=self.folder, stdout=self.log, stderr=subprocess.STDOUT)

    def restart(self):
        """Kills the process and starts it in the same folder; returns when it answers."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = self.launch()
        return self.__enter__()

    def __enter__(self):
        end = time.monotonic() + 60
        while True:
            try:
                connection = Connection(self.port)
                if connection.ask("PING") == b"PONG":
                    return self
            except (OSError, EOFError, ErrorReply):
                pass  # It does not listen yet, or says that it is loading.
            if self.process.poll() is not None or time.monotonic() > end:
                self.log.seek(0)
                text = self.log.read()[-1000:]
                self.__exit__()
                raise SystemExit(f"{self.name} did not start: {text}")
            time.sleep(0.02)

    def info(self, field):
        """A number of INFO; a connection of its own, so that it can be asked from any thread."""
        connection = Connection(self.port)
        text = connection.ask("INFO", "everything")
        connection.socket.close()
        for line in text.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name == field.encode():
                return int(value)
        raise KeyError(field)

    def folder_bytes(self):
        """Bytes that the files of the folder take on the disk; files may go while they are counted.

        Of a file just begun, ext4 may count for some milliseconds what it has set aside for the file's growth: here 64 MiB for a
        file of 70 bytes. So no file counts for more than its length in whole blocks.
        """
        total = 0
        for root, _, names in os.walk(self.folder):
            for name in names:
                try:
                    status = os.stat(os.path.join(root, name))
                    total += min(status.st_blocks * 512, -(-status.st_size // BLOCK) * BLOCK)
                except FileNotFoundError:
                    pass
        return total - os.stat(self.log.name).st_blocks * 512

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def status_bytes(self, field):
        """A field of /proc/PID/status, such as VmRSS or VmHWM, in bytes."""
        with open(f"/proc/{self.process.pid}/status") as lines:
            for line in lines:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024
        raise KeyError(field)

    def cpu_seconds(self):
        """CPU time of all threads so far."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class ErrorReply(SystemExit):
    """A server's error; ends the script unless it was expected."""


class Connection:
    """A blocking RESP2 connection; replies of the simple kinds and bulk strings only."""

    def __init__(self, port, timeout=120):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def ask(self, *words):
        self.socket.sendall(encode(*words))
        return self.reply()

    def reply(self):
        line = self.line()
        kind, text = line[:1], line[1:]
        if kind == b"-":
            raise ErrorReply(f"error reply: {text.decode()}")
        if kind != b"$":
            return text
        length = int(text)
        if length < 0:
            return None
        while len(self.rest) < length + 2:
            self.more()
        value, self.rest = self.rest[:length], self.rest[length + 2:]
        return value

    def line(self):
        while b"\r\n" not in self.rest:
            self.more()
        line, self.rest = self.rest.split(b"\r\n", 1)
        return line

    def more(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError("connection closed")
        self.rest += data

    def load(self, requests, count):
        """Sends `count` requests in batches and checks that each has a reply of one line without an error."""
        batch, pending = [], 0
        for number in range(count):
            batch.append(requests(number))
            if len(batch) == 1000 or number == count - 1:
                self.socket.sendall(b"".join(batch))
                pending, batch = len(batch), []
                while pending:
                    line = self.line()
                    if line.startswith(b"-"):
                        raise ErrorReply(f"error reply: {line.decode()}")
                    pending -= 1


def encode(*words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


def load_strings(server, keys):
    """Writes `keys` strings of 32 bytes under names of 16."""
    keys_per_mset = 50

    def request(number):
        first = number * keys_per_mset
        pairs = ((b"key:%012d" % key, b"v" * 32) for key in range(first, min(first + keys_per_mset, keys)))
        return encode("MSET", *(word for pair in pairs for word in pair))

    Connection(server.port).load(request, -(-keys // keys_per_mset))


def redis_benchmark(port, arguments):
    """Runs redis-benchmark to its end; its last row of CSV as a dictionary of numbers."""
    words = ["redis-benchmark", "-p", str(port), "--csv"] + shlex.split(arguments)
    output = subprocess.run(words, capture_output=True, text=True, check=True, timeout=900).stdout
    rows = list(csv.DictReader(io.StringIO(output)))
    return {name: float(value) for name, value in rows[-1].items() if name != "test"}


class EndlessLoad:
    """redis-benchmark in the background, until the end of the `with` block."""

    def __init__(self, port, arguments):
        words = ["redis-benchmark", "-p", str(port), "-n", "2000000000", "-q"] + shlex.split(arguments)
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def raise_file_limit():
    """As many open files as the system allows; the server inherits it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
