"""A curriculum of unlike examples chooses within every group, and no example is lost or made up."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

from distillery import Batch, distill
from distillery.generators import Diverse, Generator, Hardest, Parallel, Resample
from distillery.generators.kdpp import greedy_k_dpp, k_dpp
from distillery.generators.msss import msss
from distillery.losses import SoftTargets
from distillery.models.abreast import Abreast
from distillery.models.mlp import MLP
from distillery.teachers import Recorded


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Numbered(Generator):
    """Random vectors with their number as the label."""

    remembers = ("next",)

    def __init__(self, size: int = 5) -> None:
        self.next, self.size = 0, size

    def draw(self, n: int) -> Batch:
        y = torch.arange(self.next, self.next + n)
        self.next += n
        return Batch(torch.rand(n, self.size, 1, generator=rng(self.next)), y, task=y % 3)


class Few(Numbered):
    def __len__(self) -> int:
        return 19


WAYS = pytest.mark.parametrize("by", ["msss", "dpp", "greedy"])


def chosen(vectors: Tensor, by: str, keep: int) -> Tensor:
    """Of each group, with the same random numbers."""
    groups = len(vectors)
    kernels = torch.bmm(vectors.double(), vectors.double().transpose(1, 2))

    def chances(each: int) -> Tensor:
        return torch.rand(groups, each, generator=rng(3), dtype=torch.float64)

    if by == "msss":
        return msss(vectors, keep, chances=chances(keep), fraction=0.5)
    return (
        greedy_k_dpp(kernels, keep)
        if by == "greedy"
        else k_dpp(kernels, keep, chances=chances(2 * keep))
    )


@WAYS
def test_every_group_of_candidates_gives_those_that_are_chosen_of_it(by: str) -> None:
    diverse = Diverse(Numbered(), of=5, keep=4, by=by, rng=rng(3))
    batch = diverse.draw(12)
    candidates = Numbered().draw(60)
    places = chosen(candidates.x.reshape(3, 20, 5), by, 4)
    index = (places + 20 * torch.arange(3)[:, None]).flatten()
    assert batch.y.tolist() == candidates.y[index].tolist()
    assert batch.x.equal(candidates.x[index])
    assert batch.task.equal(candidates.task[index])


@pytest.mark.parametrize("by", ["msss", "dpp"])
def test_cosines_do_not_see_how_long_a_vector_is(by: str) -> None:
    class Stretched(Numbered):
        def draw(self, n: int) -> Batch:
            batch = super().draw(n)
            return Batch(batch.x * (1 + batch.y[:, None, None] % 7), batch.y)

    kinds = [
        Diverse(kind(), of=5, keep=4, by=by, similarity="cosine", rng=rng(3)).draw(8).y.tolist()
        for kind in (Numbered, Stretched)
    ]
    assert kinds[0] == kinds[1]


def test_of_two_kinds_of_example_both_are_kept_by_similarity_and_rarely_by_chance() -> None:
    """Ninety-nine candidates are one picture, the hundredth is at right angles: chance keeps it in a
    tenth of all groups, the least sum of squares always (unless it is outside every fraction).
    """

    class OneOdd(Generator):
        def draw(self, n: int) -> Batch:
            odd = torch.arange(n) % 100 == 57
            return Batch(torch.stack([(~odd).float(), odd.float()], 1))

    for fraction in (0.5, 1.0):
        batch = Diverse(OneOdd(), of=10, fraction=fraction, rng=rng()).draw(2000)
        share = (batch.x.reshape(200, 10, 2)[..., 1] == 1).any(1).double().mean()
        assert share == 1 if fraction == 1 else share > 1 - 0.5**8 - 0.03


@WAYS
def test_a_stopped_curriculum_goes_on_as_it_would_have(by: str) -> None:
    one, other = (Diverse(Numbered(), of=5, keep=4, by=by, rng=rng(s)) for s in (3, 4))
    one.draw(8)
    other.load_state_dict(one.state_dict())
    assert one.draw(8).y.equal(other.draw(8).y)


@WAYS
def test_parallel_streams_are_each_selected_from_as_alone(by: str) -> None:
    x = torch.rand(200, 6, generator=rng())
    data = [Resample(x, torch.arange(200), rng=rng(10 + s)) for s in range(3)]
    together = Diverse(Parallel(data), of=5, keep=4, by=by, rng=[rng(20 + s) for s in range(3)])
    apart = [
        Diverse(Resample(x, torch.arange(200), rng=rng(10 + s)), of=5, keep=4, by=by, rng=rng(20 + s))
        for s in range(3)
    ]  # fmt: skip
    for n in (8, 4):
        both = torch.cat([alone.draw(n).y for alone in apart])
        assert together.draw(3 * n).y.equal(both)


def test_active_and_diverse_students_abreast_learn_as_they_would_one_by_one() -> None:
    x, y = torch.rand(300, 12, generator=rng()), 3 * torch.randn(300, 4, generator=rng(1))

    def go(student: torch.nn.Module, seeds: list[int]) -> None:
        loss, teacher = SoftTargets(), Recorded()
        streams = Parallel([Resample(x, y, rng=rng(s), replacement=True) for s in seeds])
        diverse = Diverse(streams, of=4, keep=5, rng=[rng(100 + s) for s in seeds])
        hardest = Hardest(diverse, partial(loss.each, teacher, student), of=5)
        optimizer = torch.optim.Adam(student.parameters(), lr=1e-2)
        distill(
            teacher, student, hardest, loss,
            optimizer=optimizer, batch_size=len(seeds), steps=20,
        )  # fmt: skip

    bank = Abreast([MLP([12, 8, 4], rng=rng(s)) for s in range(3)])
    go(bank, [0, 1, 2])
    for s in range(3):
        student = MLP([12, 8, 4], rng=rng(s))
        go(student, [s])
        for p, q in zip(bank.student(s).parameters(), student.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-4, atol=1e-5)


def test_bad_arguments_are_refused() -> None:
    def make(**more: object) -> Diverse:
        return Diverse(Numbered(), **{"of": 2, "keep": 4, "rng": rng(), **more})  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="of is 0: a whole number of at least 1"):
        make(of=0)
    with pytest.raises(ValueError, match="keep is 0: a whole number of at least 1"):
        make(keep=0)
    with pytest.raises(ValueError, match=r"fraction is 1\.5: a share above 0 and at most 1"):
        make(fraction=1.5)
    with pytest.raises(ValueError, match="unknown by 'dp'; did you mean 'dpp'"):
        make(by="dp")
    with pytest.raises(ValueError, match="unknown similarity 'cosines'"):
        make(similarity="cosines")
    with pytest.raises(ValueError, match="rng is empty"):
        make(rng=[])
    for n in (0, 6):
        with pytest.raises(
            ValueError, match=f"n is {n}: a multiple of the 4 that are kept of a group is"
        ):
            make().draw(n)
    with pytest.raises(ValueError, match=r"n is 4: a multiple .* in each of 2 streams is needed"):
        make(rng=[rng(), rng()]).draw(4)


def test_more_candidates_than_there_are_examples_are_refused() -> None:
    with pytest.raises(ValueError, match=r"of \* keep is 5 \* 4 = 20: Few holds 19"):
        Diverse(Few(), of=5, keep=4, rng=rng()).draw(4)


def test_each_of_parallel_streams_needs_as_many_examples_as_a_group_has_candidates() -> None:
    def drawn(*streams: Generator) -> Batch:
        rngs = [rng(s) for s in range(len(streams))]
        return Diverse(Parallel(streams), of=5, keep=4, rng=rngs).draw(4 * len(streams))

    with pytest.raises(ValueError, match=r"of \* keep is 5 \* 4 = 20: Few holds 19"):
        drawn(Numbered(), Few())
    assert len(drawn(Numbered(), Numbered())) == 8


@WAYS
def test_a_candidate_that_holds_no_numbers_is_refused(by: str) -> None:
    class Broken(Numbered):
        def draw(self, n: int) -> Batch:
            batch = super().draw(n)
            batch.x[7] = torch.nan
            return batch

    with pytest.raises(ValueError, match="similarities hold NaN"):
        Diverse(Broken(), of=5, keep=4, by=by, rng=rng()).draw(8)
