"""The training of long codes, and what is measured of other data sets' codes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from distillery import data
from distillery.losses import AbsoluteError
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.storage import simple_bits
from distillery.tools.compress import recipes as parts
from distillery_book.chapters.compression import compression, measures
from distillery_book.results.study import Cell, Context, Outcome

LONG = {"batch": 25, "adam_rate": 0.005, "adam_epsilon": 1e-5, "temperature": 0.1}


def context(folder: Path) -> Context:
    folder.mkdir(exist_ok=True)
    return Context("smoke", torch.device("cpu"), None, folder)


def trained(folder: Path, **recipe: float) -> tuple[CategoricalAutoencoder, int]:
    student = CategoricalAutoencoder(4, 2, rng=torch.Generator().manual_seed(0))
    x, rng = data.load("embedded:digits").x_train[:100], torch.Generator().manual_seed(1)
    losses = parts.trained(student, x, 4, context(folder), rng=rng, recipe=parts.Recipe(**recipe))  # type: ignore[arg-type]
    return student, len(losses)


def test_codes_of_more_than_150_bits_have_the_long_recipe_and_60_passes_and_no_other_code_of_mnist_has() -> (
    None
):
    own = [
        cell
        for cell in compression.cells("paper")
        if cell.params["model"] == "categorical" and cell.data == "mnist"
    ]
    for cell in own:
        bits = simple_bits(int(cell.params["c"]), int(cell.params["l"]))
        assert {name: cell.params.get(name) for name in LONG} == (
            LONG if bits > 150 else dict.fromkeys(LONG)
        )
        assert cell.params["passes"] == (60 if bits > 150 else 20)


def test_smaller_batches_are_more_steps(tmp_path: Path) -> None:
    assert [trained(tmp_path / str(batch), batch=batch)[1] for batch in (50, 25)] == [8, 16]


@pytest.mark.parametrize("change", [{"rate": 0.005}, {"temperature": 0.1}, {"epsilon": 1e-4}])
def test_another_rate_or_temperature_trains_another_network(
    change: dict[str, float], tmp_path: Path
) -> None:
    usual, same, other = (
        trained(tmp_path / name, **how)[0] for name, how in (("a", {}), ("b", {}), ("c", change))
    )
    weights = [student.encoder[0].weight for student in (usual, same, other)]
    assert weights[0].equal(weights[1])
    assert not weights[0].equal(weights[2])


def test_the_first_loss_has_the_papers_temperature_whatever_the_second_has(tmp_path: Path) -> None:
    """At a share of 0 for the second loss the temperature changes nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "ABSOLUTE", 0.0)
        weights = [
            trained(tmp_path / str(t), temperature=t)[0].encoder[0].weight for t in (1.0, 0.1)
        ]
    assert weights[0].equal(weights[1])


def test_the_temperature_falls_to_the_last_by_the_same_factor_each_time() -> None:
    found = parts.Recipe(temperature=0.1).temperatures()
    assert found[0] == 1
    assert found[-1] == pytest.approx(0.1)
    assert [later / before for before, later in pairwise(found)] == pytest.approx(
        [0.1 ** (1 / 7)] * 7
    )


@pytest.mark.parametrize("steps", [1, 5, 16, 1000])
@pytest.mark.parametrize("recipe", [parts.USUAL, parts.LONG])
def test_the_stretches_of_a_training_follow_one_another_to_its_end(
    recipe: parts.Recipe, steps: int
) -> None:
    phases = parts._phases(recipe, AbsoluteError(), steps)
    assert [phases[0][2], *(phase[3] for phase in phases)] == [
        0,
        *(phase[2] for phase in phases[1:]),
        steps,
    ]
    assert sum(phase[3] - phase[2] for phase in phases if phase[0] == "entropy") == steps - round(
        steps / 2
    )


def test_a_killed_training_of_falling_temperature_ends_as_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = {"model": "categorical", "c": 4, "l": 2, "passes": 1, "temperature": 0.1}
    cell, done = Cell(params, 0, "embedded:digits"), []
    monkeypatch.setattr(parts, "EVERY", 3)
    whole = compression.run(cell, context(tmp_path / "whole"))

    def killed(share: float) -> None:
        done.append(share)
        if share > 0.7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compression.run(cell, replace(context(tmp_path / "broken"), on_report=killed))
    assert max(done) < 0.9
    assert compression.run(cell, context(tmp_path / "broken")).metrics == whole.metrics


def test_whatever_is_not_the_papers_recipe_is_recorded_as_a_departure() -> None:
    always = {"optimizer": ["constant rate", "one cycle"], "losses": ["with KL", "then L1"]}
    assert measures.departures(500, "mnist") == always
    assert measures.departures(500, "mnist", parts.Recipe(temperature=0.1)) == {
        **always,
        "temperature": [1.0, 0.1],
    }
    assert measures.departures(60, "mnist", parts.LONG) == {
        **always,
        "passes": [500, 60],
        "temperature": [1.0, 0.1],
    }


@pytest.fixture(scope="module")
def glyphs(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    params = {"model": "categorical", "c": 12, "l": 2, "passes": 1, "sizes": "2", "prior_passes": 2}
    return compression.run(
        Cell(params, 0, "embedded:glyphs"), context(tmp_path_factory.mktemp("glyphs"))
    )


def test_other_sets_have_no_image_held_out_and_their_likeliest_codes_are_written_under_a_prior(
    glyphs: Outcome,
) -> None:
    found, learned = glyphs.metrics, len(data.load("embedded:glyphs").x_train)
    assert "held" not in found
    assert found["bits_on_disk"] < found["bits_capacity"] == 12
    assert found["bits_in_full"] == pytest.approx(
        found["bits_on_disk"] + found["bits_prior"] / learned
    )


def test_every_code_of_omniglot_and_cifar_has_a_prior() -> None:
    others = [
        cell
        for cell in compression.cells("paper")
        if cell.params["model"] == "categorical" and cell.data != "mnist"
    ]
    assert len(others) == sum(map(len, compression.OTHERS.values())) == 8
    assert {cell.params["sizes"] for cell in others} == {"4 8 16 32 64"}
