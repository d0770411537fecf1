"""Files of one json object a line: read strictly, and added to by whole lines or not at all.

A line is added under a lock, flushed and synced, so a crash can tear the last line alone. A torn
line lacks its newline and is the beginning of some json; the next line cuts it off, with a warning.
"""

from __future__ import annotations

import fcntl
import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import IO, Any

from distillery.support.atomic import sync_folder
from distillery.support.told import told


def append(path: Path, line: bytes) -> None:
    """Add one line, whole or not at all; a torn last line is cut off first."""
    is_new = not path.exists()
    with _unbuffered(path) as file, _locked(file, fcntl.LOCK_EX):
        _mend(file, path)
        size = file.seek(0, os.SEEK_END)
        try:
            _write(file, line + b"\n")
            os.fsync(file.fileno())
        except OSError:
            os.ftruncate(file.fileno(), size)  # a full disk leaves no half line behind
            raise
    if is_new:
        sync_folder(path.parent)


def mend(path: Path) -> None:
    """Cut off a torn last line now, with a warning."""
    if path.exists():
        with _unbuffered(path) as file, _locked(file, fcntl.LOCK_EX):
            _mend(file, path)


def numbered(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers; a torn last one is dropped with a
    warning.
    """
    with open(path, "rb") as file, _locked(file, fcntl.LOCK_SH):
        content = file.read()
    lines = content.splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if number == len(lines) and not content.endswith(b"\n") and _is_torn(line):
            warnings.warn(
                f"{path}: the last line ({number}) is torn and was dropped; its run will be made"
                " again",
                stacklevel=5,
            )
            return
        yield number, line


def parsed(line: bytes) -> Any:
    """The json of a line, stricter than Python's: no NaN, no key twice, and of bounded depth."""
    try:
        return json.loads(
            line.decode(), parse_constant=_refuse_constant, object_pairs_hook=_without_repeats
        )
    except UnicodeDecodeError:
        raise ValueError("this holds bytes that are no UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"this is no json object ({error.msg} at letter {error.pos})") from None
    except RecursionError:
        raise ValueError("this is nested too deeply for a record") from None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no json number")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {told(repr(twice))} stands here twice")
    return members


def _is_torn(line: bytes) -> bool:
    """Whether an unfinished last line is the beginning of some json: a prefix of an object is never
    an object, so a torn line cannot be mistaken for a whole one.
    """
    try:
        json.loads(line.decode())
    except json.JSONDecodeError:
        return True
    except (ValueError, RecursionError):
        return False
    return False


def _mend(file: FileIO, path: Path) -> None:
    """Cut off a torn last line; give a whole one that lost its newline its newline back."""
    size = file.seek(0, os.SEEK_END)
    if size == 0 or _last_byte(file) == b"\n":
        return
    file.seek(0)
    *_, tail = file.read().rsplit(b"\n", 1)
    if tail.strip() and _is_torn(tail):
        warnings.warn(
            f"{path}: the torn last line was cut off; its run will be made again", stacklevel=4
        )
        file.truncate(size - len(tail))
    else:
        file.write(b"\n")


def _unbuffered(path: Path) -> FileIO:
    """A file to add to that keeps nothing back: what a full disk refused would else be tried again
    when it is closed, and the rest of a line left there.
    """
    return open(path, "a+b", buffering=0)


def _write(file: FileIO, content: bytes) -> None:
    """All of it; a system may take a part at a time."""
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


def _last_byte(file: FileIO) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)


@contextmanager
def _locked(file: IO[bytes] | FileIO, how: int) -> Iterator[None]:
    fcntl.flock(file, how)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
