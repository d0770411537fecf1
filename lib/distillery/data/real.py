"""Real data sets: `<folder>/<name>.npz` if it is there, else torchvision's download, else one
sentence that says how to get it.

The folder is the argument, else $DISTILLERY_DATA, else ./data. Nothing in a file is ever unpickled.
"""

from __future__ import annotations

import os
from pathlib import Path

from numpy.typing import NDArray

from distillery.data import download
from distillery.data.forms import FORMS, BadDataError, check, described
from distillery.support.archives import Archive
from distillery.support.extras import MissingExtraError


class MissingDataError(ValueError):
    """A data set is not on this machine and could not be had."""


def folder(directory: str | os.PathLike[str] | None = None) -> Path:
    """Where the data lie: the argument, else $DISTILLERY_DATA, else ./data."""
    return Path(directory or os.environ.get("DISTILLERY_DATA") or "data").expanduser()


def fetched(name: str, directory: str | os.PathLike[str] | None = None) -> Path:
    """The path of a data set's file, downloaded first where torchvision has it."""
    path = folder(directory) / f"{name}.npz"
    if not _is_there(path):
        _get(name, path)
    return path


def read(name: str, path: Path) -> dict[str, NDArray]:
    """The arrays of a data set's file, checked to the letter; arrays that the form does not know
    are left alone.
    """
    arrays = _opened(name, path)
    check(name, arrays, str(path))
    return arrays


def _is_there(path: Path) -> bool:
    """A file that may not be looked at is not a missing one: it is no use to download it."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as problem:
        raise BadDataError(
            f"{path} cannot be read ({problem.strerror}): its owner must let you, or"
            " $DISTILLERY_DATA must name another folder"
        ) from None
    return True


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
    except MissingExtraError as problem:
        raise MissingExtraError(
            f"{absent}, and {problem}; or {remedy}", name=problem.name
        ) from None


def _opened(name: str, path: Path) -> dict[str, NDArray]:
    needed = f"{name}.npz must be an archive of arrays without pickles, {described(name)}"
    with Archive(path, needed=needed, error=BadDataError) as archive:
        if archive.single:
            raise archive.refused("is a single array")
        return {key: archive.read(key) for key in FORMS[name].arrays if key in archive.names}
