"""How far a study is and how long it will take: a bar on a terminal, else a line for each cell."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TextIO

from distillery.support.progress import Shown, duration
from distillery_book.running.job import Job

_FORMAT = (
    "{desc} {percentage:3.0f}% |{bar}| {n:.1f} of {total} cells, {elapsed} so far, {remaining} left"
)


class Progress(Shown):
    """The progress of `total` cells. Cells under way count by the share they have reported."""

    def __init__(self, title: str, total: int, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._total, self._done = total, 0
        self._shares: dict[str, float] = {}
        self._start = time.monotonic()
        if total and self._stream.isatty():
            self._begin_bar(title, total, bar_format=_FORMAT, smoothing=0)

    def share(self, job: Job, done: float) -> None:
        self._shares[job.identity] = done
        self._draw()

    def finished(self, job: Job, metrics: Mapping[str, float]) -> None:
        self._count(job)
        if self._bar is None:
            numbers = " ".join(f"{name}={value:.4g}" for name, value in metrics.items())
            self.say(f"[{self._done}/{self._total}] {job.cell}: {numbers}{self._left()}")

    def failed(self, job: Job, error: str, traceback: str) -> None:
        self._count(job)
        if traceback:
            self.say("\n".join(f"    {line}" for line in traceback.splitlines()))
        self.say(f"[{self._done}/{self._total}] FAILED {job.cell}: {error}{self._left()}")

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
