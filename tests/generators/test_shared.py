"""One draw for a whole batch."""

from __future__ import annotations

import pytest
import torch

from distillery.generators import Alongside, Noise
from distillery.generators.shared import Shared


def test_all_examples_of_a_batch_carry_one_draw_and_batches_carry_different_ones() -> None:
    rng = torch.Generator().manual_seed(0)
    generator = Alongside(Noise(2, rng=rng), Shared(Noise(5, rng=rng)))
    first, second = (generator.draw(7).draw for _ in range(2))
    assert first.shape == (7, 5)
    assert torch.equal(first, first[:1].expand(7, 5))
    assert not torch.equal(first, second)


def test_it_continues_where_it_was_stopped() -> None:
    one, other = (Shared(Noise(3, rng=torch.Generator().manual_seed(seed))) for seed in (1, 2))
    one.draw(4)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.draw(2).x, other.draw(2).x)


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="n is 0"):
        Shared(Noise(3, rng=torch.Generator())).draw(0)
