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
    waiting = deque((job, 0) for job in jobs)
    pool: list[_Worker] = []
    try:
        while waiting and len(pool) < workers:
            pool.append(_Worker(threads, work))
            pool[-1].give(*waiting.popleft())
        while busy := [worker for worker in pool if worker.job is not None]:
            ready = wait([worker.connection for worker in busy])
            for worker in [worker for worker in busy if worker.connection in ready]:
                yield from _heard(worker, pool, waiting, on_progress)
    finally:
        for worker in pool:
            worker.stop()


def _heard(
    worker: _Worker, pool: list[_Worker], waiting: deque[tuple[Job, int]], on_progress: OnProgress
) -> Iterator[tuple[Job, Reply]]:
    """What a worker said: a finished job's reply, handed out once the worker, or the one in its
    place, has its next job.
    """
    job, deaths = cast(Job, worker.job), worker.deaths
    try:
        kind, message = worker.hear()
    except (EOFError, OSError):
        if deaths < RETRIES:
            waiting.appendleft((job, deaths + 1))
        _replace(worker, pool, waiting)
        if deaths >= RETRIES:
            yield (
                job,
                Reply(error=f"its worker died {deaths + 1} times, the last time {worker.ending()}"),
            )
        return
    if kind == b"P":
        on_progress(job, float(message))
        return
    worker.job = None
    if waiting:
        worker.give(*waiting.popleft())
    yield job, Reply.decoded(message)


def _replace(worker: _Worker, pool: list[_Worker], waiting: deque[tuple[Job, int]]) -> None:
    worker.stop()
    pool.remove(worker)
    if waiting:
        pool.append(_Worker(worker.threads, worker.work))
        pool[-1].give(*waiting.popleft())


class _Worker:
    """A process that performs one job after another."""

    def __init__(self, threads: int, work: Work) -> None:
        context = get_context("spawn")
        self.threads, self.work = threads, work
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
        return (
            f"by signal {-code} ({signal.Signals(-code).name})"
            if code < 0
            else f"with exit code {code}"
        )


def _serve(connection: Connection, work: Work) -> None:
    """The worker's life: jobs until the pipe ends."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    while True:
        try:
            encoded = connection.recv_bytes()
        except EOFError:
            return
        connection.send_bytes(
            b"R" + work(encoded, lambda done: connection.send_bytes(b"P%f" % done))
        )


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
