"""`distillery.load("nade-1000")`: the models that studies have trained and recorded, by name.

Which models there are is read from the records and from the headers of the files of weights; no
study is imported for it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from distillery.models.files import contents
from distillery.support.nearest import unknown
from distillery_book.results import records, registry, store
from distillery_book.results.study import WEIGHTS, Context, Profile

if TYPE_CHECKING:
    from torch import nn


def files(results: str | Path | None = None) -> dict[str, Path]:
    """The recorded models by name, each with the file that holds it.

    They lie in the results folder: `results`, else `$DISTILLERY_RESULTS`, else the book's where you
    are in a clone of it.
    """
    folder = records.results_folder(results)
    found: dict[str, Path] = {}
    for weights, checksum in store.recorded_weights(folder).items():
        path = store.weights_path(checksum, folder)
        try:
            found |= dict.fromkeys(contents(path).models, path)
        except ValueError as error:
            warnings.warn(f"weights {weights!r} are left out: {error}", stacklevel=2)
    return found


def missing(weights: Sequence[str], profile: Profile) -> str:
    """Which study has to run before the weights of these names exist."""
    makers = registry.makers()
    commands = {
        f"`distillery study {makers[name]} --profile {profile}`"
        for name in weights
        if name in makers
    }
    strange = sorted(set(weights) - makers.keys())
    said = f"weights {_listed(weights)} are not recorded yet"
    said += f"; run {' and '.join(sorted(commands))} first" if commands else ""
    return said + (f"; no study of the book makes {_listed(strange)}" if strange else "")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))


def of_cell(names: Sequence[str], context: Context) -> dict[str, nn.Module]:
    """The trained models of these names, from the weights that the cell declares, where it
    computes and in eval mode.
    """
    weights = [part for part in context.declared or {} if part.startswith(WEIGHTS)]
    recorded: dict[str, nn.Module] = {}
    for part in weights:
        recorded |= context.models(part.removeprefix(WEIGHTS))
    if strange := [name for name in names if name not in recorded]:
        raise ValueError(unknown("recorded model", strange[0], recorded))
    return {name: recorded[name].to(context.device).eval() for name in names}
