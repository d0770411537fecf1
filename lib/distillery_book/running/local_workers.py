"""Cells on this machine: one fresh process a worker, jobs in and replies out through a pipe, and
the parent alone writes records.

A worker that dies is replaced and its cell tried again, twice at most. A worker ends when its
parent does, however the parent ended, so a killed study leaves nothing computing. Ctrl-C reaches
the parent alone.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from typing import cast

from distillery_book.running.job import Job, Reply, perform

OnProgress = Callable[[Job, float], None]
Work = Callable[[bytes, Callable[[float], None]], bytes]
RETRIES = 2
_PROGRESS, _REPLY = b"P", b"R"  # how a message of a worker begins
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def run(
    jobs: Sequence[Job],
    on_progress: OnProgress,
    *,
    workers: int,
    threads: int = 1,
    work: Work = perform,
) -> Generator[tuple[Job, Reply]]:
    """Each job with its reply, in the order they finish, on `workers` processes of `threads`
    threads. Closing the iterator stops them.
    """
    pool = _Pool(jobs, threads, work)
    try:
        while pool.waiting and len(pool.workers) < workers:
            pool.start_worker()
        while busy := [worker for worker in pool.workers if worker.job is not None]:
            ready = wait([worker.connection for worker in busy])
            for worker in [worker for worker in busy if worker.connection in ready]:
                yield from _heard(worker, pool, on_progress)
    finally:
        for worker in pool.workers:
            worker.stop()


def _heard(worker: _Worker, pool: _Pool, on_progress: OnProgress) -> Iterator[tuple[Job, Reply]]:
    """What a worker said: a finished job's reply, handed out once the worker, or the one in its
    place, has its next job.
    """
    job = cast(Job, worker.job)
    try:
        kind, message = worker.hear()
    except (EOFError, OSError):
        yield from _died(worker, job, pool)
        return
    if kind == _PROGRESS:
        on_progress(job, float(message))
        return
    pool.give_next(worker)
    yield job, Reply.decoded(message)


def _died(worker: _Worker, job: Job, pool: _Pool) -> Iterator[tuple[Job, Reply]]:
    """The job of a dead worker goes to the one in its place, or is given up with a reply."""
    deaths = worker.deaths + 1
    if deaths <= RETRIES:
        pool.waiting.appendleft((job, deaths))
    pool.replace(worker)
    if deaths > RETRIES:
        yield job, Reply(error=f"its worker died {deaths} times, the last time {worker.ending()}")


class _Pool:
    """Workers, and the jobs that wait for one, each with the number of workers it has outlived."""

    def __init__(self, jobs: Sequence[Job], threads: int, work: Work) -> None:
        self.waiting = deque((job, 0) for job in jobs)
        self.workers: list[_Worker] = []
        self._threads, self._work = threads, work

    def start_worker(self) -> None:
        worker = _Worker(self._threads, self._work)
        self.workers.append(worker)
        self.give_next(worker)

    def give_next(self, worker: _Worker) -> None:
        """The next job, if one waits."""
        worker.job = None
        if self.waiting:
            worker.give(*self.waiting.popleft())

    def replace(self, worker: _Worker) -> None:
        """A fresh worker in the place of a dead one, if a job waits for it."""
        worker.stop()
        self.workers.remove(worker)
        if self.waiting:
            self.start_worker()


class _Worker:
    """A process that performs one job after another."""

    def __init__(self, threads: int, work: Work) -> None:
        context = get_context("spawn")
        self.job: Job | None = None
        self.deaths = 0
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        with _environment(threads), _interrupts_held():
            self._process.start()
        theirs.close()  # so that its death is the end of the pipe

    def give(self, job: Job, deaths: int) -> None:
        self.job, self.deaths = job, deaths
        with suppress(OSError):  # it died before it was asked: hearing from it will say so
            self.connection.send_bytes(job.encoded())

    def hear(self) -> tuple[bytes, bytes]:
        message = self.connection.recv_bytes()
        return message[:1], message[1:]

    def stop(self) -> None:
        self.job = None
        self._process.kill()
        self._process.join()
        self.connection.close()

    def ending(self) -> str:
        code = self._process.exitcode or 0
        if code < 0:
            return f"by signal {-code} ({signal.Signals(-code).name})"
        return f"with exit code {code}"


def _serve(connection: Connection, work: Work) -> None:
    """The worker's life: jobs until the pipe ends."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    while True:
        try:
            encoded = connection.recv_bytes()
        except EOFError:
            return
        reply = work(encoded, lambda done: connection.send_bytes(_PROGRESS + b"%f" % done))
        connection.send_bytes(_REPLY + reply)


def _die_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


@contextmanager
def _environment(threads: int) -> Iterator[None]:
    """The thread counts that libraries read at their start, for the child that inherits them."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """A child started here never sees Ctrl-C, which the terminal sends to all; ours waits until the
    child has started.
    """
    resource_tracker.ensure_running()  # it unblocks signals when it starts, so it starts first
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
