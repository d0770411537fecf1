"""A reservoir keeps every example of a stream with the same probability, whatever it is."""

from __future__ import annotations

import pytest
import torch

from distillery.generators.reservoir import last_of_each, reservoir_places


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def kept(count: int, capacity: int, stream: torch.Generator) -> list[int]:
    return last_of_each(reservoir_places(count, capacity, rng=stream))[0].tolist()


def test_each_of_twenty_examples_is_among_the_five_kept_a_quarter_of_the_time() -> None:
    """To five standard errors, in 4000 reservoirs; and each pair with probability 5 · 4 / (20 · 19)."""
    stream, draws = rng(), 4000
    there = torch.zeros(draws, 20)
    for row in there:
        row[kept(20, 5, stream)] = 1
    assert (there.sum(1) == 5).all()
    error = (0.25 * 0.75 / draws) ** 0.5
    assert ((there.mean(0) - 0.25).abs() < 5 * error).all()
    pairs, p = (there.T @ there / draws), 20 / 380
    off = ~torch.eye(20, dtype=torch.bool)
    assert ((pairs[off] - p).abs() < 5 * (p * (1 - p) / draws) ** 0.5).all()


def test_drawn_in_parts_the_places_are_those_drawn_at_once() -> None:
    whole, stream, parts, seen = reservoir_places(300, 20, rng=rng()), rng(), [], 0
    for count in (1, 18, 0, 5, 76, 200):
        parts.append(reservoir_places(count, 20, rng=stream, seen=seen))
        seen += count
    assert torch.cat(parts).equal(whole)


def test_as_many_as_there_is_room_for_are_kept_in_order() -> None:
    assert reservoir_places(7, 9, rng=rng()).tolist() == list(range(7))


def test_of_several_in_one_place_the_last_stays() -> None:
    examples, places = last_of_each(torch.tensor([0, 1, -1, 0, 2, 0]))
    assert dict(zip(places.tolist(), examples.tolist(), strict=True)) == {0: 5, 1: 1, 2: 4}


@pytest.mark.parametrize(("count", "capacity", "seen"), [(-1, 5, 0), (3, 0, 0), (3, 5, -1)])
def test_impossible_reservoirs_are_refused(count: int, capacity: int, seen: int) -> None:
    with pytest.raises(ValueError, match=f"count is {count}, capacity {capacity}, seen {seen}"):
        reservoir_places(count, capacity, rng=rng(), seen=seen)
