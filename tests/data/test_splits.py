"""A validation set is cut from the training set, at random and exactly."""

from __future__ import annotations

import pytest
import torch

from distillery.data.splits import holdout, per_class


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("n", "fraction", "held"), [(10, 0.2, 2), (101, 0.5, 50), (7, 0.1, 1), (50000, 0.2, 10000)]
)
def test_the_two_parts_hold_every_example_once_and_the_second_as_many_as_asked(
    n: int, fraction: float, held: int
) -> None:
    kept, out = holdout(n, fraction, rng())
    assert len(out) == held
    assert torch.cat([kept, out]).sort().values.tolist() == list(range(n))
    assert (kept.diff() > 0).all()
    assert (out.diff() > 0).all()


def test_the_same_generator_state_gives_the_same_parts_and_another_other_parts() -> None:
    assert torch.equal(holdout(100, 0.2, rng())[1], holdout(100, 0.2, rng())[1])
    assert not torch.equal(holdout(100, 0.2, rng())[1], holdout(100, 0.2, rng(1))[1])


def test_every_example_is_held_out_equally_often() -> None:
    stream, runs, n = rng(), 2000, 10
    counts = sum(torch.bincount(holdout(n, 0.3, stream)[1], minlength=n) for _ in range(runs))
    error = (0.3 * 0.7 * runs) ** 0.5
    assert ((counts - 0.3 * runs).abs() < 4 * error).all()


@pytest.mark.parametrize(
    ("n", "fraction"),
    [
        (10, 0.0),
        (10, 1.0),
        (10, -0.1),
        (10, 1.5),
        (10, 0.01),
        (1, 0.5),
        (0, 0.5),
        (10, float("nan")),
    ],
)
def test_a_split_with_an_empty_part_is_refused(n: int, fraction: float) -> None:
    with pytest.raises(ValueError, match=rf"fraction is {fraction} of n = {n} examples"):
        holdout(n, fraction, rng())


def test_so_many_of_each_class_and_fewer_lie_within_more() -> None:
    labels = torch.arange(60) % 3
    few, many = (per_class(labels, n, torch.Generator().manual_seed(1)) for n in (4, 9))
    assert labels[few].bincount().tolist() == [4, 4, 4]
    assert few.equal(few.sort().values)
    assert set(few.tolist()) < set(many.tolist())
    other = per_class(labels, 4, torch.Generator().manual_seed(2))
    assert not other.equal(few)


def test_a_class_with_too_few_examples_is_named() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])
    with pytest.raises(ValueError, match="count is 3, but class 1 has 2 examples"):
        per_class(labels, 3, torch.Generator())
    with pytest.raises(ValueError, match="count is 0: a whole number of at least 1"):
        per_class(labels, 0, torch.Generator())
