"""Loading by name: what there is, what stands in for what, and what is said when there is nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from distillery import data
from distillery.data import catalog

REAL = ("mnist", "mnist_binarized", "omniglot", "cifar10", "cifar100")
GOLDEN = {
    "embedded:digits": "725c913d4ebf230e",
    "embedded:digits_binarized": "6b8bd5cba849cb2c",
    "embedded:glyphs": "212a45b258f7d91a",
    "embedded:scenes": "803852318b99b016",
    "embedded:scenes10": "dcc004c6c93f1aa3",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_stand_in_is_the_same_bit_for_bit_on_every_machine(name: str) -> None:
    assert data.fingerprint(name) == GOLDEN[name]


@pytest.mark.parametrize("name", GOLDEN)
def test_a_stand_in_keeps_the_promises_of_images(name: str) -> None:
    images = data.load(name)
    assert images.name == name
    for x, y in ((images.x_train, images.y_train), (images.x_test, images.y_test)):
        assert x.dtype == torch.uint8
        assert x.is_contiguous()
        assert x.shape[1:] == images.shape
        if y is not None:
            assert y.dtype == torch.int64
            assert len(y) == len(x)
            assert y.unique().tolist() == list(range(images.classes))
    for key, extra in images.extras.items():
        assert len(extra) == {"train": len(images.x_train), "test": len(images.x_test)}.get(
            key.split("_")[-1], len(extra)
        )


@pytest.mark.parametrize("name", GOLDEN)
def test_no_test_image_is_a_training_image(name: str) -> None:
    images = data.load(name)
    train, test = (
        {x.numpy().tobytes() for x in split} for split in (images.x_train, images.x_test)
    )
    assert not train & test


def test_a_set_is_made_once_a_process() -> None:
    assert data.load("embedded:digits") is data.load("embedded:digits")


def test_every_real_set_has_a_stand_in_of_the_same_image_shape_and_every_stand_in_is_used() -> None:
    shapes = {
        "mnist": (1, 28, 28),
        "mnist_binarized": (1, 28, 28),
        "omniglot": (1, 28, 28),
        "cifar10": (3, 32, 32),
        "cifar100": (3, 32, 32),
    }
    assert {name: data.load(stand_in).shape for name, stand_in in data.STAND_INS.items()} == shapes
    assert set(data.STAND_INS.values()) == set(GOLDEN)
    assert set(data.NAMES) == set(REAL) | set(GOLDEN)
    assert all(name.startswith("embedded:") for name in data.STAND_INS.values())


@pytest.mark.parametrize("name", REAL)
def test_only_smoke_takes_the_stand_in(name: str) -> None:
    assert data.for_profile(name, "smoke") == data.STAND_INS[name]
    assert data.for_profile(name, "laptop") == data.for_profile(name, "paper") == name


def test_data_that_a_study_makes_itself_has_the_name_and_fingerprint_none() -> None:
    assert (
        data.for_profile("none", "smoke")
        == data.for_profile("none", "paper")
        == data.fingerprint("none")
        == "none"
    )


def test_an_unknown_name_is_refused_with_all_names_and_the_nearest() -> None:
    with pytest.raises(
        ValueError,
        match=(
            r"'minst'; did you mean 'mnist'\? data set can be: mnist, mnist_binarized, omniglot,"
            r" .*embedded:scenes10"
        ),
    ):
        data.load("minst")
    with pytest.raises(ValueError, match="did you mean 'embedded:glyphs'"):
        data.load("glyphs")
    with pytest.raises(ValueError, match=r"'cifar'; did you mean 'cifar10'"):
        data.for_profile("cifar", "smoke")


def test_a_name_near_to_nothing_is_refused_without_a_guess() -> None:
    with pytest.raises(ValueError, match=r"'zzzzzz'; data set can be: mnist"):
        data.load("zzzzzz")


def test_an_unknown_profile_is_refused_with_the_nearest() -> None:
    with pytest.raises(
        ValueError, match=r"'smok'; did you mean 'smoke'\? profile can be: smoke, laptop, paper"
    ):
        data.for_profile("mnist", "smok")


def test_weights_are_not_loaded_as_images() -> None:
    with pytest.raises(ValueError, match="use load_rbm"):
        data.load("rbm_cd25_500")


def test_a_file_that_changed_is_read_anew_and_an_unchanged_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    original = catalog.real.read
    monkeypatch.setattr(
        catalog.real, "read", lambda name, path: reads.append(path) or original(name, path)
    )
    first, second = (_rbm_file(tmp_path, value) for value in (1.0, 2.0) for _ in [0])
    assert first != second
    assert data.fingerprint("rbm_cd25_500", tmp_path) == second
    assert len(reads) == 2


def test_writing_into_the_weights_changes_nobody_elses(tmp_path: Path) -> None:
    _rbm_file(tmp_path, 3.0)
    data.load_rbm(tmp_path).W.zero_()
    assert (data.load_rbm(tmp_path).W == 3).all()


def _rbm_file(folder: Path, value: float) -> str:
    np.savez(
        folder / "rbm_cd25_500.npz", W=np.full((784, 500), value), a=np.zeros(784), b=np.zeros(500)
    )
    return data.fingerprint("rbm_cd25_500", folder)
