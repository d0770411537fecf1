"""The real sets, where they are on this machine: known sums of what is known about them."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from distillery import data
from distillery.data import download
from distillery.data.tasks import alphabets, index_blocks, superclasses

pytestmark = pytest.mark.realdata
SIZES = {
    "mnist": (60000, 10000, (1, 28, 28), 10),
    "mnist_binarized": (60000, 10000, (1, 28, 28), 0),
    "omniglot": (29214, 3246, (1, 28, 28), 1623),
    "cifar10": (50000, 10000, (3, 32, 32), 10),
    "cifar100": (50000, 10000, (3, 32, 32), 100),
}


@pytest.mark.parametrize("name", SIZES)
def test_a_real_set_has_its_published_size(name: str) -> None:
    images = data.load(name)
    assert (len(images.x_train), len(images.x_test), images.shape, images.classes) == SIZES[name]
    assert images.x_train.is_contiguous()


def test_mnist_is_mnist_byte_for_byte() -> None:
    """The file train-images-idx3-ubyte, its sixteen bytes of header included, has this md5."""
    header = b"".join(number.to_bytes(4, "big") for number in (2051, 60000, 28, 28))
    content = header + data.load("mnist").x_train.numpy().tobytes()
    assert hashlib.md5(content).hexdigest() == "6bbc9ace898e44ae57da46a324031adb"


def test_binarized_pixels_are_black_or_white() -> None:
    assert data.load("mnist_binarized").x_test.unique().tolist() == [0, 255]


def test_cifar100s_channel_means_and_coarse_labels_are_the_known_ones() -> None:
    images = data.load("cifar100")
    assert data.as_float(images.x_train).mean(dim=(0, 2, 3)).tolist() == pytest.approx(
        [0.50708, 0.48655, 0.44092], abs=1e-5
    )
    table = images.extras["fine_to_coarse"]
    assert images.y_train is not None
    assert torch.equal(table[images.y_train], images.extras["c_train"])
    assert table.tolist() == [int(group) for group in download._GROUP_OF.split()]
    assert images.group_names == tuple(download._GROUPS.split())


def test_the_rbm_gives_the_black_image_its_known_log_density() -> None:
    """log of the unnormalised probability of v = 0 is the sum of log(1 + exp(b)): 436.49 in
    Papamakarios (2015).
    """
    assert float(torch.nn.functional.softplus(data.load_rbm().b).sum()) == pytest.approx(
        436.494, abs=5e-4
    )


def test_the_rbm_gives_the_binarized_test_images_their_known_log_probability() -> None:
    weights = data.load_rbm()
    v = data.as_float(data.load("mnist_binarized").x_test).flatten(1).double()
    log_density = v @ weights.a + torch.nn.functional.softplus(v @ weights.W + weights.b).sum(1)
    assert float(log_density.mean() - 451.28) == pytest.approx(-86.354, abs=1e-3)


def test_omniglots_class_ids_alphabets_and_drawers_are_consistent() -> None:
    images = data.load("omniglot")
    for part, drawings in (("train", 18), ("test", 2)):
        y = images.y_train if part == "train" else images.y_test
        assert y is not None
        assert torch.bincount(y).tolist() == [drawings] * 1623
        assert torch.equal(images.extras[f"class_id_{part}"], y + 1)
    assert images.group_names[3] == "Armenian"
    assert images.label_names[26] == "Armenian 1"


def test_the_published_streams_have_their_tasks() -> None:
    cifar = data.load("cifar100")
    by_alphabet = alphabets(data.load("omniglot"))
    assert [len(task.x_train) for task in superclasses(cifar)] == [2500] * 20
    assert superclasses(cifar)[0].name == "aquatic_mammals"
    assert index_blocks(cifar)[0].classes == (0, 1, 2, 3, 4)
    assert len(by_alphabet) == 50
    assert [len(task.classes) for task in by_alphabet[:4]] == [20, 29, 26, 41]
    assert sum(len(task.classes) for task in by_alphabet) == 1623


@pytest.mark.parametrize("name", [*SIZES, "rbm_cd25_500"])
def test_a_real_sets_fingerprint_has_sixteen_hexadecimal_digits_of_its_own(name: str) -> None:
    found = data.fingerprint(name)
    assert len(found) == 16
    assert int(found, 16) >= 0
    assert np.unique([data.fingerprint(other) for other in (*SIZES, "rbm_cd25_500")]).size == 6
