from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from distillery.generators.chain import Chain
from distillery.samplers.langevin import SGLD, Annealed
from distillery.samplers.slice import Slice


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def count_up(state: Tensor, rng: torch.Generator) -> Tensor:
    """Chain c at its sweep t is at 100 c + t: every state tells where it comes from."""
    return state + 1


def starts(chains: int) -> Tensor:
    return 100.0 * torch.arange(chains)[:, None]


def gaussian(states: Tensor) -> Tensor:
    return -states.square().sum(1) / 2


def drawn(chain: Chain, n: int) -> list[int]:
    return [int(x) for x in chain.draw(n).x[:, 0]]


def test_chains_hand_out_their_states_in_turn_all_advancing_at_every_draw() -> None:
    chain = Chain(count_up, starts(5), rng=seeded())
    assert drawn(chain, 2) == [1, 101]
    assert drawn(chain, 2) == [202, 302]
    assert drawn(chain, 2) == [403, 3]
    assert drawn(chain, 5) == [104, 204, 304, 404, 4]


def test_a_large_draw_sweeps_as_often_as_needed_and_hands_out_exactly_n() -> None:
    chain = Chain(count_up, starts(3), rng=seeded())
    assert drawn(chain, 7) == [1, 101, 201, 2, 102, 202, 3]
    assert chain.steps == 3
    assert drawn(chain, 3) == [104, 204, 4], "the turn goes on where it stopped"
    assert [len(Chain(count_up, starts(4), rng=seeded()).draw(n)) for n in (1, 4, 5, 8, 9)] == [
        1,
        4,
        5,
        8,
        9,
    ]


def test_two_thousand_chains_in_batches_of_twenty_are_each_thinned_a_hundredfold() -> None:
    chain = Chain(count_up, 1000.0 * torch.arange(2000)[:, None], rng=seeded())
    seen = torch.cat([chain.draw(20).x for _ in range(200)])[:, 0]
    who, when = seen // 1000, seen % 1000
    assert torch.bincount(who.long()).eq(2).all()
    assert torch.equal(when[2000:] - when[:2000], torch.full((2000,), 100.0))


def test_burn_in_is_taken_lazily_and_once() -> None:
    chain = Chain(count_up, starts(2), rng=seeded(), burn_in=10, thin=3)
    assert chain.steps == 0
    assert drawn(chain, 1) == [13]
    assert drawn(chain, 1) == [116]
    ready = Chain(count_up, starts(2), rng=seeded(), burn_in=10, thin=3).warm_up()
    assert ready.steps == 10
    assert ready.warm_up().steps == 10
    assert drawn(ready, 1) == [13]


def test_a_trace_holds_every_thinned_sweep() -> None:
    trace = Chain(count_up, starts(2), rng=seeded(), burn_in=1, thin=2).trace(3)
    assert trace[:, :, 0].tolist() == [[3, 103], [5, 105], [7, 107]]


def test_the_start_belongs_to_the_caller() -> None:
    start = torch.zeros(3, 2)
    Chain(Slice(gaussian), start, rng=seeded()).draw(5)
    assert torch.equal(start, torch.zeros(3, 2))


def test_what_was_drawn_does_not_change_afterwards() -> None:
    def in_place(state: Tensor, rng: torch.Generator) -> Tensor:
        return state.clone().add_(1)

    chain = Chain(in_place, starts(2), rng=seeded())
    first = chain.draw(2).x
    copy = first.clone()
    chain.draw(9)
    assert torch.equal(first, copy)


@pytest.mark.parametrize("killed_after", [0, 1, 3])
def test_a_killed_chain_continues_bit_for_bit(killed_after: int) -> None:
    def chain(seed: int) -> Chain:
        return Chain(
            Slice(gaussian, width=2.0), torch.zeros(5, 2), rng=seeded(seed), burn_in=4, thin=2
        )

    whole = chain(1)
    expected = [whole.draw(3).x for _ in range(6)]
    first = chain(1)
    got = [first.draw(3).x for _ in range(killed_after)]
    second = chain(2)
    second.load_state_dict(first.state_dict())
    first.draw(5)
    got += [second.draw(3).x for _ in range(6 - killed_after)]
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))


def test_a_chain_killed_in_its_burn_in_or_schedule_continues_bit_for_bit() -> None:
    def chain() -> Chain:
        return Chain(
            Annealed(SGLD(lambda w, rng: -w, 0.5), lambda t: 1 / (1 + t)),
            torch.zeros(4, 1),
            rng=seeded(3),
            burn_in=7,
        )

    whole, first, second = chain(), chain(), chain()
    first._advance(3)
    second.load_state_dict(first.state_dict())
    assert torch.equal(second.draw(4).x, whole.draw(4).x)
    assert second.steps == 8


def test_recorded_chains_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(3, 1\), these \(2, 1\)"):
        Chain(count_up, starts(2), rng=seeded()).load_state_dict(
            Chain(count_up, starts(3), rng=seeded()).state_dict()
        )


def test_a_start_must_be_a_place_the_chain_can_be_in() -> None:
    positive = Slice(lambda w: torch.where(w[:, 0] > 0, -w[:, 0], -math.inf))
    with pytest.raises(ValueError, match=r"chain 1 starts at \(-1\), where the density is zero"):
        Chain(positive, torch.tensor([[1.0], [-1.0]]), rng=seeded())
    with pytest.raises(ValueError, match="NaN or infinity in chain 0"):
        Chain(count_up, torch.tensor([[math.nan]]), rng=seeded())
    with pytest.raises(ValueError, match="log_density is nan at state"):
        Chain(Slice(lambda w: w[:, 0] * math.nan), torch.ones(1, 1), rng=seeded())
    for start in (torch.zeros(3), torch.zeros(0, 2), torch.zeros(2, 2, 2), [[0.0]]):
        with pytest.raises(ValueError, match="start is"):
            Chain(count_up, start, rng=seeded())


@pytest.mark.parametrize(
    "arguments", [{"burn_in": -1}, {"thin": 0}, {"thin": 1.5}, {"burn_in": True}]
)
def test_counts_must_be_whole_numbers(arguments: dict) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(arguments))} is"):
        Chain(count_up, starts(2), rng=seeded(), **arguments)
    with pytest.raises(ValueError, match="n is 0"):
        Chain(count_up, starts(2), rng=seeded()).draw(0)
