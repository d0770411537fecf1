"""Heads: small networks that guess a teacher's layer from a student's, the mean function of q(t|s)
(Ahn et al., 2019, section 2.1).

Each is made for a pair of shapes without the batch, (C, H, W) or (C,). What the paper leaves open
is chosen here: ReLU between the convolutions of `pointwise`, and in `transposed` as many channels
in between as the teacher's layer has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from distillery.models.mlp import start_weights

Shape = Sequence[int]
Head = Callable[[Shape, Shape, torch.Generator], nn.Module]


def pointwise(ours: Shape, theirs: Shape, rng: torch.Generator) -> nn.Module:
    """Three 1x1 convolutions, the hidden ones twice as wide as the teacher's layer: VID-I between
    layers of one height and width.
    """
    return _pointwise(ours, theirs, rng, hidden=[2 * theirs[0]] * 2)


def narrow(ours: Shape, theirs: Shape, rng: torch.Generator) -> nn.Module:
    """Two 1x1 convolutions, the hidden one half as wide as the teacher's layer: the paper's choice
    for ResNet-18.
    """
    return _pointwise(ours, theirs, rng, hidden=[max(1, theirs[0] // 2)])


def single(ours: Shape, theirs: Shape, rng: torch.Generator) -> nn.Module:
    """One 1x1 convolution and nothing else: FitNet's, and VID-I's for VGG-9."""
    return _pointwise(ours, theirs, rng, hidden=[])


def linear(ours: Shape, theirs: Shape, rng: torch.Generator) -> nn.Module:
    """A linear map W s without a bias: the teacher's logits from the student's last features."""
    if len(ours) != 1 or len(theirs) != 1:
        raise ValueError(
            f"the student's layer puts out {tuple(ours)}, the teacher's {tuple(theirs)}: vectors"
            " are needed on both sides of a linear head"
        )
    return _started(nn.Linear(ours[0], theirs[0], bias=False), rng)


def transposed(ours: Shape, theirs: Shape, rng: torch.Generator) -> nn.Module:
    """A vector as a map of one pixel, grown to 4x4 by a transposed convolution, then doubled by one
    of stride two until it is as large as the teacher's: a perceptron's layer for a convolution's.

    No nonlinearity stands between them, as in the paper.
    """
    channels, height, width = theirs if len(theirs) == 3 else (0, 0, 1)
    doublings = (height // 4).bit_length() - 1
    if len(ours) != 1 or height != width or height < 4 or height != 4 * 2**doublings:
        raise ValueError(
            f"the student's layer puts out {tuple(ours)}, the teacher's {tuple(theirs)}: a vector,"
            " and square maps of 4, 8, 16, ... pixels a side, are needed for transposed"
            " convolutions"
        )
    growing = [
        nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1) for _ in range(doublings)
    ]
    first = nn.ConvTranspose2d(ours[0], channels, 4)
    return _started(nn.Sequential(nn.Unflatten(1, (ours[0], 1, 1)), first, *growing), rng, gain=1.0)


def _pointwise(
    ours: Shape, theirs: Shape, rng: torch.Generator, *, hidden: Sequence[int]
) -> nn.Module:
    if len(ours) != 3 or len(theirs) != 3 or tuple(ours[1:]) != tuple(theirs[1:]):
        raise ValueError(
            f"the student's layer puts out {tuple(ours)}, the teacher's {tuple(theirs)}: maps of"
            " equal height and width are needed for 1x1 convolutions"
        )
    widths = [ours[0], *hidden, theirs[0]]
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, 1), nn.ReLU()]
    return _started(nn.Sequential(*layers[:-1]), rng)


def _started(head: nn.Module, rng: torch.Generator, gain: float = 2.0) -> nn.Module:
    start_weights(head, rng=rng, gain=gain)
    return head.to(rng.device)


def answered(head: nn.Module, ours: Tensor, theirs: Tensor, *, layer: str) -> Tensor:
    """The head's guess, if it has the shape of the teacher's layer."""
    guess: Tensor = head(ours)
    if guess.shape != theirs.shape:
        raise ValueError(
            f"the head of layer {layer!r} answers with shape {tuple(guess.shape)}, the teacher's"
            f" layer puts out {tuple(theirs.shape)}: equal shapes are needed"
        )
    return guess
