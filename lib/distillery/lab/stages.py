"""How far a computation of several stages is, none of which knows of the next: a bar for the one under way, else a line for each."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from tqdm import tqdm

_FORMAT = "{desc} |{bar}| {percentage:3.0f}%, {elapsed} so far, {remaining} left"


class Stages:
    """Called with a stage's name, how much of it is done, and how much there is. Of 0, the name is a remark: a line of its own."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._stage, self._last = "", 0
        self._bar: tqdm | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        if total == 0:
            self._say(stage)
        elif stage != self._stage or done < self._last:
            self._begin(stage, total)
        self._last = done
        if self._bar is not None and total:
            self._bar.update(done - self._bar.n)

    def __enter__(self) -> Stages:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def _begin(self, stage: str, total: int) -> None:
        self.__exit__()
        if self._stream.isatty():
            from tqdm import tqdm

            self._bar = tqdm(desc=stage, total=total, bar_format=_FORMAT, file=self._stream, leave=False, dynamic_ncols=True)
        elif stage != self._stage:
            self._say(stage)
        self._stage = stage

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.write(text, file=self._stream)
        else:
            print(text, file=self._stream, flush=True)
