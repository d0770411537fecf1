"""The papers' own recipe: four rates, of which the training images choose one; codes are counted as
the papers count them.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from distillery_book.chapters.compression import compression, variational
from distillery_book.results import published
from distillery_book.results.study import Context, Outcome


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    cells = [cell for cell in compression.cells("smoke") if _is_published(cell.params["model"])]
    return {
        str(cell.params["model"]): variational.run(cell, _context(tmp_path_factory.mktemp("cell")))
        for cell in cells
    }


def _is_published(model: object) -> bool:
    return model in variational.MODELS


def _context(folder: Path) -> Context:
    return Context("smoke", torch.device("cpu"), None, folder)


@pytest.mark.parametrize("model", variational.MODELS)
def test_the_rate_with_the_least_distortion_of_training_images_is_kept(
    outcomes: dict[str, Outcome], model: str
) -> None:
    found = outcomes[model].metrics
    tried = {rate: found[f"train_{rate:g}"] for rate in variational.RATES}
    assert found["rate"] == min(tried, key=lambda rate: tried[rate])
    assert found["train"] == min(tried.values())


def test_a_code_is_counted_in_whole_bits_and_a_filter_as_four_numbers(
    outcomes: dict[str, Outcome],
) -> None:
    assert outcomes["variational"].metrics["bits"] == 16
    assert outcomes["filters"].metrics["bits"] == 2 * 128


@pytest.mark.parametrize("filters", [1, 2, 3, 5, 7])
def test_the_printed_compression_is_that_of_128_bits_a_filter(filters: int) -> None:
    printed = published.at("recollections_distortion_continuous", filters, "compression").value
    assert 8 * 784 / (128 * filters) == pytest.approx(printed, rel=1e-6)


def test_passes_are_all_that_it_departs_in(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["variational"].departures == {"passes": [500, 2]}


def test_what_the_papers_recipe_made_answers_before_ours() -> None:
    models = {}
    for answer in compression.answers():
        if answer.table.startswith("recollections_distortion") and answer.column == "distortion":
            place = published.table(answer.table).cell(answer.row, answer.column).place
            models.setdefault(place, []).append(answer.where["model"])
    assert set(map(tuple, models.values())) == {
        ("variational", "categorical"),
        ("filters", "continuous"),
    }
