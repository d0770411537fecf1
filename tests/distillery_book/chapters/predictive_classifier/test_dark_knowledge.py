"""Real data: splits, predictors, calibration, and a smoke run."""

from __future__ import annotations

import pytest
import torch

from distillery_book.chapters.predictive_classifier import dark_knowledge
from distillery_book.results.study import Context


def test_every_method_has_ten_seeds_and_the_smoke_run_one() -> None:
    paper, smoke = (dark_knowledge.STUDY.cells(profile) for profile in ("paper", "smoke"))
    assert len(paper) == 10 * (len(dark_knowledge.CANCER) + len(dark_knowledge.DIGITS))
    assert {cell.seed for cell in smoke} == {0}


@pytest.mark.parametrize("task", dark_knowledge.TASKS)
def test_training_and_test_examples_never_overlap(task) -> None:
    data = dark_knowledge.split(task, 0)
    rows = torch.cat([data.x, data.x_test])
    total = {"cancer": 569, "digits": 1797}[task]
    assert len(rows) == total
    assert len(data.y) + len(data.y_test) == total
    assert not torch.equal(data.x, dark_knowledge.split(task, 1).x)


def test_measurements_are_standardised_on_the_training_half_beside_a_constant() -> None:
    x = dark_knowledge.split("cancer", 0).x
    torch.testing.assert_close(
        x[:, :30].mean(0), torch.zeros(30, dtype=torch.float64), atol=1e-10, rtol=0.0
    )
    torch.testing.assert_close(x[:, :30].std(0), torch.ones(30, dtype=torch.float64))
    assert bool((x[:, 30] == 1).all())


def test_an_unknown_task_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown task 'digit'; did you mean 'digits'"):
        dark_knowledge.split("digit", 0)


def test_the_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    log_probs = torch.tensor([[0.8, 0.2]], dtype=torch.float64).log().expand(10, 2)
    right, wrong = torch.zeros(8, dtype=torch.long), torch.ones(2, dtype=torch.long)
    assert dark_knowledge.calibration_error(log_probs, torch.cat([right, wrong])) == pytest.approx(
        0.0, abs=1e-12
    )
    assert dark_knowledge.calibration_error(
        log_probs, torch.ones(10, dtype=torch.long)
    ) == pytest.approx(0.8)


def test_smoke_runs_obey_facts(tmp_path) -> None:
    context = Context("smoke", torch.device("cpu"), None, tmp_path)
    found = {
        f"{c.params['task']} {c.params['method']}": dark_knowledge.run(c, context).metrics
        for c in dark_knowledge.STUDY.cells("smoke")
    }
    assert found["cancer units 10"]["numbers_stored"] == 310
    assert found["cancer laplace"]["accuracy"] > 0.9
    assert 0 < found["cancer laplace"]["kl_from_mcmc"] < 0.1
    assert found["digits online"]["numbers_stored"] == 64 * 50 + 50 + 50 * 10 + 10
    assert found["digits online"]["accuracy"] > 0.85
