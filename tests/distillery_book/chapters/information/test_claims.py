"""Chapter 11's claims compare runs that the grid has, and what a cell records."""

from __future__ import annotations

from pathlib import Path

import pytest

from distillery_book.chapters.information import claims, grid
from distillery_book.chapters.information.methods import name_of
from distillery_book.results.claims import Mean
from distillery_book.results.results import Results


def records(mean: Mean) -> bool:
    """Whether a cell of the grid that `mean` describes trains its method."""
    metric, method = mean.metric.split("_", 1)
    method = method.removesuffix(f"_{claims.SHOWN_LAYER}") if metric == "gained" else method
    return any(
        all(cell.params.get(name) == value for name, value in mean.where.items())
        and method in [name_of(each) for each in str(cell.params["methods"]).split()]
        for cell in grid.cells("paper")
        if "methods" in cell.params
    )


@pytest.mark.parametrize(
    "mean",
    [
        *(
            claims.accuracy(name, images=m)
            for name in ("vid_i", *claims.RIVALS)
            for m in grid.SEEDS_OF
        ),
        *(claims.accuracy("kd+vid_i", task="cifar100", network=f"wrn-16-{k}") for k in (1, 2)),
        claims.accuracy("fitnet", network="mlp-1024"),
        claims.accuracy("vid_i", network="mlp-4096"),
        *(claims._transferred(name, 10) for name in ("vid_i", "finetuned")),
        *(claims._told(name) for name in ("vid_i", "student+watch")),
    ],
    ids=lambda mean: (
        f"{mean.metric} {mean.where.get('network', '')} {mean.where.get('images', '')}"
    ),
)
def test_what_a_claim_compares_is_recorded_by_a_cell(mean: Mean) -> None:
    assert records(mean)


def test_by_what_is_printed_kd_takes_away_from_vid_on_cifar10(tmp_path: Path) -> None:
    (gap,) = claims.TESTS["information_with_kd_printed"](Results(tmp_path))
    assert gap.value == pytest.approx(78.48 - 81.59)


def test_the_lead_is_not_run_until_both_ends_are(tmp_path: Path) -> None:
    assert claims.TESTS["information_lead_grows"](Results(tmp_path)) == []
