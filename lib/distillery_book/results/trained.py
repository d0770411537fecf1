"""`distillery.load("nade-1000")`: a model that a study has trained and recorded, made again from
its weights.

Which weights make which model is said by the study that makes them, in `Study.models`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from distillery.support.nearest import unknown
from distillery_book.results import records, registry, store
from distillery_book.results.study import Context, Profile

if TYPE_CHECKING:
    from torch import nn


def load(name: str, results: str | Path | None = None) -> nn.Module:
    """The trained model called `name`, in eval mode and float32 on the CPU.

    Its weights are in the results folder: `results`, else `$DISTILLERY_RESULTS`, else the book's
    where you are in a clone of it.
    """
    known = registry.models()
    if name not in known:
        raise ValueError(unknown("trained model", name, known))
    weights, folder = known[name][1].weights, records.results_folder(results)
    recorded = store.recorded_weights(folder)
    if weights not in recorded:
        raise ValueError(f"model {name!r} is not in {folder}: {missing([weights], 'paper')}")
    return known[name][1].build(store.read_weights(recorded[weights], folder)).float().eval()


def missing(weights: Sequence[str], profile: Profile) -> str:
    """Which study has to run before the weights of these names exist."""
    makers = {model.weights: study.name for study, model in registry.models().values()}
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
    """The trained models of these names, made of the weights that the cell declares, where it
    computes and in eval mode.
    """
    known = registry.models()
    made = {name: known[name][1].build(context.weights(known[name][1].weights)) for name in names}
    return {name: model.to(context.device).eval() for name, model in made.items()}
