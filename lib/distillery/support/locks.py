"""One process at a time: a lock that ends with the process that holds it, however that ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout  # torch requires filelock, so it is here wherever torch is


@contextmanager
def claimed(path: Path, busy: str, *, advice: str) -> Iterator[None]:
    """This process alone holds the lock at `path`; any other is told what is `busy`, by which
    process, and the `advice`.
    """
    holder = path.with_name(f"{path.name}.holder")
    try:
        lock = _locked(path)
    except Timeout as problem:
        raise ValueError(f"{busy} by process {_written(holder)}; {advice}") from problem
    try:
        holder.write_text(str(os.getpid()))
        yield
    finally:
        lock.release()


def _locked(path: Path) -> FileLock:
    """The lock, held by nobody else.

    Whoever held it before may have removed the file, or its folder, while it was opened here: a
    lock on a file that has no name keeps nobody out, so another is taken.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except FileNotFoundError:  # the folder was removed before the file was made in it
            continue
        except Timeout:
            if path.exists():
                raise
            continue
        if path.exists():
            return lock
        lock.release()


def _written(holder: Path) -> str:
    """The process that says it holds the lock; it may not have come to saying so yet.

    It stands in a file of its own, for on some systems nobody else can read a locked file.
    """
    try:
        return holder.read_text() or "?"
    except OSError:
        return "?"
