"""Pairs of layers, one of the teacher and one of the student, and losses between what they put out.

The teacher of such a loss is `Frozen(network)`; its layers are named as the network's own.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from distillery.losses.loss import Loss
from distillery.losses.outputs import wide
from distillery.models.once import look, quietly
from distillery.protocols import Batch

_WITHIN = "network."  # where `Frozen` has the network whose layers are named


@dataclass(frozen=True)
class Pair:
    """A layer of the teacher's network and one of the student, by name, and the shapes of what they
    put out for one example.
    """

    teacher: str
    student: str
    theirs: tuple[int, ...]
    ours: tuple[int, ...]

    def check_places(self, *, loss: str) -> None:
        """Both layers put out channels, or maps of channels of one height and width."""
        if self.theirs[1:] != self.ours[1:]:
            raise ValueError(
                f"{loss}: layer {self.teacher!r} of the teacher puts out {self.theirs}, layer"
                f" {self.student!r} of the student {self.ours}: equal height and width are needed"
            )


def pairs_of(
    teacher: nn.Module, student: nn.Module, names: Iterable[tuple[str, str]], x: Tensor
) -> list[Pair]:
    """The pairs of layers of these names, teacher's first, as both networks see them on inputs like
    x.

    The networks are asked once, in evaluation mode; `classifier:input` names what a layer takes in.
    """
    names = list(names)
    if not names:
        raise ValueError("names is empty: at least one pair of layers is needed")
    with quietly(teacher, student):
        theirs = look(teacher, x, [name for name, _ in names])[1]
        ours = look(student, x, [name for _, name in names])[1]
    return [
        Pair(first, second, _shape(theirs[first], first), _shape(ours[second], second))
        for first, second in names
    ]


class BetweenLayers(Loss):
    """A weighted sum over pairs of layers of a discrepancy between what the two put out.

    `between` is all that such a loss must define. `weights` are the lambdas of Ahn et al. (2019),
    equation 2, one a pair; 1 by default.
    """

    def __init__(self, pairs: Sequence[Pair], weights: Sequence[float] | None = None) -> None:
        super().__init__()
        weights = [1.0] * len(pairs) if weights is None else [float(w) for w in weights]
        if len(weights) != len(pairs) or not pairs or not all(w >= 0 for w in weights):
            raise ValueError(
                f"weights is {weights} for {len(pairs)} pairs of layers: one for each of one or"
                " more pairs is needed, none negative"
            )
        self.pairs, self.weights = tuple(pairs), weights
        self.student_layers = tuple(pair.student for pair in pairs)
        self.teacher_layers = tuple(_WITHIN + pair.teacher for pair in pairs)

    @abstractmethod
    def between(self, theirs: Tensor, ours: Tensor, place: int) -> Tensor:
        """The discrepancy at every example, (B,), of the pair at this place of the list."""

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        looked = self.layers(teacher, student, batch)
        values = [
            weight * self.between(theirs, ours, place)
            for place, (weight, (theirs, ours)) in enumerate(zip(self.weights, looked, strict=True))
        ]
        return sum(values[1:], start=values[0])

    def layers(
        self, teacher: nn.Module, student: nn.Module, batch: Batch
    ) -> list[tuple[Tensor, Tensor]]:
        """What the layers of every pair put out for a batch: the teacher's, then the student's."""
        ours = look(student, batch.x, self.student_layers)[1]
        theirs = look(teacher, batch, self.teacher_layers)[1]
        return [
            (wide(theirs[_WITHIN + pair.teacher].detach()), wide(ours[pair.student]))
            for pair in self.pairs
        ]


def channelled(output: Tensor) -> Tensor:
    """(B, C, …) as (B, C, places): channels, and all places of a map as one."""
    return output.flatten(2) if output.dim() > 2 else output.unsqueeze(2)


def _shape(output: Any, name: str) -> tuple[int, ...]:
    if not isinstance(output, torch.Tensor) or output.dim() < 2:
        what = f"shape {tuple(output.shape)}" if isinstance(output, Tensor) else type(output)
        raise ValueError(f"layer {name!r} puts out {what}: a tensor (B, C, ...) is needed")
    return tuple(output.shape[1:])
