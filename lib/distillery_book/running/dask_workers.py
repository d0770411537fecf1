"""The same cells on a Dask cluster by TCP.

A Dask worker runs one cell at a time, with as many threads as it has.

When a worker is lost the scheduler gives its cell to another, so nothing is lost with it. Scratch
folders are named by the client: where the machines share that folder a cell continues from its
checkpoint on another machine, elsewhere it starts anew there. A cell that needs recorded weights
reads them from the results folder, which its worker must find at the client's path.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from distillery_book.running.job import Job, Reply, perform

if TYPE_CHECKING:
    from distributed import Client, Future

OnProgress = Callable[[Job, float], None]
TIMEOUT = 10.0
_ONE_AT_A_TIME = threading.Lock()


def run(
    jobs: Sequence[Job], on_progress: OnProgress, *, address: str
) -> Generator[tuple[Job, Reply]]:
    """Each job with its reply, in the order they finish.

    Cells on a cluster report no progress in between.
    """
    client = connect(address)
    try:
        yield from _flow(client, deque(jobs), address)
    finally:
        client.close(timeout=TIMEOUT)


def connect(address: str) -> Client:
    """A client of the scheduler at `address` that has a worker at least, or one sentence within ten
    seconds.
    """
    try:
        import distributed
    except ImportError as error:
        install = "pip install 'dask[distributed]'"
        raise ValueError(f"--scheduler needs Dask; install it with: {install}") from error
    # each logger has a level of its own; what they say is said here in a sentence
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    client = _reached(address, distributed.Client)
    try:
        client.wait_for_workers(1, timeout=TIMEOUT)
    except TimeoutError as error:
        client.close()
        raise ConnectionError(
            f"the Dask scheduler at {address!r} has no workers after {TIMEOUT:g} seconds;"
            f" start some with: dask worker {address}"
        ) from error
    return client


def _reached(address: str, client: type[Client]) -> Client:
    """The scheduler's client; refused where nothing answers, or something that is no scheduler."""
    try:
        # before the Client, for one that failed to connect may hang the next when it is collected
        asyncio.run(asyncio.wait_for(_knock(address), TIMEOUT))
        return client(address, timeout=TIMEOUT)
    except (OSError, ValueError, TypeError) as error:
        raise ConnectionError(
            f"no Dask scheduler answers at {address!r} within {TIMEOUT:g} seconds;"
            " is it running there?"
        ) from error
    # another server's first bytes are read as a message, whose length they are: mostly a
    # MemoryError, for they ask for more than exists, else whatever their misreading ends in
    except Exception as error:
        raise ConnectionError(
            f"what answers at {address!r} is no Dask scheduler; is the port right?"
        ) from error


async def _knock(address: str) -> None:
    from distributed.comm import connect

    await (await connect(address, timeout=TIMEOUT)).close()


def _flow(client: Client, waiting: deque[Job], address: str) -> Iterator[tuple[Job, Reply]]:
    """As many cells in flight as there are workers."""
    running: dict[Future, Job] = {}
    while waiting or running:
        while waiting and len(running) < max(1, len(client.nthreads())):
            job = waiting.popleft()
            key = f"{job.how.study}-{job.identity}"
            future = client.submit(_perform_there, job.encoded(), pure=False, key=key)
            running[future] = job
        for future in _done(client, running, address):
            yield running.pop(future), _reply(future)


def _done(client: Client, running: Iterable[Future], address: str) -> set[Future]:
    """The futures that have finished within two seconds, if any."""
    from distributed import CancelledError, wait

    try:
        return set(wait(list(running), timeout=2, return_when="FIRST_COMPLETED").done)
    except TimeoutError:
        if client.status == "running":
            return set()
        raise ConnectionError(_gone(address)) from None
    except CancelledError as error:  # what a lost connection makes of futures
        raise ConnectionError(_gone(address)) from error


def _gone(address: str) -> str:
    return (
        f"the Dask scheduler at {address!r} went away;"
        " what is recorded stays, and the same command continues"
    )


def _reply(future: Future) -> Reply:
    try:
        return Reply.decoded(future.result())
    except Exception as error:
        return Reply(error=f"the cluster gave it up: {type(error).__name__}: {error}")


def _perform_there(encoded: bytes) -> bytes:
    """On the Dask worker: its threads are the cell's, a second cell in the same process waits."""
    from distributed import get_worker

    threads = get_worker().state.nthreads
    with _ONE_AT_A_TIME:
        job = Job.decoded(encoded)
        return perform(replace(job, how=replace(job.how, threads=threads)).encoded())
