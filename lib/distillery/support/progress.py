"""How far a computation is: a bar on a terminal, else lines.

`Shown` is what every progress has in common; `Stages` follows a computation of several stages, none
of which knows of the next.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, TextIO

if TYPE_CHECKING:
    from tqdm import tqdm

_FORMAT = "{desc} |{bar}| {percentage:3.0f}%, {elapsed} so far, {remaining} left"
_SECONDS = 5.0  # until a stage says how long it will take


class Shown:
    """Lines on a stream, standard error by default, and at most one bar beneath them where the
    stream is a terminal.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._bar: tqdm | None = None

    def say(self, text: str) -> None:
        """A line of its own, above the bar if there is one."""
        if self._bar is not None:
            self._bar.write(text, file=self._stream)
        else:
            print(text, file=self._stream, flush=True)

    def close(self) -> None:
        """The last bar is finished with."""
        if self._bar is not None:
            self._bar.close()

    def _begin_bar(self, title: str, total: int, **how: Any) -> None:
        from tqdm import tqdm

        self._bar = tqdm(desc=title, total=total, file=self._stream, dynamic_ncols=True, **how)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Stages(Shown):
    """Called with a stage's name, how much of it is done, and how much there is.

    Of 0, the name is a remark: a line of its own.

    With `left` a stage says away from a terminal too how long it will take: after some seconds, and
    whenever twice as many have gone by.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        left: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(stream)
        self._left, self._clock = left, clock
        self._stage, self._last = "", 0

    def __call__(self, stage: str, done: int, total: int) -> None:
        if total == 0:
            self.say(stage)
        elif stage != self._stage or done < self._last:
            self._begin(stage, done, total)
        self._last = done
        if self._bar is not None and total:
            self._bar.update(done - self._bar.n)
        elif self._left and total:
            self._tell(done, total)

    def _begin(self, stage: str, done: int, total: int) -> None:
        """A stage that is continued begins with what was done before, which says nothing about its
        speed.
        """
        self.close()
        self._begun, self._first, self._next = self._clock(), done, _SECONDS
        if self._stream.isatty():
            self._begin_bar(stage, total, bar_format=_FORMAT, initial=done, leave=False)
        elif stage != self._stage:
            self.say(stage)
        self._stage = stage

    def _tell(self, done: int, total: int) -> None:
        seconds = self._clock() - self._begun
        if seconds >= self._next and self._first < done < total:
            self.say(
                f"{self._stage}: {done / total:.0%}, about"
                f" {duration(seconds * (total - done) / (done - self._first))} left"
            )
            self._next = 2 * seconds


def duration(seconds: float) -> str:
    """A time in the unit that fits: `3 s`, `10 min`, `2.0 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
