from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from distillery_book.chapters.rbm_to_nade import orders
from distillery_book.results.results import Results
from distillery_book.results.study import Cell, Context, Outcome


def context(folder: Path) -> Context:
    return Context("smoke", torch.device("cpu"), None, folder)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    folder = tmp_path_factory.mktemp("study")
    found = []
    for index, cell in enumerate(orders.cells("smoke")):
        (folder / str(index)).mkdir()
        found.append(orders.run(cell, context(folder / str(index))))
    return found


def test_every_order_is_a_permutation_and_no_two_are_alike() -> None:
    every = orders.orders()
    assert all(order.sort().values.equal(torch.arange(784)) for order in every.values())
    assert (
        len({tuple(order.tolist()) for order in every.values()})
        == len(every)
        == 1 + len(orders.ALONE)
    )


def test_the_bounds_stand_on_either_side_of_log_z(outcomes: list[Outcome]) -> None:
    for found in (outcome.metrics for outcome in outcomes):
        assert found["lower"] - 4 * found["lower_se"] < found["upper"] + 4 * found["upper_se"]
        assert found["bracket"] == pytest.approx(found["upper"] - found["lower"])


def test_two_that_learn_together_are_better_than_they_were_apart(outcomes: list[Outcome]) -> None:
    found = outcomes[1].metrics
    assert found["bracket"] < found["bracket_apart"]


def test_a_mixture_takes_the_member_that_an_earlier_cell_has_trained(tmp_path: Path) -> None:
    alone, together = (
        Cell({**cell.params, "examples": 200, "chains": 20, "burn_in": 1}, 0, cell.data)
        for cell in orders.cells("smoke")
    )
    together = replace(together, params={**together.params, "joint": 100})
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    orders.run(alone, context(tmp_path / "first"))
    (trained,) = tmp_path.glob("member-*/rows.safetensors")
    before = trained.stat().st_mtime_ns
    orders.run(together, context(tmp_path / "second"))
    assert trained.stat().st_mtime_ns == before
    assert (trained.parent / "columns.safetensors").exists()


def test_aims_ask_for_cells_that_the_paper_profile_has(tmp_path: Path) -> None:
    assert Results(tmp_path, [orders.STUDY]).answers == {}
    for _, _, where in orders.STUDY.aims:
        assert any(where.items() <= cell.params.items() for cell in orders.cells("paper"))
