"""How far a study is and how long it will take: a bar on a terminal, else a line for each cell."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

from distillery.support.progress import duration
from distillery_book.running.job import Job

if TYPE_CHECKING:
    from tqdm import tqdm

_FORMAT = (
    "{desc} {percentage:3.0f}% |{bar}| {n:.1f} of {total} cells, {elapsed} so far, {remaining} left"
)


class Progress:
    """The progress of `total` cells. Cells under way count by the share they have reported."""

    def __init__(self, title: str, total: int, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._total, self._done = total, 0
        self._shares: dict[str, float] = {}
        self._start = time.monotonic()
        self._bar = self._make_bar(title) if total and self._stream.isatty() else None

    def share(self, job: Job, done: float) -> None:
        self._shares[job.identity] = done
        self._draw()

    def finished(self, job: Job, metrics: Mapping[str, float]) -> None:
        self._count(job)
        if self._bar is None:
            found = " ".join(f"{name}={value:.4g}" for name, value in metrics.items())
            self.say(f"[{self._done}/{self._total}] {job.cell}: {found}{self._left()}")

    def failed(self, job: Job, error: str, traceback: str) -> None:
        self._count(job)
        if traceback:
            self.say("\n".join(f"    {line}" for line in traceback.splitlines()))
        self.say(f"[{self._done}/{self._total}] FAILED {job.cell}: {error}{self._left()}")

    def say(self, text: str) -> None:
        """A line of its own, above the bar if there is one."""
        if self._bar is not None:
            self._bar.write(text, file=self._stream)
        else:
            print(text, file=self._stream, flush=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def _count(self, job: Job) -> None:
        self._done += 1
        self._shares.pop(job.identity, None)
        self._draw()

    def _draw(self) -> None:
        if self._bar is not None:
            self._bar.n = self._done + sum(self._shares.values())
            self._bar.refresh()

    def _left(self) -> str:
        if self._done >= self._total:
            return ""
        seconds = (time.monotonic() - self._start) * (self._total - self._done) / self._done
        return f"; about {duration(seconds)} left"

    def _make_bar(self, title: str) -> tqdm:
        from tqdm import tqdm

        return tqdm(
            desc=title,
            total=self._total,
            bar_format=_FORMAT,
            smoothing=0,
            file=self._stream,
            dynamic_ncols=True,
        )
