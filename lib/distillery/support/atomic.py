"""Files that are whole or not there: written beside their place, made durable, then renamed into
it.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What a full or failing disk, a quota, a limit on a file's length or a folder that may only be read
# answers to a writer.
_REFUSALS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
}


class CannotWriteError(OSError):
    """A file could not be written where it was asked for, and nothing of it was left there."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A free name beside `path`: what is written there is synced and takes its place at the end, or
    is removed if anything fails.

    Every writer has a name of its own, so that two of one file leave the whole of one of them. A
    disk that takes no more is a sentence with the path, whoever found out.
    """
    part = path.with_name(f"{path.name}.{os.urandom(4).hex()}.part")
    try:
        yield part
        with open(part, "rb") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except Exception as problem:
        number = _refusal(problem)
        if number is None:
            raise
        raise _cannot_write(path, number) from problem
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_atomically(path: Path, content: bytes) -> None:
    """`content` at `path`, whole or not at all; its folder is made if there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        part.write_bytes(content)


def sync_folder(folder: Path) -> None:
    """Make a new name in `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _cannot_write(path: Path, number: int) -> CannotWriteError:
    problem = CannotWriteError(
        f"{path} cannot be written ({os.strerror(number)}): make room there, or write elsewhere"
    )
    problem.errno = number
    return problem


def _refusal(problem: Exception) -> int | None:
    """The system's number for what it refused to write, if that is what went wrong.

    safetensors writes by itself, and says the number in its message alone.
    """
    if isinstance(problem, OSError):
        number = problem.errno
    elif type(problem).__name__ == "SafetensorError":
        said = re.search(r"\(os error (\d+)\)", str(problem))
        number = int(said[1]) if said else None
    else:
        number = None
    return number if number in _REFUSALS else None
