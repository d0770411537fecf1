"""Whether a file can be written where a reader wants it, tried before anything is computed."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path


def check_writable(option: str, path: Path, inputs: Sequence[Path]) -> None:
    """A sentence unless `path` is a file's name, not one of the `inputs`, in a folder that can be
    written to.
    """
    if path.resolve() in [source.resolve() for source in inputs]:
        raise ValueError(f"{option} is {path}, which is read from: give it another name")
    if path.is_dir():
        raise ValueError(f"{option} is {path}, a folder: the name of a file is needed")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as problem:
        raise ValueError(
            f"{option} is {path}, but {path.parent} cannot be written to ({problem.strerror}): name"
            " a file elsewhere"
        ) from None
