from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from distillery import Batch, Exhausted
from distillery.generators import (
    Alongside,
    Ancestral,
    Augmented,
    Generator,
    Hardest,
    Interleave,
    Noise,
    Parallel,
    Resample,
)
from distillery.generators.wrappers import joined
from distillery.losses import HardLabels, SoftTargets
from distillery.models.mlp import MLP
from distillery.teachers import Frozen, Labels


class Numbered(Generator):
    """0, 1, 2, … plus an offset, with how often it was asked."""

    remembers = ("next", "asked")

    def __init__(self, offset: int = 0, *, labelled: bool = False) -> None:
        self.offset, self.labelled, self.next, self.asked = offset, labelled, 0, 0

    def draw(self, n: int) -> Batch:
        x = torch.arange(self.next, self.next + n, dtype=torch.float32)[:, None] + self.offset
        self.next, self.asked = self.next + n, self.asked + 1
        return Batch(x, x[:, 0].long() if self.labelled else None)


class Empty(Generator):
    def draw(self, n: int) -> Batch:
        raise Exhausted("nothing left")


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# ---- Alongside


def test_a_draw_of_every_chain_rides_alongside_each_input() -> None:
    batch = Alongside(Numbered(), Numbered(100)).draw(3)
    assert (batch.x[:, 0].tolist(), batch.draw.tolist()) == ([0, 1, 2], [[100], [101], [102]])
    two = Alongside(Numbered(), Numbered(100), Numbered(200)).draw(3)
    assert two.draw.tolist() == [[[100], [200]], [[101], [201]], [[102], [202]]]


def test_what_travelled_with_the_inputs_stays() -> None:
    assert Alongside(Numbered(labelled=True), Numbered(100)).draw(3).y.tolist() == [0, 1, 2]


def test_where_the_inputs_are_exhausted_no_chain_moves() -> None:
    chain = Numbered()
    with pytest.raises(Exhausted):
        Alongside(Empty(), chain).draw(3)
    assert chain.asked == 0


def test_inputs_alone_are_refused() -> None:
    with pytest.raises(ValueError, match="chains is empty"):
        Alongside(Numbered())


# ---- Interleave


@pytest.mark.parametrize(
    "shares", [[1, 1], [1, 3], [0.9, 0.1], [1, 1, 1], [5, 2, 0.3], [1, 0], [1e-9, 1]]
)
@pytest.mark.parametrize("n", [1, 2, 7, 10])
def test_shares_hold_in_the_long_run_to_within_one_example(shares: list[float], n: int) -> None:
    parts = [Numbered() for _ in shares]
    both = Interleave(parts, shares)
    for step in range(1, 60):
        assert len(both.draw(n)) == n
        for part, share in zip(parts, shares, strict=True):
            assert abs(part.next - step * n * share / sum(shares)) < len(shares)


def test_equal_shares_are_the_default_and_whole_numbers_come_out_exactly() -> None:
    parts = [Numbered(), Numbered(1000)]
    both = Interleave(parts)
    for _ in range(5):
        assert (both.draw(8).x >= 1000).sum() == 4


def test_a_share_of_nothing_is_never_asked() -> None:
    silent = Numbered()
    both = Interleave([Numbered(), silent], [1, 0])
    for n in (1, 3, 5):
        both.draw(n)
    assert silent.asked == 0


def test_interleaved_batches_carry_what_all_of_them_carry() -> None:
    batch = Interleave([Numbered(labelled=True), Numbered(1000, labelled=True)]).draw(4)
    assert batch.y.tolist() == [0, 1, 1000, 1001]
    with pytest.raises(ValueError, match="1 of 2 batches carry y: all or none must, to be joined"):
        Interleave([Numbered(labelled=True), Numbered()]).draw(4)


def test_fractions_carried_over_are_part_of_the_state() -> None:
    def make() -> Interleave:
        return Interleave([Numbered(), Numbered(1000)], [0.3, 0.7])

    one, other = make(), make()
    one.draw(1), one.draw(4)
    other.load_state_dict(one.state_dict())
    assert all(one.draw(3).x.equal(other.draw(3).x) for _ in range(10))


@pytest.mark.parametrize(
    ("count", "shares"), [(2, [1.0]), (2, [1.0, -0.1]), (2, [0.0, 0.0]), (0, None), (0, [])]
)
def test_shares_that_share_nothing_out_are_refused(count: int, shares: list[float] | None) -> None:
    with pytest.raises(
        ValueError,
        match=(
            r"shares is \[.*\] for \d generators: as many are needed, none negative, not all zero"
        ),
    ):
        Interleave([Numbered() for _ in range(count)], shares)


# ---- Parallel


def test_every_stream_gives_an_equal_part_in_order() -> None:
    batch = Parallel([Numbered(), Numbered(100), Numbered(200)]).draw(6)
    assert batch.x[:, 0].tolist() == [0, 1, 100, 101, 200, 201]


def test_a_batch_that_streams_cannot_share_is_refused() -> None:
    with pytest.raises(ValueError, match="n is 7: a multiple of the 3 streams is needed"):
        Parallel([Numbered()] * 3).draw(7)
    with pytest.raises(ValueError, match="generators is empty"):
        Parallel([])


# ---- Augmented


def test_inputs_are_changed_and_what_travels_with_them_is_not() -> None:
    shaken = Augmented(Numbered(labelled=True), lambda x, rng: -x, rng=rng())
    batch = shaken.draw(3)
    assert (batch.x[:, 0].tolist(), batch.y.tolist()) == ([0, -1, -2], [0, 1, 2])


def test_changes_come_from_a_stream_that_is_part_of_the_state() -> None:
    def make(seed: int) -> Augmented:
        return Augmented(
            Resample(torch.arange(9.0)[:, None], rng=rng(seed)),
            lambda x, g: x + torch.rand(x.shape, generator=g),
            rng=rng(seed),
        )

    one, other = make(0), make(5)
    one.draw(4)
    other.load_state_dict(one.state_dict())
    assert one.draw(4).x.equal(other.draw(4).x)


# ---- Hardest


def test_of_every_k_candidates_the_hardest_is_kept() -> None:
    hardest = Hardest(
        Numbered(labelled=True), lambda batch: -((batch.x[:, 0] % 10) - 4).abs(), of=10
    )
    batch = hardest.draw(3)
    assert batch.x[:, 0].tolist() == [4, 14, 24]
    assert batch.y.tolist() == [4, 14, 24]


def test_one_candidate_is_no_choice() -> None:
    assert Hardest(Numbered(), lambda batch: batch.x[:, 0], of=1).draw(4).x[:, 0].tolist() == [
        0,
        1,
        2,
        3,
    ]


def test_the_hardest_of_k_has_the_distribution_of_a_maximum() -> None:
    """Of four uniform numbers the largest is below x with probability x to the fourth."""
    data = Resample(torch.rand(50_000, 1, generator=rng()), rng=rng(1), replacement=True)
    largest = Hardest(data, lambda batch: batch.x[:, 0], of=4).draw(5000).x[:, 0].double()
    gaps = (largest.sort().values ** 4 - (torch.arange(5000) + 0.5) / 5000).abs()
    assert (
        gaps.max() < 1.95 / 5000**0.5 + 0.01
    )  # Kolmogorov and Smirnov at 0.999, and the data's own unevenness


class Watched(nn.Module):
    """A student with dropout that notes how it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.drop = MLP([2, 8, 3], rng=rng()), nn.Dropout(0.5)
        self.asked: list[tuple[bool, bool]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.asked.append((self.training, torch.is_grad_enabled()))
        return self.drop(self.network(x))


def test_candidates_are_scored_in_evaluation_mode_without_gradients_and_leave_no_trace() -> None:
    student, loss = Watched().train(), SoftTargets()
    score = partial(loss.each, Frozen(MLP([2, 3], rng=rng(1))), student)
    default = torch.get_rng_state()
    batch = Hardest(Noise(2, rng=rng()), score=score, of=5).draw(4)
    assert student.asked == [(False, False)]
    assert student.training
    assert loss.training
    assert student.drop.training
    assert torch.get_rng_state().equal(default)
    candidates = Noise(2, rng=rng()).draw(20)
    student.eval()
    assert batch.x.equal(
        candidates.x[score(candidates).reshape(4, 5).argmax(1) + torch.arange(0, 20, 5)]
    )


def test_networks_named_by_keyword_are_scored_quietly_too() -> None:
    student, loss = Watched().train(), HardLabels()
    score = partial(loss.each, Labels(), student=student)

    def by_keyword(batch: Batch, score: partial = score) -> Tensor:
        return score.func(*score.args, batch=batch, **score.keywords)

    data = Resample(torch.randn(9, 2, generator=rng()), torch.zeros(9).long(), rng=rng())
    Hardest(data, partial(lambda batch, student: by_keyword(batch), student=student), of=2).draw(2)
    assert student.asked == [(False, False)]


@pytest.mark.parametrize(
    "score", [lambda batch: batch.x, lambda batch: batch.x.sum(), lambda batch: batch.x[:3, 0]]
)
def test_a_score_of_another_shape_is_refused(score: object) -> None:
    with pytest.raises(
        ValueError, match=r"score returned shape \(.*\) for 8 candidates: one value each is needed"
    ):
        Hardest(Numbered(), score, of=2).draw(4)  # type: ignore[arg-type]


def test_no_candidates_are_refused() -> None:
    with pytest.raises(ValueError, match="of is 0: at least one candidate is needed"):
        Hardest(Numbered(), lambda batch: batch.x[:, 0], of=0)


# ---- joined


def test_batches_are_joined_in_order_and_in_all_fields() -> None:
    parts = [Batch(torch.full((n, 1), float(n)), task=torch.full((n,), n)) for n in (2, 1)]
    both = joined(parts)
    assert (both.x[:, 0].tolist(), both.task.tolist(), both.y) == ([2, 2, 1], [2, 2, 1], None)
    assert joined(parts[:1]) is parts[0]


def test_an_ancestor_rides_along_when_it_is_to_be_kept() -> None:
    parents = Noise(3, rng=torch.Generator().manual_seed(0))
    double = Ancestral(parents, lambda w, rng: 2 * w, rng=torch.Generator(), keep=True).draw(4)
    assert double.draw is not None
    assert double.x.equal(2 * double.draw)
    assert Ancestral(parents, lambda w, rng: 2 * w, rng=torch.Generator()).draw(4).draw is None
