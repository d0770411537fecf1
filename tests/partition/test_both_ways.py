from __future__ import annotations

import itertools

import pytest
import torch
from exact_worlds import bars, trained, world

from distillery.partition import both_ways, starts
from distillery.partition.both_ways import BothWays, rounds
from distillery.partition.enumeration import every_state
from distillery.partition.starts import Starts


@pytest.fixture(autouse=True)
def short_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    """These machines forget where they began in a few sweeps."""
    monkeypatch.setattr(starts, "BURN_IN", 50)
    monkeypatch.setattr(both_ways, "BURN_IN", 50)


def ratios(mean: float, n: int = 400, seed: int = 0) -> torch.Tensor:
    return mean + 0.5 * torch.randn(
        n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )


def test_run_until_the_error_is_small_it_covers_log_z() -> None:
    scores = []
    for seed in range(20):
        rng = torch.Generator().manual_seed(seed)
        w = world(rng, visible=8, hidden=5)
        found = next(
            f
            for f in rounds(Starts(w.machine, rng=rng), temperatures=10, chains=50)
            if f.bridge.error < 0.04
        )
        assert found.bridge.interval[0] <= w.log_z <= found.bridge.interval[1]
        assert found.lower.interval[0] <= w.log_z <= found.upper.interval[1]
        scores.append((found.bridge.value - w.log_z) / found.bridge.error)
    assert 0.6 < torch.tensor(scores).square().mean().sqrt() < 1.5  # 20 of them


def test_a_trained_machine_is_covered_from_its_data() -> None:
    rng = torch.Generator().manual_seed(0)
    data = bars(rng)
    machine = trained(data, 8, rng)
    exact = machine.log_density(every_state(12)).logsumexp(0).item()
    found = next(
        f
        for f in rounds(Starts(machine, rng=rng, data=data), temperatures=20)
        if f.bridge.error < 0.03 and f.settled
    )
    assert found.bridge.interval[0] <= exact <= found.bridge.interval[1]
    assert found.bridge.warnings == ()


def test_temperatures_double_until_the_bounds_are_close_and_then_paths() -> None:
    rng = torch.Generator().manual_seed(0)
    w = world(rng, visible=12, hidden=8, scale=2.0)
    far = Starts(w.machine, rng=rng, data=every_state(12))  # fair coins: a base unlike the machine
    made = list(itertools.islice(rounds(far, temperatures=2, chains=60), 8))
    wide = [not f.settled or f.upper.value - f.lower.value > 2 for f in made]
    assert 1 <= sum(wide) < 8
    for before, after, was_wide in zip(made, made[1:], wide, strict=False):
        assert after.temperatures == before.temperatures * (2 if was_wide else 1)
        assert after.paths == before.paths * (1 if was_wide else 2)
        assert after.sweeps == before.sweeps + (after.temperatures if was_wide else 0)
        if not was_wide:  # new paths join the old ones
            torch.testing.assert_close(
                after.from_base[: before.paths], before.from_base, rtol=0, atol=0
            )
            torch.testing.assert_close(
                after.from_machine[: before.paths], before.from_machine, rtol=0, atol=0
            )


def test_directions_that_disagree_are_said_and_the_interval_spans_all_that_is_known() -> None:
    apart = BothWays(ratios(10.0), ratios(10.9, seed=1), 100, 1000, 0.0)
    assert not apart.agree
    assert any("they disagree" in warning for warning in apart.bridge.warnings)
    low, high = apart.bridge.interval
    for known in (apart.forward, apart.reverse, apart.lower, apart.upper):
        assert low <= known.interval[0] <= known.interval[1] <= high
    assert (low, high) == (apart.lower.interval[0], apart.upper.interval[1])
    together = BothWays(ratios(10.0) - 0.125, ratios(10.0, seed=1) + 0.125, 100, 1000, 0.0)
    assert together.settled
    assert together.bridge.warnings == ()


@pytest.mark.parametrize(("unrest", "strays"), [(0.0, 0), (3.5, 0), (0.0, 2)])
def test_restless_chains_and_reverse_paths_that_stray_cast_doubt(
    unrest: float, strays: int
) -> None:
    back = ratios(10.0, seed=1) + 0.125
    back[:strays] = 25.0
    found = BothWays(ratios(10.0) - 0.125, back, 100, 1000, unrest)
    assert found.strays == strays
    assert found.settled == (not unrest and not strays)
    said = ("have not settled",) * bool(unrest) + (
        "2 of 400 reverse paths have log weights more than 10 nats above",
    ) * bool(strays)
    assert len(found.bridge.warnings) == len(said)
    assert all(words in warning for words, warning in zip(said, found.bridge.warnings, strict=True))


def test_a_direction_that_few_paths_decide_makes_the_interval_as_wide_as_the_bracket() -> None:
    """Its error is then so large that the directions agree, whatever they miss."""
    there = ratios(10.0)
    there[0] = 15.0
    found = BothWays(there, ratios(10.2, seed=1), 200, 1000, 0.0)
    assert found.agree
    assert not found.settled
    assert any("forward annealing by itself is doubtful" in said for said in found.bridge.warnings)
    low, high = found.bridge.interval
    assert low <= found.lower.interval[0]
    assert high >= max(found.upper.interval[1], found.forward.interval[1])


def test_wide_log_weights_are_not_strays() -> None:
    assert BothWays(20 * ratios(0.0) - 50, 20 * ratios(0.0, seed=1) + 50, 10, 1000, 0.0).strays == 0


def test_no_temperatures_and_no_chains_are_refused() -> None:
    rng = torch.Generator().manual_seed(0)
    source = Starts(world(rng).machine, rng=rng, data=torch.zeros(1, 7))
    with pytest.raises(ValueError, match="temperatures is 0"):
        next(rounds(source, temperatures=0))
    with pytest.raises(ValueError, match="chains is 1: a whole number of at least 2"):
        next(rounds(source, chains=1))
