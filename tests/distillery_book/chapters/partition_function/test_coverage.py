"""Coverage: the exact value is that of the machine, and an interval that holds it says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from distillery.data import as_bits, load
from distillery.models.rbm import RBM
from distillery.partition import exact_log_z
from distillery.partition.modes import Modes
from distillery_book.chapters.partition_function import coverage
from distillery_book.results.study import Cell, Context, Outcome


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    (cell,) = coverage.cells("smoke")
    return coverage.run(cell, _context(tmp_path_factory.mktemp("cell")))


def _context(folder: Path) -> Context:
    return Context("smoke", torch.device("cpu"), None, folder)


@pytest.mark.parametrize("name", coverage.ESTIMATORS)
def test_an_interval_covers_when_it_holds_the_exact_value(outcome: Outcome, name: str) -> None:
    found = outcome.metrics
    holds = found[f"{name}_low"] <= found["exact"] <= found[f"{name}_high"]
    assert found[f"{name}_covers"] == holds
    assert found[f"{name}_off"] == pytest.approx(found[name] - found["exact"])
    assert abs(found[f"{name}_off"]) < max(6 * found[f"{name}_se"], 0.5)


def test_a_cold_machine_is_the_same_with_all_energies_doubled() -> None:
    x = (torch.rand(200, 9, generator=torch.Generator().manual_seed(0)) < 0.4).float()
    params = {"hidden": 4, "steps": 20}
    plain = coverage.trained(Cell({"machine": "plain", **params}, 3), x)
    cold = coverage.trained(Cell({"machine": "cold", **params}, 3), x)
    assert torch.equal(cold.W, 2 * plain.W)
    assert torch.equal(cold.a, 2 * plain.a)
    assert exact_log_z(cold) != pytest.approx(exact_log_z(plain))


def test_a_cooled_machine_has_several_modes_which_its_chains_leave_more_rarely() -> None:
    x = as_bits(load(coverage.STAND_IN).x_train)
    [cold, plain] = [
        coverage.trained(Cell({"machine": kind, "hidden": 8, "steps": 300}, 0), x)
        for kind in (coverage.COLD, coverage.PLAIN)
    ]
    modes = Modes(cold, rng=torch.Generator().manual_seed(0))
    assert len(modes.regions) > 1
    assert _stayed(cold, modes) > _stayed(plain, modes) + 0.1


def _stayed(machine: RBM, modes: Modes, sweeps: int = 100) -> float:
    """The share of chains, begun in each region alike, that end nearest to the one they began in."""
    rng, step = torch.Generator().manual_seed(5), machine.gibbs()
    states = torch.cat([region.states for region in modes.regions])
    begun = torch.arange(len(modes.regions)).repeat_interleave(len(states) // len(modes.regions))
    for _ in range(sweeps):
        states = step(states, rng)
    logits = torch.stack([region.logits for region in modes.regions])
    log_probs = states.double() @ logits.T - torch.nn.functional.softplus(logits).sum(1)
    return float((log_probs.argmax(1) == begun).double().mean())


def test_there_are_ten_machines_and_no_two_cells_are_the_same() -> None:
    cells = coverage.cells("paper")
    assert len({str(cell) for cell in cells}) == len(cells) == 10
