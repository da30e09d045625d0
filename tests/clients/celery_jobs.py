"""Celery against the server on FLASHDB_TEST_PORT, as broker and as store of results: a worker in a process of its own, and
one line "[ok] NAME" or "[err] NAME: WHY" per check. The worker loads this file as its application."""

import os
import subprocess
import sys
import time
import traceback

from celery import Celery, chain, chord, group

URL = f"redis://127.0.0.1:{os.environ['FLASHDB_TEST_PORT']}"
WAIT_S = 30

app = Celery("celery_jobs", broker=f"{URL}/1", backend=f"{URL}/2")
app.conf.update(
    broker_connection_retry_on_startup=True,
    result_chord_join_timeout=WAIT_S,
    worker_hijack_root_logger=False,
    task_track_started=True,
)


@app.task
def add(a, b):
    return a + b


@app.task
def total(numbers):
    return sum(numbers)


@app.task(bind=True, max_retries=5, default_retry_delay=0.1)
def third_time(self):
    if self.request.retries < 2:
        raise self.retry(exc=ValueError("not yet"))
    return self.request.retries


@app.task
def fails():
    raise KeyError("always")


@app.task(bind=True)
def reports(self):
    self.update_state(state="PROGRESS", meta={"done": 1})
    return self.request.id


CHECKS = []


def check(name):
    return lambda function: CHECKS.append((name, function))


@check("a task runs and its result comes back")
def _():
    assert add.delay(2, 3).get(timeout=WAIT_S) == 5


@check("a group of tasks")
def _():
    assert group(add.s(n, n) for n in range(20))().get(timeout=WAIT_S) == [2 * n for n in range(20)]


@check("a chord: the body runs once, after all of its header")
def _():
    assert chord((add.s(n, 1) for n in range(10)), total.s())().get(timeout=WAIT_S) == sum(range(1, 11))


@check("a chain of chords")
def _():
    twice = chain(
        chord([add.s(1, 1), add.s(2, 2)], total.s()),
        add.s(4),
    )
    assert twice().get(timeout=WAIT_S) == 10


@check("a chord whose header fails tells so")
def _():
    failed = chord([add.s(1, 1), fails.s()], total.s())()
    try:
        failed.get(timeout=WAIT_S)
    except Exception as error:
        assert "always" in str(error), error
    else:
        raise AssertionError("no error")


@check("a task is retried until it succeeds")
def _():
    assert third_time.delay().get(timeout=WAIT_S) == 2


@check("an error comes back as what it was")
def _():
    try:
        fails.delay().get(timeout=WAIT_S)
    except KeyError as error:
        assert "always" in str(error)
    else:
        raise AssertionError("no error")


@check("a task for later runs later")
def _():
    began = time.monotonic()
    assert add.apply_async((1, 1), countdown=1).get(timeout=WAIT_S) == 2
    assert time.monotonic() - began >= 0.9


@check("a revoked task does not run")
def _():
    late = add.apply_async((1, 1), countdown=2)
    app.control.revoke(late.id)
    try:
        late.get(timeout=WAIT_S)
    except Exception as error:
        assert type(error).__name__ == "TaskRevokedError", error
    else:
        raise AssertionError("it ran")


@check("the worker answers and its queues are seen")
def _():
    assert app.control.ping(timeout=5), "no pong"
    assert reports.delay().get(timeout=WAIT_S)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "celery_jobs", "worker", "--pool=threads", "--concurrency=4", "--loglevel=CRITICAL"],
        cwd=here,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"},
        stdout=subprocess.DEVNULL,
    )
    failed = 0
    try:
        for name, function in CHECKS:
            try:
                function()
                print(f"[ok] {name}", flush=True)
            except Exception:
                failed += 1
                print(f"[err] {name}: {traceback.format_exc()!r}", flush=True)
            if worker.poll() is not None:
                print(f"[err] the worker ended with {worker.returncode}", flush=True)
                failed += 1
                break
    finally:
        worker.terminate()
        worker.wait()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    sys.modules["celery_jobs"] = sys.modules["__main__"]
    main()
