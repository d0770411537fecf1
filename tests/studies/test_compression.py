from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch

from distillery import data
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.storage import autoencoder_parameters
from distillery.studies import compression
from distillery.studies.study import Cell, Context, Outcome


def context(folder: Path) -> Context:
    folder.mkdir(exist_ok=True)
    return Context("smoke", torch.device("cpu"), None, folder)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    cells = compression.cells("smoke")
    return {str(cell.params["model"]): compression.run(cell, context(tmp_path_factory.mktemp("cell"))) for cell in cells}


def test_bits_are_never_fewer_than_the_entropy_nor_more_than_whole_ones(outcomes: dict[str, Outcome]) -> None:
    found = outcomes["categorical"].metrics
    assert 0 < found["bits_entropy"] <= found["bits_capacity"] <= found["bits_packed"] <= found["bits"] * 1.01
    assert found["compression"] == 8 * 784 / found["bits"]
    assert found["parameters"] == autoencoder_parameters(16, 4)


def test_every_model_beats_the_black_picture(outcomes: dict[str, Outcome]) -> None:
    """To which the absolute error alone would collapse."""
    black = float(data.load("embedded:digits").x_test.float().mean() / 255)
    assert {name: found.metrics["test"] < black for name, found in outcomes.items()} == dict.fromkeys(outcomes, True)


def test_the_pictures_kept_are_those_of_the_test_set(outcomes: dict[str, Outcome]) -> None:
    images = data.load("embedded:digits").x_test[: compression.SHOWN].float() / 255
    for name, found in outcomes.items():
        here = float((found.arrays["drawn"].float() / 255 - images).abs().mean())
        assert here == pytest.approx(found.metrics["test"], rel=0.5), name


def test_a_killed_run_ends_as_one_that_was_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = Cell({"model": "categorical", "c": 4, "l": 2, "passes": 1}, 0, "embedded:digits")
    monkeypatch.setattr(compression, "EVERY", 10)
    whole = compression.run(cell, context(tmp_path / "whole"))
    for killed_at in (0.3, 0.8):  # in either phase
        broken = dataclasses.replace(context(tmp_path / "broken"), on_report=_killer(killed_at))
        with pytest.raises(KeyboardInterrupt):
            compression.run(cell, broken)
    again = compression.run(cell, context(tmp_path / "broken"))
    assert again.metrics == whole.metrics
    assert again.arrays["losses"].equal(whole.arrays["losses"])


def test_the_entropy_of_fair_and_of_certain_variables_is_known() -> None:
    codes = torch.tensor([[0, 3], [1, 3], [2, 3], [3, 3]], dtype=torch.uint8)
    assert compression.entropy(codes, 4) == pytest.approx(2.0)
    assert compression.entropy(codes[:, :1] % 2, 2) == pytest.approx(1.0)


def test_distortion_is_the_mean_over_pixels_and_images() -> None:
    student = CategoricalAutoencoder(4, 2, rng=torch.Generator().manual_seed(0)).eval()
    x = torch.randint(256, (5, 1, 28, 28), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    codes = student.encode(x.float() / 255)
    expected = float((student.decode(codes) - x.float() / 255).abs().mean())
    assert compression.distortion(student, codes, x) == pytest.approx(expected, rel=1e-5)


def test_what_is_learned_and_what_decides_are_apart_and_are_all() -> None:
    x = torch.arange(12)
    learned, held = compression.divided(x)
    assert learned.tolist() == list(range(10))
    assert held.tolist() == [10, 11]


def test_an_autoencoder_that_ships_is_built_as_it_was_measured() -> None:
    student = CategoricalAutoencoder(38, 2, rng=torch.Generator().manual_seed(3)).half().float().eval()
    built = compression.built(38, 2, {name: value.half() for name, value in student.named_parameters()}).eval()
    x = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    assert built(x).equal(student(x))


def test_the_weights_that_ship_are_within_two_megabytes() -> None:
    halves = sum(2 * autoencoder_parameters(*code) for code in compression.SHIPPED)
    assert halves < 2e6
    assert set(compression.STUDY.models) == {"autoencoder-38x2", "autoencoder-62x2", "autoencoder-168x2"}


def test_every_published_row_has_one_cell_at_paper_and_23_of_27_at_laptop() -> None:
    codes = {(int(row["c"]), int(row["l"])) for row in _rows("recollections_distortion_categorical")}
    assert set(compression.CODES) == codes
    assert {float(row["h"]) for row in _rows("recollections_distortion_continuous")} == set(compression.LATENTS)
    assert len(_first(compression.cells("laptop"))) == 23
    assert len(_first(compression.cells("paper"))) == 27
    sizes = [c * values for c, values in compression.CODES]
    assert sizes == sorted(sizes)


def test_the_published_compression_is_that_of_whole_bits() -> None:
    for row in _rows("recollections_distortion_categorical"):
        whole = int(row["c"]) * math.ceil(math.log2(int(row["l"])))
        assert 8 * 784 / whole == pytest.approx(float(row["compression"]), abs=0.005)


def _first(cells: object) -> list[Cell]:
    return [cell for cell in cells if cell.params["model"] == "categorical" and cell.seed == 0]  # type: ignore[attr-defined]


def _rows(table: str) -> list[dict[str, str]]:
    import csv

    path = Path(__file__).resolve().parents[2] / "book" / "published" / f"{table}.csv"
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def _killer(at: float):  # type: ignore[no-untyped-def]
    def report(done: float) -> None:
        if done >= at:
            raise KeyboardInterrupt

    return report
