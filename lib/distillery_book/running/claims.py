"""Who runs what of a study: one process the whole of it, or one process each of its cells.

A claim ends with the process that holds it, however that ends. Whoever runs one cell holds that
cell's claim throughout, and the study's for the moment in which it takes it; whoever runs the whole
study holds the study's throughout, and first sees that no cell is held. So cells of one study run
side by side, and never beside the whole.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from distillery.support import locks
from distillery_book.results.records import identity
from distillery_book.results.study import Cell, Study
from distillery_book.running.runner import scratch_folder

ADVICE = "wait for it, or stop it"
PATIENCE = 10.0  # seconds in which a hundred cells started together have taken their claims


@contextmanager
def whole(study: Study, results: Path) -> Iterator[None]:
    """This process alone runs `study` on these results, and no other process any cell of it."""
    with locks.claimed(_of_study(study, results), _busy(study, results), advice=ADVICE):
        cells = _cells_folder(study, results)
        for lock in cells.glob("*/lock"):
            busy = f"a cell of {_busy(study, results)}"
            with locks.claimed(lock, busy, advice=ADVICE):
                pass
        shutil.rmtree(cells, ignore_errors=True)  # nobody holds one, and none can be taken now
        yield


@contextmanager
def single(study: Study, cell: Cell, results: Path) -> Iterator[None]:
    """This process alone runs `cell`; others may run other cells, and none the whole study."""
    folder = _cells_folder(study, results) / identity(study, cell, cell.data)
    with ExitStack() as held:
        with _soon(study, results):
            busy = f"cell {cell} of {_busy(study, results)}"
            held.enter_context(locks.claimed(folder / "lock", busy, advice=ADVICE))
        try:
            yield
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _soon(study: Study, results: Path) -> Iterator[None]:
    """The study's claim, for a moment: another cell lets go of it at once, the whole does not."""
    until = time.monotonic() + PATIENCE
    with ExitStack() as held:
        while True:
            claim = locks.claimed(_of_study(study, results), _busy(study, results), advice=ADVICE)
            try:
                held.enter_context(claim)
                break
            except ValueError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)
        yield


def _of_study(study: Study, results: Path) -> Path:
    return scratch_folder(results) / f"{study.name}.lock"


def _cells_folder(study: Study, results: Path) -> Path:
    return scratch_folder(results) / f"{study.name}.cells"


def _busy(study: Study, results: Path) -> str:
    return f"study {study.name!r} is being run on {results}"
