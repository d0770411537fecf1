"""Codes under a prior that has learned them: which prior, and the bytes that it writes them in.

How many hidden units it has is decided by short trainings: the fewest bits in all, the prior's own
and those that the held images' codes would take if they were as many as the training images. Where
none are held, those of the training images themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import numpy as np
from torch import Tensor

from distillery.storage import WholePrior
from distillery.tools.compress.priors import learned
from distillery_book.chapters.compression.measures import entropy
from distillery_book.results.study import Context, Scalar

TRIAL = 0.25  # the share of the passes that a short training has


def fitted(
    codes: Mapping[str, Tensor],
    values: int,
    params: Mapping[str, Scalar],
    *,
    seed: int,
    context: Context,
) -> WholePrior:
    """The prior of the `train` codes after `prior_passes`, of that one of the `sizes` that the
    `held` codes decide for.
    """
    train = codes["train"]
    deciding = codes.get("held", train)
    passes = int(params["prior_passes"])
    learn = partial(learned, train, values, seed=seed, context=context)
    totals: dict[int, float] = {}
    for hidden in map(int, str(params["sizes"]).split()):
        prior = learn(hidden, passes=max(1, round(TRIAL * passes)))
        totals[hidden] = prior.bits + bits_each(prior, deciding) * len(train)
    return learn(min(totals, key=totals.__getitem__), passes=passes)


def written(prior: WholePrior, codes: Mapping[str, Tensor]) -> dict[str, float]:
    """What the codes take: the bytes of the training images' codes, which are decoded again; of
    others what the prior says of them.
    """
    train = _array(codes["train"])
    string = prior.encode(train)
    if not np.array_equal(prior.decode(string, len(train)), train):
        raise ArithmeticError("the codes did not come back as they were written")
    on_disk = 8 * len(string) / len(train)
    others = {f"bits_{name}": bits_each(prior, codes[name]) for name in codes if name != "train"}
    return {
        "bits_on_disk": on_disk,
        "bits_prior": prior.bits,
        "bits_in_full": on_disk + prior.bits / len(train),
        "hidden": len(prior.start),
        **others,
    }


def bits_each(prior: WholePrior, codes: Tensor) -> float:
    """The mean over codes of -log2 of their probability."""
    return prior.bits_of(_array(codes)) / len(codes)


def known(codes: Tensor, values: int) -> dict[str, float]:
    """What a coder needs that knows each variable alone, and what can be said at all."""
    return {
        "bits_entropy": entropy(codes, values),
        "bits_capacity": codes.shape[1] * math.log2(values),
    }


def _array(codes: Tensor) -> np.ndarray:
    array: np.ndarray = codes.cpu().numpy()
    return array
