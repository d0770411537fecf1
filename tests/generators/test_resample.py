from __future__ import annotations

import math

import pytest
import torch

from distillery import Exhausted
from distillery.generators import Resample
from distillery.generators.resample import as_unit


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def numbers(n: int) -> torch.Tensor:
    return torch.arange(n, dtype=torch.float32)[:, None]


@pytest.mark.parametrize("batch_size", [1, 3, 7, 10, 25])
def test_without_replacement_every_example_comes_once_before_any_comes_again(
    batch_size: int,
) -> None:
    data = Resample(numbers(10), rng=rng())
    seen = torch.cat([data.draw(batch_size).x for _ in range(10)]).flatten().reshape(-1, 10)
    assert all(sorted(one_pass) == list(range(10)) for one_pass in seen.tolist())
    assert len({tuple(one_pass) for one_pass in seen.tolist()}) == len(
        seen
    )  # in another order each time


def test_every_order_is_equally_likely() -> None:
    data, passes = Resample(numbers(3), rng=rng()), 3000
    orders = [tuple(data.draw(3).x.flatten().tolist()) for _ in range(passes)]
    counts = torch.tensor([orders.count(order) for order in sorted(set(orders))]).double()
    assert len(counts) == 6
    assert (
        (counts - passes / 6).square() / (passes / 6)
    ).sum() < 20.5  # chi-square, five degrees of freedom, 0.999


def test_with_replacement_draws_are_uniform_and_independent() -> None:
    drawn = Resample(numbers(10), rng=rng(), replacement=True).draw(20_000).x.flatten().long()
    counts = torch.bincount(drawn, minlength=10).double()
    assert ((counts - 2000).square() / 2000).sum() < 27.9  # nine degrees of freedom, 0.999
    again = (drawn[1:] == drawn[:-1]).double().mean()
    assert again == pytest.approx(0.1, abs=4 * math.sqrt(0.09 / 20_000))


def test_answers_stay_with_their_inputs() -> None:
    for replacement in (False, True):
        data = Resample(numbers(10), torch.arange(10) * 3, rng=rng(), replacement=replacement)
        for _ in range(5):
            batch = data.draw(4)
            assert (batch.x.flatten() * 3).equal(batch.y.float())


@pytest.mark.parametrize(
    ("examples", "batch_size", "passes"),
    [(10, 5, 1), (10, 3, 1), (10, 3, 2), (4, 10, 5), (10, 10, 3)],
)
def test_passes_end_after_as_many_whole_batches_as_they_hold(
    examples: int, batch_size: int, passes: int
) -> None:
    data = Resample(numbers(examples), rng=rng(), passes=passes)
    drawn = [data.draw(batch_size).x.flatten() for _ in range(examples * passes // batch_size)]
    with pytest.raises(Exhausted, match=f"{passes} passes over {examples} examples have ended"):
        data.draw(batch_size)
    assert all(len(batch) == batch_size for batch in drawn)
    counts = torch.bincount(torch.cat(drawn).long(), minlength=examples)
    assert counts.max() <= passes


def test_a_refused_draw_takes_nothing() -> None:
    data = Resample(numbers(10), rng=rng(), passes=1)
    data.draw(6)
    with pytest.raises(Exhausted):
        data.draw(5)
    assert len(data.draw(4)) == 4


def test_bytes_are_kept_as_bytes_and_leave_as_numbers_between_zero_and_one() -> None:
    x = torch.arange(256, dtype=torch.uint8).reshape(64, 1, 2, 2)
    data = Resample(x, rng=rng())
    drawn = data.draw(64).x
    assert data.x.dtype == torch.uint8
    assert (drawn.dtype, drawn.min().item(), drawn.max().item()) == (torch.float32, 0.0, 1.0)
    assert sorted((drawn * 255).round().flatten().tolist()) == list(range(256))
    assert x.equal(torch.arange(256, dtype=torch.uint8).reshape(64, 1, 2, 2))


def test_as_unit_leaves_other_numbers_alone() -> None:
    for x in (
        torch.tensor([300.0]),
        torch.tensor([3], dtype=torch.int64),
        torch.tensor([0.5], dtype=torch.float64),
    ):
        assert as_unit(x) is x


def test_a_batch_is_a_copy_of_the_data() -> None:
    data = Resample(numbers(4), rng=rng())
    data.draw(4).x.zero_()
    assert data.x.equal(numbers(4))


@pytest.mark.parametrize("replacement", [False, True])
def test_a_resample_continues_from_its_state_in_the_middle_of_a_pass(replacement: bool) -> None:
    one, other = (Resample(numbers(10), rng=rng(seed), replacement=replacement) for seed in (0, 5))
    one.draw(7)
    other.load_state_dict(one.state_dict())
    assert all(one.draw(4).x.equal(other.draw(4).x) for _ in range(6))


def test_passes_are_counted_across_a_continuation() -> None:
    one, other = (Resample(numbers(10), rng=rng(), passes=2) for _ in range(2))
    one.draw(15)
    other.load_state_dict(one.state_dict())
    other.draw(5)
    with pytest.raises(Exhausted):
        other.draw(1)


@pytest.mark.parametrize(
    ("arguments", "settings", "sentence"),
    [
        ((torch.zeros(0, 2),), {}, "x is empty: a data set of at least one example is needed"),
        (
            (torch.zeros(3, 2), torch.zeros(2)),
            {},
            "y has 2 entries, x has 3 examples: as many are needed",
        ),
        ((torch.zeros(3, 2),), {"passes": 0}, "passes is 0 with replacement=False"),
        (
            (torch.zeros(3, 2),),
            {"passes": 2, "replacement": True},
            "passes is 2 with replacement=True",
        ),
    ],
)
def test_data_that_cannot_be_resampled_are_refused(
    arguments: tuple, settings: dict, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        Resample(*arguments, rng=rng(), **settings)
