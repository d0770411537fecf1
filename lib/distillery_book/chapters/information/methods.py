"""The rows of the tables of Ahn et al. (2019): methods by name, and their losses.

A method is written with its weights, `kd@0.9+vid_i@1`; its name is what the tables call it,
`kd+vid_i`. Cross entropy with the labels stands in every one but `answers`, which hears the teacher
alone. `watch` lets the variational distribution be fitted to a student that learns nothing from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from distillery.losses import (
    Attention,
    HardLabels,
    Hints,
    Information,
    Pair,
    Selectivity,
    SoftTargets,
    SquareError,
)
from distillery.losses.loss import Loss
from distillery.models import heads
from distillery.models.heads import Head
from distillery.support.nearest import unknown

TEMPERATURE = 4.0  # chosen here: Hinton's losses are used with 4 by most of the rivals' authors


@dataclass(frozen=True)
class Layers:
    """What a loss may compare: pairs of layers inside, the logits and what the student's classifier
    takes in; and the head that guesses a teacher's layer by VID-I and by FitNet.
    """

    inside: Sequence[Pair]
    logits: Sequence[Pair]
    information: Head = heads.pointwise
    hint: Head = heads.single


Make = Callable[[Layers, torch.Generator], Loss]
TRANSFERS: Mapping[str, Make] = {
    "fitnet": lambda layers, rng: Hints(layers.inside, rng=rng, head=layers.hint),
    "at": lambda layers, rng: Attention(layers.inside),
    "nst": lambda layers, rng: Selectivity(layers.inside),
    "vid_i": lambda layers, rng: Information(layers.inside, rng=rng, head=layers.information),
    "watch": lambda layers, rng: Information(
        layers.inside, rng=rng, head=layers.information, teaches=False
    ),
    "vid_lp": lambda layers, rng: Information(layers.logits, rng=rng, head=heads.linear),
    "lwf": lambda layers, rng: Hints(layers.logits, rng=rng, head=heads.linear),
    "logits": lambda layers, rng: SquareError(),
}
# what transfers nothing between layers: a fine-tuned student has learned the teacher's task before
ALONE = ("student", "finetuned", "kd", "answers")


def name_of(method: str) -> str:
    """What the tables call a method, without its weights: `kd+vid_i` of `kd@0.9+vid_i@1`."""
    return "+".join(name for name, _ in parts_of(method))


def parts_of(method: str) -> list[tuple[str, float]]:
    """A method's parts with their weights, 1 where none is given."""
    parts = []
    for part in method.split("+"):
        name, _, weight = part.partition("@")
        if name not in (*ALONE, *TRANSFERS):
            raise ValueError(unknown("method", name, [*ALONE, *TRANSFERS]))
        parts.append((name, float(weight or 1)))
        if not parts[-1][1] >= 0:
            raise ValueError(f"method {method!r} has the weight {weight}: at least 0 is needed")
    return parts


def loss_of(method: str, layers: Layers, *, rng: torch.Generator) -> Loss:
    """(1 - a) cross entropy + a soft targets where `kd@a` is a part, cross entropy where it is not,
    soft targets alone for `answers`; and every transfer times its weight.
    """
    parts = parts_of(method)
    loss = _first(dict(parts))
    for name, weight in parts:
        if name in TRANSFERS:
            loss = loss + weight * TRANSFERS[name](layers, rng)
    return loss


def _first(weights: Mapping[str, float]) -> Loss:
    if "answers" in weights:
        return SoftTargets(TEMPERATURE)
    if "kd" in weights:
        share = weights["kd"]
        return (1 - share) * HardLabels() + share * SoftTargets(TEMPERATURE)
    return HardLabels()
