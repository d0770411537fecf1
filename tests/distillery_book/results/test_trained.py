from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import distillery
from distillery.models import files
from distillery.models.files import Named
from distillery.models.nade import NADE, columns
from distillery_book.results import records, registry, store, trained
from made_records import record


def _recorded(folder: Path, **changes) -> NADE:
    """A student of 250 hidden units in half precision, recorded as study rbm does."""
    student = (
        NADE(784, 250, rng=torch.Generator().manual_seed(1), order=columns(28, 28)).half().float()
    )
    packed = files.packed([Named("nade-250-square-error", student, "250.")])
    key = store.put_weights(packed, results=folder)
    weights = {"name": "nade-square_error", "hash": key}
    records.append(record(study="rbm", profile="paper", weights=weights, **changes), folder)
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
    _recorded(tmp_path)
    with pytest.raises(
        ValueError,
        match=(
            r"unknown trained model 'nade-250'; did you mean 'nade-250-square-error'\? trained"
            r" model can be: nade-250-square-error$"
        ),
    ):
        distillery.load("nade-250", tmp_path)


def test_a_student_of_stand_ins_is_not_the_model_asked_for(tmp_path):
    _recorded(tmp_path, data="embedded:digits")
    with pytest.raises(ValueError, match=r"unknown trained model .*: \(none exist\)"):
        distillery.load("nade-250-square-error", tmp_path)


def test_a_file_that_says_nothing_of_its_models_is_left_out_with_a_warning(tmp_path):
    _recorded(tmp_path)
    key = store.put_weights(
        files.packed([Named("other", NADE(4, 2, rng=torch.Generator()))]), results=tmp_path
    )
    path = store.weights_path(key, tmp_path)
    path.write_bytes(files.pack(files.tensors_in(path.read_bytes(), "it")))
    records.append(record(seed=1, weights={"name": "bare", "hash": key}), tmp_path)
    with pytest.warns(UserWarning, match=r"weights 'bare' are left out: .* no file of models"):
        assert list(trained.files(tmp_path)) == ["nade-250-square-error"]


def test_without_a_results_folder_it_says_that_it_is_no_file_and_how_to_name_a_folder(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISTILLERY_RESULTS", raising=False)
    with pytest.raises(
        ValueError,
        match=(
            r"'nade-250' is no file, and no results folder: you are in no clone of the book; name"
            r" one by \$DISTILLERY_RESULTS"
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


def test_every_file_of_weights_verifies_and_packed_again_it_is_the_same_file():
    """What a study would store today of these models has the hash that its record names."""
    folder = records.results_folder()
    named = [r for r in records.read(None, folder) if r.weights]
    keys = {r.weights["hash"] for r in named}
    assert keys == {path.stem for path in (folder / "weights").iterdir()}
    for found in named:
        path = store.weights_path(found.weights["hash"], folder)
        said, models = files.contents(path), store.read_models(path.stem, folder)
        again = [Named(name, model, said.models[name].prefix) for name, model in models.items()]
        assert files.packed(again, said.about) == path.read_bytes()
        assert said.about == store.provenance(found)


def test_every_recorded_file_of_weights_is_one_that_a_study_says_it_makes():
    assert set(store.recorded_weights(records.results_folder())) <= set(registry.makers())


def test_no_study_is_imported_to_load_a_model():
    script = (
        "import sys, distillery; distillery.load('nade-250');"
        " print([name for name in sys.modules if name.startswith('distillery_book.chapters')])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
