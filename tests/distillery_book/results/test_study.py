from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from distillery import data
from distillery_book.results.study import Cell, Context, Outcome, Study, check_profile


def test_an_unknown_profile_is_refused_with_the_nearest_name():
    assert check_profile("paper") == "paper"
    with pytest.raises(
        ValueError,
        match=(
            r"unknown profile 'labtop'; did you mean 'laptop'\? profile can be: smoke, laptop,"
            r" paper"
        ),
    ):
        check_profile("labtop")


@pytest.mark.parametrize("value", [None, [1], float("nan"), float("inf")])
def test_a_parameter_that_json_cannot_carry_is_refused_by_name(value):
    with pytest.raises(ValueError, match="'width'"):
        Cell({"width": value}, 0)


def test_a_seed_that_is_no_int_is_refused():
    with pytest.raises(ValueError, match=r"Cell.seed is 0\.5"):
        Cell({}, 0.5)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_metric_that_is_not_finite_is_refused_by_name(value):
    with pytest.raises(ValueError, match="metric 'loss' is"):
        Outcome({"accuracy": 0.5, "loss": value})


def test_a_departure_is_a_pair():
    with pytest.raises(ValueError, match="departure 'passes'"):
        Outcome({}, departures={"passes": [20]})


def test_a_cell_reads_as_its_parameters_seed_and_data():
    assert str(Cell({"width": 8, "kind": "a"}, 3, "mnist")) == "width=8 kind=a seed=3 data=mnist"


@pytest.mark.parametrize(
    ("name", "version"), [("One loop", 1), ("../up", 1), ("", 1), ("fine", 0), ("fine", True)]
)
def test_a_study_whose_name_is_no_file_or_whose_version_is_no_count_is_refused(name, version):
    with pytest.raises(ValueError, match=r"Study\.(name|version)"):
        Study(name, version, "", lambda profile: [], lambda cell, context: Outcome({}))


def test_a_study_whose_precision_does_not_exist_is_refused():
    with pytest.raises(ValueError, match=r"Study\.precision is 'half'; auto, float32 or float64"):
        Study(
            "fine", 1, "", lambda profile: [], lambda cell, context: Outcome({}), precision="half"
        )


def _context(**more) -> Context:
    return Context("smoke", torch.device("cpu"), None, Path("unused"), **more)


def test_a_context_reports_shares_between_nothing_and_all():
    heard: list[float] = []
    for done in (-1, 0.25, 7):
        _context(on_report=heard.append).report(done)
    _context().report(0.5)
    assert heard == [0.0, 0.25, 1.0]


def test_a_context_loads_only_what_its_cell_declares_with_the_fingerprint_it_was_started_with(
    monkeypatch,
):
    monkeypatch.setattr(
        data, "load", lambda name: SimpleNamespace(name=name, fingerprint="f" * 16), raising=False
    )
    assert _context().load("mnist").name == "mnist"
    assert _context(declared={"mnist": "f" * 16}).load("mnist").name == "mnist"
    with pytest.raises(
        ValueError, match=r"'omniglot' is not declared by this cell, whose Cell\.data is 'mnist'"
    ):
        _context(declared={"mnist": "f" * 16}).load("omniglot")
    with pytest.raises(ValueError, match="has fingerprint ffffffffffffffff here, but 0000"):
        _context(declared={"mnist": "0" * 16}).load("mnist")


def test_a_context_hands_over_only_the_models_whose_weights_its_cell_declares_by_their_fingerprint():
    context = _context(
        declared={"mnist": "1" * 16, "weights:nade": "2" * 16},
        read_models=lambda fingerprint: {"of": fingerprint},
    )
    assert context.models("nade") == {"of": "2" * 16}
    with pytest.raises(
        ValueError,
        match=(
            r"'weights:made' is not declared by this cell, whose Cell\.data is"
            r" 'mnist\+weights:nade'"
        ),
    ):
        context.models("made")
    with pytest.raises(ValueError, match="'weights:nade' is not declared"):
        _context().models("nade")
