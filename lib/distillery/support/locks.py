"""One process at a time: a lock that ends with the process that holds it, however that ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def claimed(path: Path, busy: str, *, advice: str) -> Iterator[None]:
    """This process alone holds the lock at `path`; any other is told what is `busy`, by which
    process, and the `advice`.
    """
    with _locked(path, busy, advice) as file:
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _locked(path: Path, busy: str, advice: str) -> IO[str]:
    """The open file, locked.

    Whoever held the lock may have removed the file, or its folder, since it was opened: then anew.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+")  # noqa: SIM115 (the lock lasts as long as it is open)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            process = file.read() or "?"
            file.close()
            raise ValueError(f"{busy} by process {process}; {advice}") from error
        if _is_at(file, path):
            return file
        file.close()


def _is_at(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
