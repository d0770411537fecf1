"""A prior that learns the codes of an autoencoder, and the bytes that it writes them in.

How many hidden units it has is decided by short trainings: the fewest bits in all, the prior's own
and those that the held images' codes would take if they were as many as the training images. Where
none are held, those of the training images themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from distillery.distillation import distill
from distillery.generators import Resample
from distillery.losses import KL
from distillery.storage import CodePrior, WholePrior
from distillery.support.place import Place
from distillery.teachers import Recorded
from distillery.tools.compress import recipes as parts
from distillery.training.schedules import one_cycle

BATCH, RATE, TRIAL = 250, 0.02, 0.25  # TRIAL: the share of the passes that a short training has


def fitted(
    codes: Mapping[str, Tensor],
    values: int,
    params: Mapping[str, bool | int | float | str],
    *,
    seed: int,
    context: Place,
) -> WholePrior:
    """The prior of the `train` codes after `prior_passes`, of that one of the `sizes` that the
    `held` codes decide for.
    """
    sizes, passes = (
        [int(hidden) for hidden in str(params["sizes"]).split()],
        int(params["prior_passes"]),
    )
    short, totals, deciding = max(1, round(TRIAL * passes)), {}, codes.get("held", codes["train"])
    for hidden in sizes:
        prior = learned(codes["train"], values, hidden, passes=short, seed=seed, context=context)
        totals[hidden] = prior.bits + bits_each(prior, deciding) * len(codes["train"])
    return learned(
        codes["train"],
        values,
        min(totals, key=totals.__getitem__),
        passes=passes,
        seed=seed,
        context=context,
    )


def learned(
    codes: Tensor, values: int, hidden: int, *, passes: int, seed: int, context: Place
) -> WholePrior:
    """A prior of that many hidden units after that many passes; one that an earlier attempt has
    trained is read again.
    """
    rng = torch.Generator(codes.device).manual_seed(seed)
    prior = CodePrior(codes.shape[1], values, hidden, rng=rng)
    steps = max(1, passes * len(codes) // BATCH)
    distill(
        Recorded(),
        prior,
        Resample(codes.short(), rng=rng),  # bytes would leave as pixels in [0, 1]
        KL(),
        optimizer=torch.optim.Adam(prior.parameters(), lr=RATE),
        schedule=one_cycle(steps, warm_up=0.1),
        batch_size=BATCH,
        steps=steps,
        checkpoint=context.scratch / f"prior-{hidden}-{passes}.safetensors",
        every=parts.EVERY,
    )
    return prior.whole()


def written(prior: WholePrior, codes: Mapping[str, Tensor]) -> dict[str, float]:
    """What the codes take: the bytes of the training images' codes, which are decoded again; of
    others what the prior says of them.
    """
    array = _array(codes["train"])
    string = prior.encode(array)
    if not np.array_equal(prior.decode(string, len(array)), array):
        raise ArithmeticError("the codes did not come back as they were written")
    on_disk = 8 * len(string) / len(array)
    told = {
        "bits_on_disk": on_disk,
        "bits_prior": prior.bits,
        "bits_in_full": on_disk + prior.bits / len(array),
    }
    return (
        told
        | {"hidden": len(prior.start)}
        | {f"bits_{name}": bits_each(prior, codes[name]) for name in codes if name != "train"}
    )


def bits_each(prior: WholePrior, codes: Tensor) -> float:
    """The mean over codes of -log2 of their probability."""
    return prior.bits_of(_array(codes)) / len(codes)


def known(codes: Tensor, values: int) -> dict[str, float]:
    """What a coder needs that knows each variable alone, and what can be said at all."""
    return {
        "bits_entropy": parts.entropy(codes, values),
        "bits_capacity": codes.shape[1] * math.log2(values),
    }


def _array(codes: Tensor) -> np.ndarray:
    array: np.ndarray = codes.cpu().numpy()
    return array
