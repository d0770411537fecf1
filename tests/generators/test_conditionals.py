from __future__ import annotations

import pytest
import torch

from distillery.generators import Conditionals
from distillery.models.nade import NADE, columns


@pytest.mark.parametrize("kernel", [True, False])
def test_a_picture_holds_the_conditional_probabilities_of_the_sample_it_goes_with(
    kernel: bool,
) -> None:
    nade = NADE(12, 5, rng=torch.Generator().manual_seed(0), order=columns(3, 4), kernel=kernel)
    drawn = Conditionals(nade, rng=torch.Generator().manual_seed(1), shape=(1, 3, 4)).draw(6).x
    samples = nade.sample(6, rng=torch.Generator().manual_seed(1))
    assert drawn.shape == (6, 1, 3, 4)
    torch.testing.assert_close(
        drawn.flatten(1), nade.conditionals(samples).detach(), rtol=1e-4, atol=1e-6
    )
    assert 0 < drawn.min() < drawn.max() < 1
