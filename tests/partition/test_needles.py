"""Machines with narrow parts that hardly a path or chain finds: an answer that is wrong says that it
is in doubt.
"""

from __future__ import annotations

import pytest
import torch
from exact_worlds import needles, world

from distillery.models.rbm import RBM
from distillery.partition import both_ways, starts
from distillery.partition.both_ways import LEAST_PATHS, BothWays, rounds
from distillery.partition.enumeration import exact_log_z
from distillery.partition.starts import Starts

MACHINES = 100


@pytest.fixture(autouse=True)
def short_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chains cross from no needle to another, however long they are."""
    for room in (starts, both_ways):
        monkeypatch.setattr(room, "BURN_IN", 300)


def stream(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(seed: int) -> RBM:
    """One of the family, from needles that annealing finds to needles that nothing finds."""
    rng = stream(seed)
    count = int(torch.randint(1, 6, (), generator=rng))
    share, sharp = torch.rand(2, generator=rng).tolist()
    return needles(rng, count=count, share=0.1 + 0.6 * share, sharp=2 + 3 * sharp)


def read(machine: RBM, seed: int, *, chains: int = 100) -> BothWays:
    return next(rounds(Starts(machine, rng=stream(seed)), chains=chains))


def is_covered(found: BothWays, machine: RBM) -> bool:
    low, high = found.bridge.interval
    return low <= exact_log_z(machine) <= high


def test_of_a_hundred_machines_with_needles_at_most_one_is_missed_silently() -> None:
    silent, outside_three_errors = 0, 0
    for seed in range(MACHINES):
        machine = drawn(seed)
        found = read(machine, seed)
        away = abs(found.bridge.value - exact_log_z(machine))
        outside_three_errors += away > 3 * found.bridge.error
        silent += not found.bridge.warnings and not is_covered(found, machine)
    assert outside_three_errors > MACHINES / 4  # the family is hard
    assert silent <= MACHINES / 100


@pytest.mark.parametrize("sharp", [3.0, 4.0, 6.0])
def test_half_of_z_in_needles_is_covered_or_put_in_doubt(sharp: float) -> None:
    for seed in range(5):
        machine = needles(stream(100 + seed), count=3, share=0.5, sharp=sharp)
        found = read(machine, seed)
        assert found.bridge.warnings
        assert is_covered(found, machine)


def test_ordinary_machines_are_not_put_in_doubt_and_their_intervals_stay() -> None:
    doubted, wide = 0, 0
    for seed in range(20):
        rng = stream(seed)
        machine = world(rng, visible=12, hidden=10, scale=0.5).machine
        found = read(machine, seed)
        assert is_covered(found, machine)
        low, high = found.bridge.interval
        doubted += bool(found.bridge.warnings)
        wide += high - low > 6.5 * found.bridge.error
    assert doubted <= 1
    assert wide <= 2


def test_two_paths_are_in_doubt_and_are_joined_by_others_until_there_are_enough() -> None:
    machine = world(stream(0), visible=12, hidden=8).machine
    made = rounds(Starts(machine, rng=stream(0)), temperatures=50, chains=2)
    seen = [next(made) for _ in range(6)]
    assert [found.paths for found in seen] == [2, 4, 8, 16, 32, 64]
    assert {found.temperatures for found in seen} == {50}
    for found in seen:
        said = [warning for warning in found.bridge.warnings if "too few to tell" in warning]
        assert len(said) == (found.paths < LEAST_PATHS)
