from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from distillery.protocols import Batch, Generator, Stateful, check_rng


class Counting(Generator):
    remembers = ("count", "seen")

    def __init__(self, seed: int) -> None:
        self.rng = torch.Generator().manual_seed(seed)
        self.count, self.seen = 0, torch.zeros(0)

    def draw(self, n: int) -> Batch:
        x = torch.rand(n, 1, generator=self.rng)
        self.count, self.seen = self.count + 1, torch.cat([self.seen, x[:, 0]])
        return Batch(x)


class Holding(Stateful):
    def __init__(self, seed: int) -> None:
        self.one = Counting(seed)
        self.listed = [Counting(seed + 1), "a stranger", torch.Generator().manual_seed(seed + 2)]
        self.tupled = (torch.Generator().manual_seed(seed + 3),)
        self.named = {"a": Counting(seed + 4), "b": 3}

    def use(self) -> list[float]:
        rngs = [self.listed[2], *self.tupled]
        counting = [self.one, self.listed[0], self.named["a"]]
        return [float(part.draw(1).x) for part in counting] + [
            float(torch.rand(1, generator=rng)) for rng in rngs
        ]


def test_every_field_of_a_batch_has_one_entry_an_example() -> None:
    Batch(torch.zeros(3, 2), torch.zeros(3), torch.zeros(3), torch.zeros(3, 2, 5))
    for name in ("y", "task", "draw"):
        with pytest.raises(
            ValueError, match=rf"Batch\.{name} has 2 entries, but x holds 3 examples"
        ):
            Batch(torch.zeros(3, 2), **{name: torch.zeros(2)})


@pytest.mark.parametrize("x", [[[1.0, 2.0]], torch.tensor(1.0)])
def test_a_batch_of_anything_but_a_tensor_of_examples_is_refused(x: object) -> None:
    with pytest.raises(
        TypeError, match=r"Batch\.x is .*: a tensor with one entry an example is needed"
    ):
        Batch(x)  # type: ignore[arg-type]


def test_a_sentence_about_a_batch_does_not_print_it() -> None:
    with pytest.raises(
        TypeError, match=r"^Batch\.x is a ndarray of shape \(500, 4\) and dtype float64: a tensor"
    ):
        Batch(np.zeros((500, 4)))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^Batch\.y is a list of 500 entries: a tensor"):
        Batch(torch.zeros(500), list(range(500)))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^Batch\.x is None: a tensor"):
        Batch(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rng", "named"),
    [
        (np.random.default_rng(0), "a numpy Generator"),
        (random.Random(0), "a random Random"),
        (0, "0"),
        (None, "None"),
    ],
)
def test_a_stream_that_is_not_torchs_is_refused_by_its_name(rng: object, named: str) -> None:
    with pytest.raises(TypeError, match=f"^rng is {named}: a torch.Generator is needed, such as"):
        check_rng(rng)


@pytest.mark.parametrize(
    "index", [torch.tensor([2, 0]), slice(1, 3), torch.tensor([True, False, True])]
)
def test_a_batch_is_indexed_in_all_its_fields_alike(index: torch.Tensor | slice) -> None:
    batch = Batch(torch.arange(6).reshape(3, 2), torch.arange(3), draw=torch.arange(3) * 10)
    part = batch[index]
    assert part.x.equal(batch.x[index])
    assert part.y.equal(batch.y[index])
    assert part.draw.equal(batch.draw[index])
    assert part.task is None
    assert len(part) == 2


def test_a_batch_moves_with_all_its_fields() -> None:
    moved = Batch(torch.zeros(3, 2), torch.zeros(3)).to("meta")
    assert moved.x.is_meta
    assert moved.y.is_meta


def test_a_generator_continues_from_its_state_as_if_it_had_not_stopped() -> None:
    one, other = Counting(0), Counting(9)
    one.draw(3)
    state = one.state_dict()
    ahead = [one.draw(2).x for _ in range(3)]
    other.load_state_dict(state)
    assert all(x.equal(other.draw(2).x) for x in ahead)
    assert (one.count, one.seen.tolist()) == (other.count, other.seen.tolist())


def test_streams_and_parts_are_found_in_attributes_lists_tuples_and_dictionaries() -> None:
    one, other = Holding(0), Holding(50)
    one.use()
    state = one.state_dict()
    assert set(state) == {"one", "listed.0", "listed.2", "tupled.0", "named.a"}
    other.load_state_dict(state)
    assert one.use() == other.use()


def test_a_state_once_taken_does_not_change() -> None:
    part = Counting(0)
    part.draw(2)
    state = part.state_dict()
    before = (state["count"], state["seen"].clone(), state["rng"].clone())
    part.seen += 1
    part.draw(2)
    assert (state["count"], state["seen"].tolist(), state["rng"].tolist()) == (
        before[0],
        before[1].tolist(),
        before[2].tolist(),
    )


def test_what_is_remembered_returns_to_the_device_it_lives_on() -> None:
    part = Counting(0)
    state = part.state_dict()
    part.seen = torch.zeros(4, device="meta")
    part.load_state_dict(state)
    assert part.seen.is_meta
