"""Real data sets: `<folder>/<name>.npz` if it is there, else torchvision's download, else one
sentence that says how to get it.

The folder is the argument, else $DISTILLERY_DATA, else ./data. Nothing in a file is ever unpickled.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from distillery.data import download
from distillery.data.forms import FORMS, BadDataError, check, described


class MissingDataError(ValueError):
    """A data set is not on this machine and could not be had."""


def folder(directory: str | os.PathLike[str] | None = None) -> Path:
    """Where the data lie: the argument, else $DISTILLERY_DATA, else ./data."""
    return Path(directory or os.environ.get("DISTILLERY_DATA") or "data").expanduser()


def fetched(name: str, directory: str | os.PathLike[str] | None = None) -> Path:
    """The path of a data set's file, downloaded first where torchvision has it."""
    path = folder(directory) / f"{name}.npz"
    if not path.is_file():
        _get(name, path)
    return path


def read(name: str, path: Path) -> dict[str, NDArray]:
    """The arrays of a data set's file, checked to the letter; arrays that the form does not know
    are left alone.
    """
    arrays = _opened(name, path)
    check(name, arrays, str(path))
    return arrays


def _get(name: str, path: Path) -> None:
    absent = f"{name} is not in {path.parent.absolute()}"
    remedy = (
        f"set $DISTILLERY_DATA to the folder that holds {path.name}, with the arrays"
        f" {described(name)} ({FORMS[name].what})"
    )
    if name not in download.SETS:
        raise MissingDataError(f"{absent} and cannot be downloaded: put it there, or {remedy}")
    try:
        download.download(name, path)
    except download.DownloadError as problem:
        raise MissingDataError(
            f"{absent} and the download failed ({problem}): go online once, or {remedy}"
        ) from None


def _opened(name: str, path: Path) -> dict[str, NDArray]:
    try:
        with open(path, "rb") as file:
            archive = np.load(file, allow_pickle=False)
            found = (
                {key: archive[key] for key in FORMS[name].arrays if key in archive.files}
                if isinstance(archive, NpzFile)
                else None
            )
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        ValueError,
        OSError,
        KeyError,
        NotImplementedError,
    ) as problem:
        kind = (
            "is a pickle, or holds one, and pickles are never opened"
            if "pickle" in str(problem).lower()
            else "is truncated or damaged"
        )
        raise _refused(name, path, kind) from None
    if found is None or not all(isinstance(array, np.ndarray) for array in found.values()):
        raise _refused(name, path, "holds something else")
    return found


def _refused(name: str, path: Path, kind: str) -> BadDataError:
    return BadDataError(
        f"{path} {kind}; {name}.npz must be an archive of arrays without pickles: {described(name)}"
    )
