"""What the papers claim of memories, and the frames that chapter 3 draws: whole before any run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from distillery.generators import RecollectionBuffer
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery_book.chapters.transfer import claims, figures, pages
from distillery_book.chapters.transfer.memories import COLUMNS, SIZES, TABLES
from distillery_book.pages.texts import NOT_RUN
from distillery_book.results.results import Results


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILLERY_RESULTS", str(tmp_path))


def told(monkeypatch: pytest.MonkeyPatch, values: dict[str, list[float]]) -> Results:
    """Results whose accuracies are these, in points, a number a seed."""

    def runs(mean: claims.Mean, _results: Results) -> dict[int, SimpleNamespace]:
        column = mean.metric.removeprefix("accuracy_").rsplit("_", 1)[0]
        points = enumerate(values.get(column, []))
        nothing = {"metrics": {}, "arrays": None}
        return {seed: SimpleNamespace(seed=seed, points=value, **nothing) for seed, value in points}

    monkeypatch.setattr(claims.Mean, "runs", runs)
    monkeypatch.setattr(claims.Mean, "value", lambda _mean, run: run.points)
    return Results.open()


def test_the_storage_ratio_rounds_to_the_printed_one() -> None:
    assert f"{claims.storage_ratio():.1f}" == "7.4"


@pytest.mark.usefixtures("nothing")
def test_a_claim_of_several_sides_is_their_weighted_sum_seed_by_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = {"real": [90.0, 92.0, 94.0], "compress_100x": [91.0, 92.5, 99.0]}
    results = told(monkeypatch, values)
    test = claims.combined({"compress_100x": 1.0, "real": -1.0}, "lenet", plus=2.0)
    [difference] = test(results)
    assert difference.value == pytest.approx(2.0 + (1.0 + 0.5 + 5.0) / 3)


@pytest.mark.usefixtures("nothing")
def test_seeds_that_one_side_lacks_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    results = told(monkeypatch, {"real": [90.0], "compress_100x": [91.0, 70.0]})
    [difference] = claims.combined({"compress_100x": 1.0, "real": -1.0}, "lenet")(results)
    assert difference.value == pytest.approx(1.0)
    assert difference.error == float("inf")


def test_the_answers_of_a_mean_are_those_that_its_metric_is_the_share_of() -> None:
    results, compared = Results.open(), 0
    for column in ("real", "compress_100x", "sample_1pct_teacher_y", "jpeg_100x"):
        for after in (1_000, claims.SHORT):
            mean = claims.accuracy(column, after=after)
            for run in mean.runs(results).values():
                right = mean.right(run, results)
                assert right is not None
                assert 100 * right.double().mean() == pytest.approx(mean.value(run))
                compared += 1
    assert compared > 8


def test_before_a_thousand_examples_no_answers_are_stored() -> None:
    assert claims.accuracy("real", after=100).answers is None


def test_an_order_says_which_differences_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"real": [90.0, 92.0, 94.0], "compress_100x": [89.0, 91.5, 92.5]}
    values["code_100x"] = [50.0, 60.0, 99.0]
    told(monkeypatch, values)

    def mean(column: str, *_: object, **__: object) -> float:
        return sum(values[column]) / 3

    monkeypatch.setattr(pages, "percent", mean)
    order = figures.ordered({"a": "code_100x", "b": "real", "c": "compress_100x"}, 10_000, "lenet")
    assert order == "b > c ~ a"


def test_two_seeds_tell_nothing_and_three_that_scatter_leave_it_undecided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = {"jpeg_100x": [1.0, 2.0], "webp_100x": [90.0, 92.0, 97.0]}
    values |= {"code_100x": [95.0, 96.1, 97.0], "compress_100x": [91.0, 92.0, 93.0]}
    told(monkeypatch, values)
    rivals = ("JPEG", "WebP", "random codes", "prior")
    words = [figures.judged(way, "100x") for way in rivals]
    assert words == ["too few seeds", "undecided", "better", NOT_RUN]


def test_what_the_teacher_gains_is_told_on_each_memory_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = {"real_x_teacher_y": [92.0, 93.0, 94.0], "real": [90.0, 91.1, 92.0]}
    values |= {"compress_10x": [90.0, 91.0, 92.0], "compress_10x_labels": [92.0, 93.1, 94.0]}
    told(monkeypatch, values)
    assert figures.gains_told("lenet", "holds") == ["all images"]
    assert figures.gains_told("lenet", "fails") == ["recollections, 168 bits"]


def test_every_column_that_is_drawn_is_one_that_is_run() -> None:
    known = {column for columns in COLUMNS.values() for column in columns}
    drawn = {column for sizes in pages.WAYS.values() for column in sizes.values()}
    assert drawn <= known
    assert set(figures.LABELS) == set(TABLES)
    assert set(figures.GAINS) <= known


def test_recollections_take_in_full_what_their_buffer_says() -> None:
    rng = torch.Generator().manual_seed(0)
    codec = CategoricalAutoencoder(SIZES["100x"], 2, rng=rng)
    codes = torch.zeros(pages.IMAGES, SIZES["100x"], dtype=torch.int16)
    bits = RecollectionBuffer.full(codec, codes, rng=rng).full_bits
    assert pages.full_bits("recollections", "100x") == pytest.approx(bits.total, rel=1e-4)


@pytest.mark.usefixtures("nothing")
def test_figures_and_tables_are_whole_before_any_run() -> None:
    assert len(figures.by_capacity("recollections")[0]) == 0
    assert len(figures.distances("code")[0]) == 0
    assert figures.beside_published("mlp")["value"].notna().sum() == len(TABLES)
    assert figures.gains_told("lenet", "holds") == figures.gains_told("mlp", "fails") == []
    assert figures.beside_printed("mlp") == {"above": [], "below": [], "around": []}
    assert set(figures.ways("100x")["right, %"]) == {NOT_RUN}
    assert figures.judged("JPEG", "10x") == NOT_RUN
    assert figures.ordered({"all": "real"}, 10_000, "lenet") == NOT_RUN
    assert pages.by_bits().empty
