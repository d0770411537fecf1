"""Trained models: from a file anywhere, or by the name under which an installed package has them.

A package offers models by the entry-point group `distillery.models`: a function that takes a folder
of results, or None, and answers with a dictionary of names and files (`distillery.models.files`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from distillery.support.nearest import unknown

if TYPE_CHECKING:
    from torch import nn

GROUP = "distillery.models"


def load(
    which: str | Path, results: str | Path | None = None, *, name: str | None = None
) -> nn.Module:
    """A trained model, in evaluation mode on the CPU: of a file or folder, or by name.

    `load("models/digits.safetensors")` works wherever the library is installed; of several models
    in a file it takes the one called `name`. `load("nade-1000")` looks among the models of
    packages: those of the book lie in the folder `results`, else in `$DISTILLERY_RESULTS`, else in
    the clone of the book where you are. What is known of its training is in `model.provenance`.
    """
    from distillery.models import pretrained

    if _is_path(which):
        return pretrained.load(Path(which), name=name)
    if name is not None:
        raise ValueError(
            f"name is {name!r}, but {which!r} is no file: of a model that is loaded by its name"
            " there is no other"
        )
    return pretrained.load(_file_of(str(which), results), name=str(which))


def _is_path(which: str | Path) -> bool:
    text = os.fspath(which)
    looks_like_one = text.endswith(".safetensors") or any(
        sign in text for sign in (os.sep, os.altsep) if sign
    )
    return isinstance(which, Path) or looks_like_one or Path(text).exists()


def _file_of(name: str, results: str | Path | None) -> Path:
    points = list(dict.fromkeys(entry_points(group=GROUP)))  # what is installed twice offers once
    if not points:
        raise ValueError(
            f"{name!r} is no file, and no package is installed that offers trained models by name"
        )
    offered, reasons = _offered(points, results)
    if name in offered:
        return offered[name]
    if reasons:
        raise ValueError(f"{name!r} is no file, and {'; '.join(reasons)}")
    raise ValueError(unknown("trained model", name, sorted(offered)))


def _offered(
    points: Iterable[EntryPoint], results: str | Path | None
) -> tuple[dict[str, Path], list[str]]:
    """Names and files, those of the first packages first, and why others offer nothing."""
    offered: dict[str, Path] = {}
    reasons = []
    for point in points:
        try:
            theirs: Mapping[str, Path] = point.load()(results)
        except ValueError as error:
            reasons.append(str(error))
        else:
            offered = {**theirs, **offered}
    return offered, reasons
