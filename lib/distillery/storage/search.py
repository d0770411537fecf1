"""Codes that cost less than the likeliest: the encoder is not stored, so that whoever writes a code
may look for a better one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.bits import check_size

_AT_ONCE = 1000


@torch.no_grad()
def searched_codes(
    student: CategoricalAutoencoder,
    x: Tensor,
    *,
    prior: nn.Module | None,
    rate: float,
    tried: int,
    sweeps: int = 1,
) -> Tensor:
    """Codes (B, c) of pictures in [0, 1] whose |x - decoded| + `rate` · bits under the prior is no
    larger than the likeliest's.

    Of each picture's variables the `tried` least certain ones, one after another, take the second
    likeliest of their values in place of the likeliest, or go back to it, wherever that costs less.
    """
    check_size("tried", tried)
    check_size("sweeps", sweeps)
    if not (math.isfinite(rate) and rate >= 0):
        raise ValueError(
            f"rate is {rate!r}: what a bit costs in mean absolute error, 0 or more, is needed"
        )
    return torch.cat(
        [
            _searched(student, part, prior, rate, min(tried, student.variables), sweeps)
            for part in x.split(_AT_ONCE)
        ]
    )


def _searched(
    student: CategoricalAutoencoder,
    x: Tensor,
    prior: nn.Module | None,
    rate: float,
    tried: int,
    sweeps: int,
) -> Tensor:
    likeliest = student.code_logits(x).topk(2, -1)
    pair, rows = likeliest.indices, torch.arange(len(x), device=x.device)
    order = (likeliest.values[..., 0] - likeliest.values[..., 1]).argsort(1)
    codes = pair[..., 0]
    least = costs(student, codes, x, prior=prior, rate=rate)
    for place in order[:, :tried].repeat(1, sweeps).unbind(1):
        other = codes.clone()
        # Of the two values the one it does not have.
        other[rows, place] = pair[rows, place].sum(1) - codes[rows, place]
        cost = costs(student, other, x, prior=prior, rate=rate)
        codes = torch.where((cost < least)[:, None], other, codes)
        least = torch.minimum(cost, least)
    return codes.to(torch.uint8 if student.values <= 256 else torch.int16)


@torch.no_grad()
def costs(
    student: CategoricalAutoencoder,
    codes: Tensor,
    x: Tensor,
    *,
    prior: nn.Module | None,
    rate: float,
) -> Tensor:
    """(B,): the mean absolute error of each picture, and `rate` for every bit of its code under the
    prior.
    """
    distortion = (student.decode(codes) - x).abs().flatten(1).mean(1)
    return distortion if prior is None else distortion - rate / math.log(2) * prior(codes)
