from __future__ import annotations

import pytest
import torch

import distillery
from distillery.models.nade import NADE, columns
from distillery_book.results import records, store, trained
from made_records import record


def _recorded(folder, **changes) -> NADE:
    """A student of 250 hidden units in half precision, recorded as study rbm does."""
    student = (
        NADE(784, 250, rng=torch.Generator().manual_seed(1), order=columns(28, 28)).half().float()
    )
    tensors = {
        f"250.{name}": value.half()
        for name, value in student.state_dict().items()
        if name != "order"
    }
    name = store.put_weights(store.pack(tensors), results=folder)
    records.append(
        record(
            study="rbm",
            profile="paper",
            weights={"name": "nade-square_error", "hash": name},
            **changes,
        ),
        folder,
    )
    return student


def test_a_recorded_student_is_loaded_by_name_as_it_was_measured(tmp_path):
    student = _recorded(tmp_path)
    found = distillery.load("nade-250-square-error", tmp_path)
    x = (torch.rand(5, 784, generator=torch.Generator().manual_seed(0)) < 0.2).float()
    assert torch.equal(found.log_prob(x), student.log_prob(x))
    assert not found.training
    assert {value.dtype for value in found.parameters()} == {torch.float32}


def test_the_results_folder_of_the_environment_is_searched(tmp_path, monkeypatch):
    _recorded(tmp_path)
    monkeypatch.setenv("DISTILLERY_RESULTS", str(tmp_path))
    assert distillery.load("nade-250-square-error").hidden == 250


def test_an_unknown_model_is_refused_with_the_nearest_name_and_all_names(tmp_path):
    with pytest.raises(
        ValueError,
        match=(
            r"unknown trained model 'nade-100'; did you mean 'nade-1000'\? trained model can be:"
            r" .*nade-250"
        ),
    ):
        distillery.load("nade-100", tmp_path)


def test_a_model_that_is_not_recorded_says_which_study_makes_it(tmp_path):
    _recorded(tmp_path, data="embedded:digits")  # a stand-in's student is not the model asked for
    with pytest.raises(
        ValueError,
        match=(
            r"model 'nade-250-square-error' is not in .*: .* run `distillery study rbm --profile"
            r" paper` first$"
        ),
    ):
        distillery.load("nade-250-square-error", tmp_path)


def test_weights_without_that_model_list_what_they_hold(tmp_path):
    _recorded(tmp_path)
    with pytest.raises(
        ValueError,
        match=(
            r"the recorded tensors are 250\.U, .*; those of a NADE of 500 hidden units are needed"
        ),
    ):
        distillery.load("nade-500-square-error", tmp_path)


def test_without_a_results_folder_it_says_how_to_name_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISTILLERY_RESULTS", raising=False)
    with pytest.raises(
        ValueError,
        match=(
            r"no results folder: you are in no clone of the book; name one by \$DISTILLERY_RESULTS"
        ),
    ):
        distillery.load("nade-250")


def test_weights_of_several_studies_and_of_none_are_named_together():
    said = trained.missing(["nade-kl", "nowhere"], "laptop")
    assert (
        said
        == "weights 'nade-kl', 'nowhere' are not recorded yet; run `distillery study rbm --profile"
        " laptop` first; no study of the book makes 'nowhere'"
    )
