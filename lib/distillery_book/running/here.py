"""Cells in this very process, one after another: no worker has to start, and a debugger stops
inside a cell.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial

from distillery_book.running.job import Job, Reply, perform


def run(
    jobs: Sequence[Job], on_progress: Callable[[Job, float], None]
) -> Generator[tuple[Job, Reply]]:
    """Each job with its reply, in their order."""
    for job in jobs:
        yield job, Reply.decoded(perform(job.encoded(), partial(on_progress, job)))
