"""Coverage: the exact value is that of the machine, and an interval that holds it says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from distillery.partition import exact_log_z
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


def test_there_are_ten_machines_and_no_two_cells_are_the_same() -> None:
    cells = coverage.cells("paper")
    assert len({str(cell) for cell in cells}) == len(cells) == 10
