"""Every source of randomness is a stream of torch's, asked for where it is handed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from distillery.generators import (
    Ancestral,
    Augmented,
    Bootstrap,
    Chain,
    Conditionals,
    Noise,
    Resample,
    Uniform,
)
from distillery.losses import ContrastiveDivergence, RatioMatching
from distillery.models.nade import NADE


def stream() -> torch.Generator:
    return torch.Generator().manual_seed(0)


MAKERS: dict[str, Callable[[Any], Any]] = {
    "Noise": lambda rng: Noise(2, rng=rng),
    "Uniform": lambda rng: Uniform(2, rng=rng),
    "Resample": lambda rng: Resample(torch.zeros(5, 2), rng=rng),
    "Bootstrap": lambda rng: Bootstrap(torch.zeros(5, 2), rng=rng),
    "Chain": lambda rng: Chain(lambda state, rng: state, torch.zeros(3, 2), rng=rng),
    "Conditionals": lambda rng: Conditionals(NADE(3, 2, rng=stream()), rng=rng),
    "Ancestral": lambda rng: Ancestral(Noise(2, rng=stream()), lambda w, rng: w, rng=rng),
    "Augmented": lambda rng: Augmented(Noise(2, rng=stream()), lambda x, rng: x, rng=rng),
    "RatioMatching": lambda rng: RatioMatching(rng=rng),
    "ContrastiveDivergence": lambda rng: ContrastiveDivergence(rng=rng),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_stream_of_numpys_is_refused_where_it_is_handed_over(name: str) -> None:
    MAKERS[name](stream())
    with pytest.raises(
        TypeError, match=r"^rng is a numpy Generator: a torch\.Generator is needed, such as"
    ):
        MAKERS[name](np.random.default_rng(0))
