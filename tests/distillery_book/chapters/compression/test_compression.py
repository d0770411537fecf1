from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch

from distillery import data
from distillery.data import as_float
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.storage import CodePrior, autoencoder_parameters
from distillery.storage.search import costs
from distillery.tools.compress import recipes as parts
from distillery_book.chapters.compression import compression, measures, predicted, variational
from distillery_book.chapters.compression import rate as rates
from distillery_book.results.study import Cell, Context, Outcome, Profile


def context(folder: Path) -> Context:
    folder.mkdir(exist_ok=True)
    return Context("smoke", torch.device("cpu"), None, folder)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    cells = compression.cells("smoke")
    names = ["dense" if "dense" in cell.params else str(cell.params["model"]) for cell in cells]
    return {
        name: compression.run(cell, context(tmp_path_factory.mktemp("cell")))
        for name, cell in zip(names, cells, strict=True)
    }


def test_bits_are_never_fewer_than_the_entropy_nor_more_than_whole_ones(
    outcomes: dict[str, Outcome],
) -> None:
    found = outcomes["categorical"].metrics
    assert (
        0
        < found["bits_entropy"]
        <= found["bits_capacity"]
        <= found["bits_packed"]
        <= found["bits"] * 1.01
    )
    assert found["compression"] == 8 * 784 / found["bits"]
    assert found["parameters"] == autoencoder_parameters(16, 4)


def test_codes_under_a_prior_take_fewer_bits_than_they_can_say_and_the_prior_is_counted_beside(
    outcomes: dict[str, Outcome],
) -> None:
    found, learned = outcomes["rate"].metrics, len(data.load("embedded:digits").x_train) * 5 // 6
    assert found["bits_on_disk"] < found["bits_capacity"] == found["bits"] == 16
    assert found["bits_in_full"] == pytest.approx(
        found["bits_on_disk"] + found["bits_prior"] / learned
    )
    assert found["bits_prior"] == 8 * (
        2 * 16 * 2 * found["hidden"] + 2 * found["hidden"] + 2 * 16 * 2
    )
    assert found["hidden"] in (2, 4)


def test_what_is_stored_was_searched_for_and_is_not_the_likeliest(
    outcomes: dict[str, Outcome],
) -> None:
    found = outcomes["rate"].metrics
    assert {found[name] != found[f"{name}_unsearched"] for name in ("train", "held", "test")} == {
        True
    }


def test_no_code_searched_for_is_a_worse_trade_than_the_likeliest_and_most_are_better() -> None:
    """A trade at the cell's own rate: for one of distortion alone, whatever the bits, some code
    would be worse.
    """
    rng, x = torch.Generator().manual_seed(0), data.load("embedded:digits").x_train[:100]
    student, prior = CategoricalAutoencoder(16, 2, rng=rng).eval(), CodePrior(16, 2, 3, rng=rng)
    with torch.no_grad():
        prior.bias += torch.randn(prior.bias.shape, generator=rng)
    params = {"rate": 0.003, "tried": 4}
    codes = rates._searched(student, prior, params, x)(rng, lambda share: None)["codes"]
    likeliest = parts.encoded(student, x, None)
    after, before = (
        costs(student, some, as_float(x), prior=prior, rate=0.003) for some in (codes, likeliest)
    )
    assert bool((after <= before).all())
    assert float((after < before).float().mean()) > 0.5
    assert int(codes.ne(likeliest).sum(1).max()) <= 4


def test_every_model_beats_the_black_picture(outcomes: dict[str, Outcome]) -> None:
    """To which the absolute error alone would collapse."""
    black = float(data.load("embedded:digits").x_test.float().mean() / 255)
    assert {
        name: found.metrics["test"] < black for name, found in outcomes.items()
    } == dict.fromkeys(outcomes, True)


def test_the_pictures_kept_are_those_of_the_test_set(outcomes: dict[str, Outcome]) -> None:
    images = data.load("embedded:digits").x_test[: measures.SHOWN].float() / 255
    keeping = {name: found for name, found in outcomes.items() if found.arrays}
    assert set(outcomes) - set(keeping) == set(variational.MODELS)
    for name, found in keeping.items():
        kept = found.arrays["argmax" if name == "rate" else "drawn"].float() / 255
        own, others = (float((kept - of).abs().mean()) for of in (images, images.roll(1, 0)))
        assert own == pytest.approx(found.metrics["test"], rel=0.5), name
        assert own < others, name


@pytest.mark.parametrize("model", ["categorical", "rate"])
def test_a_killed_run_ends_as_one_that_was_not(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = {
        "categorical": Cell(
            {"model": "categorical", "c": 4, "l": 2, "passes": 1}, 0, "embedded:digits"
        ),
        "rate": rates.traded(
            4, 0.001, passes=1, tried=1, finish=1, data="embedded:digits", sizes="2", prior_passes=1
        ),
    }[model]
    monkeypatch.setattr(parts, "EVERY", 10)
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
    assert measures.entropy(codes, 4) == pytest.approx(2.0)
    assert measures.entropy(codes[:, :1] % 2, 2) == pytest.approx(1.0)


def test_distortion_is_the_mean_over_pixels_and_images() -> None:
    student = CategoricalAutoencoder(4, 2, rng=torch.Generator().manual_seed(0)).eval()
    x = torch.randint(
        256, (5, 1, 28, 28), generator=torch.Generator().manual_seed(1), dtype=torch.uint8
    )
    codes = student.encode(x.float() / 255)
    expected = float((student.decode(codes) - x.float() / 255).abs().mean())
    assert measures.distortion(student, codes, x) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("copies", "hidden"), [(0, 1), (1, 1), (6, 8)])
def test_the_larger_prior_is_taken_only_where_it_pays_for_itself(
    copies: int, hidden: int, tmp_path: Path
) -> None:
    """Independent fair bits have nothing to learn, one unit says that one bit repeats another, and
    six copies are worth eight units.
    """
    fair = torch.randint(
        2, (3000, 6), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    codes = torch.cat([fair, fair[:, :copies]], 1)
    params = {"sizes": "1 8", "prior_passes": 12}
    prior = predicted.fitted(
        {"train": codes, "held": codes[:500]}, 2, params, seed=0, context=context(tmp_path / "it")
    )
    assert len(prior.start) == hidden


def test_the_bytes_written_are_hardly_more_than_the_prior_says() -> None:
    rng = torch.Generator().manual_seed(0)
    prior, codes = (
        CodePrior(6, 2, 2, rng=rng),
        torch.randint(2, (3000, 6), generator=rng, dtype=torch.uint8),
    )
    with torch.no_grad():
        prior.bias += torch.randn(prior.bias.shape, generator=rng)
    told = predicted.written(prior.whole(), {"train": codes, "test": codes[:50]})
    said = predicted.bits_each(prior.whole(), codes)
    assert said <= told["bits_on_disk"] < said + 0.02 * 6
    assert told["bits_test"] == predicted.bits_each(prior.whole(), codes[:50])


def test_an_autoencoder_that_ships_loses_what_it_lost_when_recorded_and_drawn_codes_take_more_bits(
    tmp_path: Path,
) -> None:
    student = (
        CategoricalAutoencoder(8, 2, rng=torch.Generator().manual_seed(3)).half().float().eval()
    )
    recorded = {"autoencoder-8x2": student}
    found = {}
    for codes in ("argmax", "drawn"):
        params = {"model": "prior", "c": 8, "l": 2, "codes": codes, "sizes": "2", "prior_passes": 1}
        cell = Cell(params, 0, "embedded:digits+weights:autoencoder-8x2")
        declared = {
            "embedded:digits": data.load("embedded:digits").fingerprint,
            "weights:autoencoder-8x2": "it",
        }
        given = dataclasses.replace(
            context(tmp_path / codes), declared=declared, read_models=lambda _: recorded
        )
        found[codes] = compression.run(cell, given).metrics
    x = measures.divided(data.load("embedded:digits").x_train)[0]
    assert found["argmax"]["train"] == measures.distortion(
        student, parts.encoded(student, x, None), x
    )
    assert (
        found["argmax"]["bits_on_disk"] < found["drawn"]["bits_on_disk"]
    )  # noise cannot be predicted


@pytest.mark.parametrize(
    ("lost", "names"),
    [
        (0.01955, {"bits_at_0.0196", "bits_at_0.0407", "bits_at_0.0579"}),
        (0.01956, {"bits_at_0.0407", "bits_at_0.0579"}),
        (0.0408, {"bits_at_0.0579"}),
        (0.0579, set()),
    ],
)
def test_only_runs_at_a_published_distortion_have_the_bits_that_an_aim_asks_for(
    lost: float, names: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the training images that decide, as in the papers."""
    rng = torch.Generator().manual_seed(0)
    student, prior = CategoricalAutoencoder(4, 2, rng=rng), CodePrior(4, 2, 1, rng=rng).whole()
    sets = {
        name: torch.zeros(count, 1, 28, 28, dtype=torch.uint8)
        for name, count in (("train", 20), ("held", 19), ("test", 18))
    }
    monkeypatch.setattr(
        measures, "distortion", lambda student, codes, x: lost if len(x) == 20 else 0.0
    )
    monkeypatch.setattr(predicted, "fitted", lambda *_, **__: prior)
    codes = {name: torch.zeros(len(x), 4, dtype=torch.uint8) for name, x in sets.items()}
    found = rates._measured(
        student, codes, sets, Cell({}, 0, "none"), context(tmp_path / "it")
    ).metrics
    assert {name: bits for name, bits in found.items() if "_at_" in name} == dict.fromkeys(
        names, found["bits_on_disk"]
    )


def test_every_target_is_a_published_distortion() -> None:
    published = {
        int(row["c"]): float(row["distortion"])
        for row in _rows("recollections_distortion_categorical")
        if row["l"] == "2"
    }
    for variables, (level, name) in rates.TARGETS.items():
        assert level == published[variables]
        assert float(name) == pytest.approx(level, abs=0.00005 + 1e-9)


def test_every_aim_asks_a_cell_for_the_bits_at_its_target_and_the_dearest_bits_come_first() -> None:
    assert {key for key, _, _ in compression.STUDY.aims} == {
        "compression_168",
        "compression_62",
        "compression_38",
    }
    cells = [cell.params for cell in compression.cells("paper")]
    for key, metric, where in compression.STUDY.aims:
        assert where in cells
        assert metric == rates.reached(int(key.removeprefix("compression_")))
    for key in {key for key, _, _ in compression.STUDY.aims}:
        asked = [float(where["rate"]) for other, _, where in compression.STUDY.aims if other == key]
        assert asked == sorted(
            asked, reverse=True
        )  # the dearer a bit, the fewer: of those that reach it the first counts


def test_a_decoder_tuned_to_the_codes_that_are_stored_loses_less_and_the_encoder_stays(
    tmp_path: Path,
) -> None:
    rng = torch.Generator().manual_seed(0)
    student, x = CategoricalAutoencoder(8, 2, rng=rng), data.load("embedded:digits").x_train[:100]
    codes, encoder = (
        torch.randint(2, (100, 8), generator=rng, dtype=torch.uint8),
        student.encoder[0].weight.clone(),
    )
    before = measures.distortion(student, codes, x)
    rates.tuned(student, codes, x, passes=10, context=context(tmp_path), rng=rng)
    assert measures.distortion(student, codes, x) < before - 0.003
    torch.testing.assert_close(
        student.encoder[0].weight, encoder, rtol=1e-3, atol=1e-6
    )  # but for half precision


def test_what_is_learned_and_what_decides_are_apart_and_are_all() -> None:
    x = torch.arange(12)
    learned, held = measures.divided(x)
    assert learned.tolist() == list(range(10))
    assert held.tolist() == [10, 11]


def test_the_weights_that_ship_are_within_two_megabytes() -> None:
    halves = sum(2 * autoencoder_parameters(*code) for code in compression.SHIPPED)
    assert halves < 2e6
    assert set(compression.STUDY.makes) == {
        "autoencoder-38x2",
        "autoencoder-62x2",
        "autoencoder-168x2",
    }


def test_every_published_row_has_one_cell_at_paper_and_23_of_27_at_laptop() -> None:
    codes = {
        (int(row["c"]), int(row["l"])) for row in _rows("recollections_distortion_categorical")
    }
    assert set(compression.CODES) == codes
    assert {float(row["h"]) for row in _rows("recollections_distortion_continuous")} == set(
        compression.LATENTS
    )
    assert len(_first(compression.cells("laptop"))) == 23
    assert len(_first(compression.cells("paper"))) == 27
    sizes = [c * values for c, values in compression.CODES]
    assert sizes == sorted(sizes)


def test_colour_and_larger_pictures_are_counted_as_such(tmp_path: Path) -> None:
    small = {"model": "categorical", "c": 4, "l": 2, "passes": 1}
    jpeg = {"model": "jpeg", "quality": 10, "images": 20, "chroma": "4:2:0"}
    scenes = data.load("embedded:scenes")
    few = dataclasses.replace(scenes, x_train=scenes.x_train[:50], x_test=scenes.x_test[:20])
    for params in (small, jpeg):
        given = context(tmp_path / str(params["model"]))
        object.__setattr__(given, "load", lambda _: few)
        found = compression.run(Cell(params, 0, "embedded:scenes"), given)
        assert found.metrics["compression"] == 8 * 3 * 32 * 32 / found.metrics["bits"]
        assert found.arrays["drawn"].shape == (measures.SHOWN_IN_COLOR, 3, 32, 32)
        assert "held" not in found.metrics  # nothing is decided there


@pytest.mark.parametrize("profile", ["laptop", "paper"])
def test_the_pictures_of_all_cells_fit_what_a_study_may_store(profile: Profile) -> None:
    total = 0
    for cell in compression.cells(profile):
        channels, size, many = (
            (3, 32, measures.SHOWN_IN_COLOR) if cell.data == "cifar10" else (1, 28, measures.SHOWN)
        )
        model = cell.params["model"]
        kinds = (
            0
            if model in ("png", "lzma", *variational.MODELS) or cell.params.get("quality") == -1
            else 2
            if model == "categorical"
            else 1
        )
        total += kinds * many * channels * size * size + 1000
    assert total < 2_000_000


def test_a_codec_without_loss_records_none(tmp_path: Path) -> None:
    for params in ({"model": "png"}, {"model": "lzma"}, {"model": "webp", "quality": -1}):
        found = compression.run(
            Cell({**params, "images": 50}, 0, "embedded:digits"), context(tmp_path)
        )
        assert (found.metrics["train"], found.metrics["test"], dict(found.arrays)) == (0, 0, {})


def test_the_published_compression_is_that_of_whole_bits() -> None:
    for row in _rows("recollections_distortion_categorical"):
        whole = int(row["c"]) * math.ceil(math.log2(int(row["l"])))
        assert 8 * 784 / whole == pytest.approx(float(row["compression"]), abs=0.005)


def _first(cells: object) -> list[Cell]:
    return [
        cell
        for cell in cells
        if (cell.params["model"], cell.seed, cell.data) == ("categorical", 0, "mnist")
    ]  # type: ignore[attr-defined]


def _rows(table: str) -> list[dict[str, str]]:
    import csv

    path = Path(__file__).resolve().parents[4] / "book" / "published" / f"{table}.csv"
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def _killer(at: float):  # type: ignore[no-untyped-def]
    def report(done: float) -> None:
        if done >= at:
            raise KeyboardInterrupt

    return report
