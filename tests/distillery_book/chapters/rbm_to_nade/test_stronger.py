from __future__ import annotations

from pathlib import Path

import pytest
import torch

from distillery.models.nade import NADE
from distillery.models.rbm import RBM
from distillery_book.chapters.rbm_to_nade import stronger
from distillery_book.results.study import Context, Outcome


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    found = []
    for cell in stronger.cells("smoke"):
        folder = tmp_path_factory.mktemp("cell")
        found.append(stronger.run(cell, Context("smoke", torch.device("cpu"), None, folder)))
    return found


def test_the_bounds_stand_on_either_side_of_log_z(outcomes: list[Outcome]) -> None:
    for found in (outcome.metrics for outcome in outcomes):
        assert found["lower"] - 4 * found["lower_se"] < found["upper"] + 4 * found["upper_se"]
        assert found["bracket"] == pytest.approx(found["upper"] - found["lower"])


def test_a_student_that_starts_from_its_teacher_has_its_units(tmp_path: Path) -> None:
    machine, rng = (
        RBM(784, 6, rng=torch.Generator().manual_seed(0), scale=1.0),
        torch.Generator().manual_seed(1),
    )
    student = stronger.made({"model": "nade", "hidden": "8", "start": "teacher"}, machine, rng=rng)
    assert isinstance(student, NADE)
    assert student.features()[:6].equal(machine.W.detach().t())


@pytest.mark.parametrize("model", ["nade", "made", "orderless"])
def test_every_form_of_student_can_be_evaluated_and_sampled(model: str) -> None:
    machine, rng = (
        RBM(784, 6, rng=torch.Generator().manual_seed(0)),
        torch.Generator().manual_seed(1),
    )
    student = stronger.made(
        {"model": model, "hidden": "8", "start": "random"}, machine, rng=rng
    ).eval()
    drawn = student.sample(2, rng=rng)
    assert drawn.shape == (2, 784)
    assert student.log_prob(drawn.float()).shape == (2,)


def test_only_the_best_student_is_kept() -> None:
    best = [cell for cell in stronger.cells("paper") if cell.params == stronger.BEST]
    assert [cell for cell in stronger.cells("laptop") if cell.params == stronger.BEST] == []
    assert len(best) == 1


def test_an_orderless_student_from_its_teacher_begins_nearer_to_it_than_one_at_random() -> None:
    machine = RBM(784, 6, rng=torch.Generator().manual_seed(0), scale=0.5)
    drawn = machine.sample_visible(torch.ones(50, 6), torch.Generator().manual_seed(2)).float()
    found = {}
    for start in ("random", "teacher"):
        params = {"model": "orderless", "hidden": "8 8", "start": start}
        student = stronger.made(params, machine, rng=torch.Generator().manual_seed(1)).eval()
        found[start] = float(student.log_prob(drawn).detach().mean())
    assert found["teacher"] > found["random"] + 10
