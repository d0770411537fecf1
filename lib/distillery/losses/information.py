"""Variational information distillation: a teacher's layer becomes likely given the student's
(Ahn et al., 2019).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from distillery.losses.layers import BetweenLayers, Pair, channelled
from distillery.losses.outputs import wide
from distillery.models import heads
from distillery.models.heads import Head
from distillery.protocols import Batch

LEAST_VARIANCE = 1e-3  # the paper's epsilon, whose value it does not give
_LOG_2_PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class Told:
    """What a student's layer tells of a teacher's, in nats an example.

    `log_q` is E log q(t|s). `log_reference` is the same for a Gaussian with each channel's own mean
    and variance, which knows nothing of the input. `gained` is their difference, the nats by which
    the student's layer shortens a description of the teacher's.
    """

    teacher: str
    student: str
    log_q: float
    log_reference: float

    @property
    def gained(self) -> float:
        return self.log_q - self.log_reference

    def bound(self, entropy: float) -> float:
        """The lower bound H(t) + E log q(t|s) of the mutual information (equation 3), where the
        differential entropy of the teacher's layer is known. `gained` is this bound for a layer
        whose entries are Gaussian and independent, and lies above it for any other.
        """
        return entropy + self.log_q


class Information(BetweenLayers):
    """-log q(t|s), in nats an entry of the teacher's layer: q is a Gaussian around a head's guess,
    with a variance of each channel's own that is learned (equations 5 and 6, constant included).

    With three 1x1 convolutions a pair it is VID-I. With a linear head from what the student's
    classifier takes in to the teacher's logits, VID-LP. Variances are softplus(alpha) + epsilon,
    and start at `variance`. Weight decay should leave the alphas alone, as `training.sgd` does.
    With `teaches=False` q is fitted to a student that learns nothing from it, which tells what the
    layers of any student know.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        *,
        rng: torch.Generator,
        head: Head = heads.pointwise,
        weights: Sequence[float] | None = None,
        variance: float = 1.0,
        teaches: bool = True,
    ) -> None:
        super().__init__(pairs, weights)
        if not variance > LEAST_VARIANCE:
            raise ValueError(f"variance is {variance!r}: more than {LEAST_VARIANCE} is needed")
        self.teaches = teaches
        self.heads = nn.ModuleList(head(pair.ours, pair.theirs, rng) for pair in pairs)
        alpha = _unsoftened(variance - LEAST_VARIANCE)
        self.alphas = nn.ParameterList(
            torch.full((pair.theirs[0],), alpha, device=rng.device) for pair in pairs
        )

    def between(self, theirs: Tensor, ours: Tensor, place: int) -> Tensor:
        ours = ours if self.teaches else ours.detach()
        return -self.log_q(theirs, ours, place).flatten(1).mean(1)

    def log_q(self, theirs: Tensor, ours: Tensor, place: int) -> Tensor:
        """log q of every entry of the teacher's layer, in its shape (summed over channels, the maps
        of Figure 2).
        """
        layer = self.pairs[place].teacher
        guess = wide(heads.answered(self.heads[place], ours, theirs, layer=layer))
        variance = self.variance(place).view(-1, *[1] * (theirs.dim() - 2))
        return -0.5 * (_LOG_2_PI + variance.log() + (theirs - guess).square() / variance)

    def variance(self, place: int) -> Tensor:
        """The learned variance of every channel of the teacher's layer of a pair."""
        return F.softplus(self.alphas[place]) + LEAST_VARIANCE

    @torch.no_grad()
    def told(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> list[Told]:
        """What each of the student's layers tells of the teacher's on a batch, which should be
        large: the reference's means and variances are the batch's own.
        """
        looked = self.layers(teacher, student, batch)
        return [
            Told(
                pair.teacher,
                pair.student,
                self.log_q(theirs, ours, place).flatten(1).double().sum(1).mean().item(),
                _log_reference(theirs),
            )
            for place, (pair, (theirs, ours)) in enumerate(zip(self.pairs, looked, strict=True))
        ]


def _log_reference(theirs: Tensor) -> float:
    """The mean log density an example under the Gaussian that fits each channel best."""
    entries = channelled(theirs).double().transpose(0, 1).flatten(1)
    variance = entries.var(1, correction=0).clamp(min=LEAST_VARIANCE)
    each = -0.5 * (_LOG_2_PI + variance.log() + entries.var(1, correction=0) / variance)
    return float(each.sum()) * (theirs[0].numel() // len(entries))


def _unsoftened(value: float) -> float:
    """The number whose softplus is `value`."""
    return value + math.log(-math.expm1(-value))
