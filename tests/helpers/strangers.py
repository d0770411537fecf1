"""Whoever reads a stranger's file answers rightly or refuses it: in one sentence that names the
file, at once, without taking memory for what is only claimed, and without touching the file.

$DISTILLERY_FUZZ is the number of inputs of all tests together; without it a few hundred of each
format are tried.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import resource
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutations import Mutation, altered

FEW = 150  # inputs of a format where $DISTILLERY_FUZZ does not say how many
FORMATS = 20  # that share what it says
_SECONDS = 10.0  # of the processor, for a file
_ROOM = 1 << 30  # bytes that reading a small file may ask for
_LONGEST = 4000  # characters of a sentence
_RAW = (UnicodeError,)  # are ValueErrors, but nobody's sentence


@dataclass(frozen=True)
class Format:
    """A kind of file: how it is read, under what name it lies, and which mutations are its own.

    `judge(answer, content)` asserts that what was read is no wrong answer.
    """

    read: Callable[[Path], Any]
    name: str
    own: Sequence[Mutation] = ()
    judge: Callable[[Any, bytes], None] = lambda answer, content: None
    refusals: tuple[type[Exception], ...] = (ValueError, FileNotFoundError)


def count(times: float = 1.0) -> int:
    """How many inputs a test tries; `times` is its share against others."""
    asked = int(os.environ.get("DISTILLERY_FUZZ", "0"))
    return int((asked / FORMATS if asked else FEW) * times)


def try_all(kind: Format, contents: Sequence[bytes], folder: Path, *, times: float = 1.0) -> int:
    """Assert it of many altered files: how many of them were read all the same."""
    rng, path = random.Random(int(os.environ.get("DISTILLERY_FUZZ_SEED", "0"))), folder / kind.name
    read = 0
    for content in contents:
        path.write_bytes(content)
        kind.judge(kind.read(path), content)
    with _bounded_memory():
        for content in itertools.islice(altered(rng, contents, kind.own), count(times)):
            read += try_one(kind, content, path)
    return read


def try_one(kind: Format, content: bytes, path: Path) -> bool:
    """Whether this content is read; an assertion fails if it is neither read nor refused."""
    path.write_bytes(content)
    beside = sorted(path.parent.iterdir())
    try:
        with _bounded_time(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = kind.read(path)
    except Exception as problem:
        _check_sentence(kind, problem, path, content)
        return False
    finally:
        assert path.read_bytes() == content
        assert sorted(path.parent.iterdir()) == beside
    kind.judge(answer, content)
    return True


def _check_sentence(kind: Format, problem: Exception, path: Path, content: bytes) -> None:
    what = f"{type(problem).__name__}: {str(problem)[:500]!r} for {content[:3000]!r}"
    assert isinstance(problem, kind.refusals), what
    assert not isinstance(problem, _RAW), what
    said = str(problem)
    assert path.name in said, what
    assert len(said.splitlines()) == 1, what
    assert len(said) < _LONGEST, what
    assert not re.search("enough memory|allocate memory|too large$", said), what
    said.encode()  # it can be printed


@contextmanager
def _bounded_time() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise AssertionError(f"reading took more than {_SECONDS:g} seconds")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@contextmanager
def _bounded_memory() -> Iterator[None]:
    """No more than so much beyond what is in use; more is a MemoryError."""
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (in_use + _ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
