from __future__ import annotations

import errno
import hashlib
import os

import pytest
import torch

from distillery.models import files
from distillery.models.files import Named
from distillery.models.logistic import MeanOfLogistics
from distillery_book.results import records, store
from made_records import record


def _put(tensors, folder, *, version: int = 1) -> str:
    return store.put_arrays(store.pack(tensors), study="walk", version=version, results=folder)


def _model(weight: float, inputs: int = 1) -> bytes:
    """A packed unit, whose weights are all the same."""
    return files.packed([Named("unit", MeanOfLogistics(torch.full((1, inputs), float(weight))))])


def _weight(models) -> float:
    return models["unit"].weights[0, 0].item()


def test_arrays_come_back_bit_for_bit_whatever_their_type(tmp_path):
    given = {
        "half": torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).to(torch.bfloat16),
        "turned": torch.arange(6.0).reshape(2, 3).T,
        "bytes": torch.arange(5, dtype=torch.uint8),
        "empty": torch.empty(0, 3),
    }
    found = store.arrays(record(arrays=_put(given, tmp_path)), tmp_path)
    assert found.keys() == given.keys()
    assert all(
        torch.equal(found[name], given[name]) and found[name].dtype == given[name].dtype
        for name in given
    )


def test_a_record_without_arrays_has_none(tmp_path):
    assert store.arrays(record(), tmp_path) == {}
    assert store.pack({}) == b""


def test_equal_tensors_are_one_file_named_by_their_hash(tmp_path):
    first, second = (
        _put({"a": torch.ones(9), "b": torch.zeros(2)}, tmp_path),
        _put({"b": torch.zeros(2), "a": torch.ones(9)}, tmp_path),
    )
    assert first == second
    assert [path.name for path in (tmp_path / "arrays").iterdir()] == [f"{first}.safetensors"]
    assert _put({"a": torch.ones(8)}, tmp_path) != first


def test_arrays_beyond_the_budget_of_their_study_are_refused_with_the_numbers(tmp_path):
    for version, size in ((1, 300_000), (2, 200_000)):
        name = _put({"a": torch.zeros(size)}, tmp_path, version=version)
        records.append(record(arrays=name, version=version), tmp_path)
    with pytest.raises(
        ValueError,
        match=(
            r"arrays of study 'walk' would take 2\.40 MB \(1\.20 MB stored, 1\.20 MB new\); 2 MB"
            r" are allowed"
        ),
    ):
        _put({"a": torch.ones(300_000)}, tmp_path)
    _put({"a": torch.ones(250_000)}, tmp_path, version=2)
    _put({"a": torch.zeros(300_000)}, tmp_path)  # what is stored already costs nothing


def test_weights_beyond_the_budget_of_all_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "WEIGHTS_BYTES", 10_000)
    name = store.put_weights(_model(0, 4000), results=tmp_path)
    records.append(record(study="other", weights={"name": "w", "hash": name}), tmp_path)
    with pytest.raises(ValueError, match=r"weights of all studies would take 0\.02 MB"):
        store.put_weights(_model(1, 4000), results=tmp_path)
    store.put_weights(_model(0, 4000), results=tmp_path)  # what is stored already costs nothing


def test_weights_are_loaded_by_name_the_newest_version_and_lowest_seed_first(tmp_path):
    for version, seed in ((1, 0), (2, 1), (2, 2)):
        name = store.put_weights(_model(10 * version + seed), results=tmp_path)
        records.append(
            record(version=version, seed=seed, weights={"name": "nade", "hash": name}), tmp_path
        )
    assert _weight(store.models("nade", tmp_path)) == 21
    with pytest.raises(ValueError, match=r"unknown stored weights 'made'; did you mean 'nade'\?"):
        store.models("made", tmp_path)


def test_weights_of_the_best_profile_count_first_and_those_trained_on_stand_ins_never(tmp_path):
    for profile, data, version in (
        ("paper", "mnist", 1),
        ("laptop", "mnist", 2),
        ("smoke", "mnist+embedded:digits", 3),
    ):
        name = store.put_weights(_model(version), results=tmp_path)
        records.append(
            record(
                profile=profile, data=data, version=version, weights={"name": "nade", "hash": name}
            ),
            tmp_path,
        )
        if profile == "paper":
            best = name
    assert store.recorded_weights(tmp_path) == {"nade": best}
    assert _weight(store.models("nade", tmp_path)) == 1


def test_weights_are_read_by_their_hash_where_the_results_folder_is(tmp_path):
    name = store.put_weights(_model(1), results=tmp_path / "here")
    assert _weight(store.read_models(name, tmp_path / "here")) == 1
    with pytest.raises(
        ValueError,
        match=(
            r"there/weights is not on this machine; workers of a cluster need the results folder at"
            r" the same path"
        ),
    ):
        store.read_models(name, tmp_path / "there")


def test_the_hash_of_weights_is_that_of_their_tensors_whatever_the_header_says(tmp_path):
    names = [
        store.put_weights(_model(3), results=tmp_path / where, about={"trained_on": where})
        for where in ("here", "there")
    ]
    alone = store.pack({"weights": torch.full((1, 1), 3.0).half()})
    assert set(names) == {hashlib.sha256(alone).hexdigest()[:16]}
    found = store.read_models(names[1], tmp_path / "there")["unit"]
    assert found.provenance == {"name": "unit", "trained_on": "there"}


def test_weights_that_are_not_those_of_their_name_are_refused(tmp_path):
    name, other = (store.put_weights(_model(w), results=tmp_path) for w in (1, 2))
    store.weights_path(other, tmp_path).replace(store.weights_path(name, tmp_path))
    with pytest.raises(ValueError, match=f"{name}.safetensors is damaged: its content has hash"):
        store.read_models(name, tmp_path)


def test_a_damaged_file_is_refused_by_name(tmp_path):
    name = _put({"a": torch.zeros(4)}, tmp_path)
    path = tmp_path / "arrays" / f"{name}.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(ValueError, match=f"{name}.safetensors is damaged"):
        store.arrays(record(arrays=name), tmp_path)
    path.unlink()
    with pytest.raises(ValueError, match=f"{name}.safetensors is missing"):
        store.arrays(record(arrays=name), tmp_path)


def test_a_full_disk_leaves_neither_arrays_nor_weights_nor_a_part_of_them(tmp_path, monkeypatch):
    packed = store.pack({"some": torch.arange(9)})
    earlier = store.put_arrays(packed, study="walk", version=1, results=tmp_path)
    before = (tmp_path / "arrays" / f"{earlier}.safetensors").read_bytes()

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    others = store.pack({"some": torch.arange(10)})
    with pytest.raises(OSError, match=r"safetensors cannot be written \(No space left on device"):
        store.put_arrays(others, study="walk", version=1, results=tmp_path)
    with pytest.raises(OSError, match=r"safetensors cannot be written \(No space left on device"):
        store.put_weights(_model(1.0), results=tmp_path)
    assert [path.name for path in tmp_path.rglob("*.*")] == [f"{earlier}.safetensors"]
    assert (tmp_path / "arrays" / f"{earlier}.safetensors").read_bytes() == before
