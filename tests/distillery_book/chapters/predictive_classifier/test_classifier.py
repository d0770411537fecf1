"""The grid of chapter 8, its exact answers, and the bias of its losses."""

from __future__ import annotations

import math

import pytest
import torch

from distillery.losses import DerivativeSquareError, SoftTargets, TwoSampleDerivatives
from distillery.models.bayes import separable
from distillery.models.logistic import MeanOfLogistics
from distillery_book.chapters.predictive_classifier import classifier
from distillery_book.results.study import Context


@pytest.fixture
def context(tmp_path) -> Context:
    return Context("smoke", torch.device("cpu"), None, tmp_path)


def test_every_method_has_ten_seeds_and_the_smoke_run_a_few_cells() -> None:
    paper = classifier.STUDY.cells("paper")
    for method in (*classifier.DISTILLED, *classifier.RIVALS):
        assert {cell.seed for cell in paper if cell.params["method"] == method} == set(range(10))
    assert len({str(cell) for cell in paper}) == len(paper)
    assert len(classifier.STUDY.cells("smoke")) < 10
    assert len({cell.seed for cell in classifier.STUDY.cells("smoke")}) == 1


def test_the_thesis_protocol_is_the_thesis_protocol() -> None:
    thesis = [
        c.params
        for c in classifier.STUDY.cells("paper")
        if c.params["protocol"] == "thesis" and c.params["units"]
    ]
    assert {(p["units"], p["steps"], p["batch"], p["student"]) for p in thesis} == {
        (10, 5000, 10, "units")
    }
    assert {p["inputs"] for p in thesis} == {"variance 100", "variance 10"}


def test_the_aim_names_cells_of_the_grid() -> None:
    for _, _, where in classifier.STUDY.aims:
        found = [c for c in classifier.STUDY.cells("paper") if where.items() <= c.params.items()]
        assert len(found) == 10


def test_the_data_belong_to_the_seed_and_are_as_the_thesis_has_them() -> None:
    x, y, _ = classifier.data(4)
    assert x.shape == (24, 2)
    assert int(y.sum()) == 12
    assert separable(x, y)
    assert torch.equal(x, classifier.data(4)[0])
    assert not torch.equal(x, classifier.data(5)[0])


def test_the_exact_answer_diverges_from_itself_by_nothing_and_from_a_coin_by_its_entropy() -> None:
    truth = torch.tensor([0.0, 0.2, 1.0], dtype=torch.float64)
    assert classifier.divergence(
        torch.stack([1 - truth, truth], 1).clamp(min=1e-300).log(), truth
    ) == pytest.approx(0.0)
    entropy = -(0.2 * math.log(0.2) + 0.8 * math.log(0.8)) / 3
    assert classifier.divergence(torch.full((3, 2), 0.5).double().log(), truth) == pytest.approx(
        math.log(2) - entropy
    )


WORLD = torch.Generator().manual_seed(0)
DRAWS = torch.tensor([8.0, 0.0]) + 4 * torch.randn(12, 2, generator=WORLD, dtype=torch.float64)
X = 3 * torch.randn(20, 2, generator=WORLD, dtype=torch.float64)
STUDENT = MeanOfLogistics(DRAWS[:3] + 1)


@pytest.mark.parametrize(
    "loss", [SoftTargets(), TwoSampleDerivatives()], ids=["cross entropy", "two samples"]
)
def test_cross_entropy_and_the_two_sample_loss_have_no_bias_at_all(loss) -> None:
    value, gradient = classifier.bias(loss, DRAWS, STUDENT, X)
    assert abs(value) < 1e-12
    assert gradient < 1e-12


def test_the_derivative_loss_of_the_thesis_overstates_its_value_but_not_its_gradient() -> None:
    value, gradient = classifier.bias(DerivativeSquareError(weighting="teacher"), DRAWS, STUDENT, X)
    assert value > 0.01
    assert gradient < 1e-12


def test_under_uniform_weighting_the_gradient_is_biased_too() -> None:
    assert classifier.bias(DerivativeSquareError(), DRAWS, STUDENT, X)[1] > 0.01


def test_inputs_cover_the_square_or_have_the_variance_asked_for() -> None:
    rng = torch.Generator().manual_seed(1)
    square = classifier.inputs("square", rng=rng).draw(2000).x
    assert float(square.abs().max()) <= 10
    variance = classifier.inputs("variance 10", rng=rng).draw(4000).x.var()
    assert float(variance) == pytest.approx(10, abs=4 * 10 * math.sqrt(2 / 8000))


def test_a_smoke_run_obeys_facts(context) -> None:
    cells = {cell.params["method"]: cell for cell in classifier.STUDY.cells("smoke")}
    chain, ep, laplace, online = (
        classifier.run(cells[m], context) for m in ("mcmc", "ep", "laplace", "online_dse")
    )
    assert (
        chain.metrics["largest_error"]
        < ep.metrics["largest_error"]
        < laplace.metrics["largest_error"]
    )
    assert chain.metrics["numbers_stored"] == 20_000
    assert online.metrics["numbers_stored"] == 20
    assert online.metrics["numbers_held"] == 20 + 2 * (10 + 1)
    assert online.departures == {"steps": [5000, 200]}
    assert online.metrics["gradient_bias_teacher"] < 1e-9 < online.metrics["gradient_bias_uniform"]
    assert set(chain.arrays) == {"probs", "weights", "truth", "x", "y"}
    assert float((chain.arrays["probs"] - chain.arrays["truth"]).abs().max()) == pytest.approx(
        chain.metrics["largest_error"], abs=1e-6
    )
