"""RQ against the server on FLASHDB_TEST_PORT: jobs in queues, run by RQ's own worker. One line "[ok] NAME" or
"[err] NAME: WHY" per check."""

import os
import sys
import traceback
from datetime import timedelta

from redis import Redis
from rq import Queue, Retry, SimpleWorker, Worker
from rq.job import Job, JobStatus
from rq.registry import FailedJobRegistry, FinishedJobRegistry, ScheduledJobRegistry

connection = Redis(port=int(os.environ["FLASHDB_TEST_PORT"]))


def add(a, b):
    return a + b


def fails():
    raise ValueError("always")


def third_time(key):
    tries = connection.incr(key)
    if tries < 3:
        raise ValueError("not yet")
    return tries


def total(*ids):
    return sum(Job.fetch(name, connection=connection).return_value() for name in ids)


CHECKS = []


def check(name):
    return lambda function: CHECKS.append((name, function))


def work(*queues, **options):
    SimpleWorker(list(queues), connection=connection).work(burst=True, logging_level="CRITICAL", **options)


@check("a job runs and its result stays")
def _():
    queue = Queue("plain", connection=connection)
    job = queue.enqueue("rq_jobs.add", 2, 3)
    assert job.get_status() == JobStatus.QUEUED
    work(queue)
    assert job.get_status(refresh=True) == JobStatus.FINISHED
    assert job.return_value() == 5
    assert job.id in FinishedJobRegistry(queue=queue).get_job_ids()


@check("a job in a forked process")
def _():
    queue = Queue("forked", connection=connection)
    job = queue.enqueue("rq_jobs.add", 20, 3)
    Worker([queue], connection=connection).work(burst=True, logging_level="CRITICAL")
    assert job.return_value() == 23


@check("many jobs in one go, in order of the queues")
def _():
    high, low = Queue("high", connection=connection), Queue("low", connection=connection)
    jobs = low.enqueue_many([Queue.prepare_data("rq_jobs.add", (n, n)) for n in range(30)])
    first = high.enqueue("rq_jobs.add", 1, 1)
    work(high, low, max_jobs=1)
    assert first.get_status(refresh=True) == JobStatus.FINISHED
    assert len(low) == 30
    work(high, low)
    assert [job.return_value() for job in jobs] == [2 * n for n in range(30)]


@check("a job that depends on others runs after them")
def _():
    queue = Queue("depends", connection=connection)
    first = [queue.enqueue("rq_jobs.add", n, n) for n in (1, 2)]
    last = queue.enqueue("rq_jobs.total", *[job.id for job in first], depends_on=first)
    assert last.get_status() == JobStatus.DEFERRED
    work(queue)
    assert last.return_value() == 6


@check("a failure is kept with its trace, and can be tried again")
def _():
    queue = Queue("failing", connection=connection)
    job = queue.enqueue("rq_jobs.fails")
    work(queue)
    assert job.get_status(refresh=True) == JobStatus.FAILED
    assert "always" in job.latest_result().exc_string
    registry = FailedJobRegistry(queue=queue)
    assert job.id in registry.get_job_ids()
    registry.requeue(job)
    assert queue.job_ids == [job.id]
    queue.empty()


@check("a job is retried until it succeeds")
def _():
    queue = Queue("retried", connection=connection)
    job = queue.enqueue("rq_jobs.third_time", "tries", retry=Retry(max=3))
    work(queue)
    assert job.return_value(refresh=True) == 3


@check("a job for later waits among the scheduled ones")
def _():
    queue = Queue("later", connection=connection)
    job = queue.enqueue_in(timedelta(seconds=60), "rq_jobs.add", 1, 1)
    assert job.id in ScheduledJobRegistry(queue=queue).get_job_ids()
    work(queue)
    assert job.get_status(refresh=True) == JobStatus.SCHEDULED
    job.delete()
    assert not Job.exists(job.id, connection=connection)


@check("a worker is seen, and a cancelled job does not run")
def _():
    queue = Queue("seen", connection=connection)
    job = queue.enqueue("rq_jobs.fails")
    job.cancel()
    work(queue)
    assert job.get_status(refresh=True) == JobStatus.CANCELED
    assert Worker.count(connection=connection) == 0


def main():
    failed = 0
    for name, function in CHECKS:
        try:
            function()
            print(f"[ok] {name}", flush=True)
        except Exception:
            failed += 1
            print(f"[err] {name}: {traceback.format_exc()!r}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    # Jobs are named by this module, as an application's would be.
    sys.modules["rq_jobs"] = sys.modules["__main__"]
    main()
