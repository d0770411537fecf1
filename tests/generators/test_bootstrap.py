from __future__ import annotations

import pytest
import torch

from distillery.generators import Bootstrap, Exhausted


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_pass_hands_out_the_same_examples_in_another_order() -> None:
    x = torch.arange(40.0)[:, None]
    source = Bootstrap(x, x[:, 0].long(), rng=rng(), passes=2)
    first, second = source.draw(40), source.draw(40)
    assert first.x.sort(0).values.equal(second.x.sort(0).values)
    assert not first.x.equal(second.x)
    assert first.y.equal(first.x[:, 0].long())
    with pytest.raises(Exhausted):
        source.draw(1)


def test_examples_are_missed_as_often_as_drawing_with_replacement_misses_them() -> None:
    n, p = 2000, (1 - 1 / 2000) ** 2000
    missed = 1 - len(Bootstrap(torch.zeros(n, 1), rng=rng()).index.unique()) / n
    assert (
        abs(missed - p) < 4 * ((p - 2 * p * p) / n) ** 0.5
    )  # the variance of the empty boxes of n balls in n


def test_a_stopped_bootstrap_goes_on_where_it_was_whatever_seed_it_is_made_with() -> None:
    first, again = (Bootstrap(torch.arange(9.0)[:, None], rng=rng(seed)) for seed in (0, 1))
    first.draw(4)
    again.load_state_dict(first.state_dict())
    assert first.draw(20).x.equal(again.draw(20).x)


def test_as_many_labels_as_examples_are_needed() -> None:
    with pytest.raises(ValueError, match="y has 2 entries, x has 3 examples: as many are needed"):
        Bootstrap(torch.zeros(3, 1), torch.zeros(2), rng=rng())
