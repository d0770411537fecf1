"""Digits in place of MNIST: of its form and look, split by hand, and learnable."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from distillery import data
from distillery.data.embedded import digits as embedded_digits


def test_the_form_is_mnists() -> None:
    found = embedded_digits.arrays()
    shapes = {name: (array.dtype.name, array.shape) for name, array in found.items()}
    assert shapes == {
        "x_train": ("uint8", (4000, 28, 28)),
        "y_train": ("uint8", (4000,)),
        "x_test": ("uint8", (797, 28, 28)),
        "y_test": ("uint8", (797,)),
    }


def test_digits_are_light_on_black_with_soft_edges_and_an_empty_border() -> None:
    x = data.load("embedded:digits").x_train
    assert (x[:, :, [0, -1]].float().mean() + x[..., [0, -1]].float().mean()) < 0.5
    assert (x.amax(dim=(1, 2, 3)) > 200).all()
    share = {
        "black": (x == 0).float().mean(),
        "soft": ((x > 0) & (x < 255)).float().mean(),
        "white": (x == 255).float().mean(),
    }
    assert 0.7 < share["black"] < 0.85
    assert 0.08 < share["soft"] < 0.2
    assert 0.05 < share["white"] < 0.15


def test_no_test_digit_is_derived_from_a_training_digit() -> None:
    """The test images are the last 797 digits of the source as they are, and the source holds none
    of them twice.
    """
    source, _ = embedded_digits._source()
    still = embedded_digits.enlarge(source, np.zeros((len(source), 6)))
    images = data.load("embedded:digits")
    assert np.array_equal(images.x_test[:, 0].numpy(), still[1000:])
    train = {x.numpy().tobytes() for x in images.x_train[:, 0]}
    assert {x.tobytes() for x in still[:1000]} <= train
    assert not {x.tobytes() for x in still[1000:]} & train
    assert len({x.tobytes() for x in load_digits().images}) == 1797


def test_an_enlarged_digit_shrinks_back_to_its_source() -> None:
    """Averaged over 8x8 cells, the enlarged image says where the ink of the 8x8 original was."""
    source, _ = embedded_digits._source()
    large = embedded_digits.enlarge(source[:200], np.zeros((200, 6))).astype(float)
    rows, columns = (
        np.floor(3.5 + 0.5 + scale * (np.arange(28) - 13.5) * 8 / 21).astype(int).clip(-1, 8)
        for scale in (1, 0.9)
    )
    cells = np.zeros((200, 10, 10))
    np.add.at(cells, (slice(None), rows[:, None] + 1, columns[None, :] + 1), large)
    correlation = [
        np.corrcoef(a[1:-1, 1:-1].ravel(), b.ravel())[0, 1]
        for a, b in zip(cells, source[:200], strict=True)
    ]
    assert np.median(correlation) > 0.85


def test_binarized_pixels_are_ink_with_the_probability_that_their_grey_says() -> None:
    grey, bits = (
        data.load("embedded:digits").x_train,
        data.load("embedded:digits_binarized").x_train,
    )
    assert set(bits.unique().tolist()) == {0, 255}
    assert not bits[grey == 0].any()
    assert (bits[grey == 255] == 255).all()
    middle = (grey > 100) & (grey < 155)
    p = grey[middle].double() / 255
    error = (p * (1 - p)).sum().sqrt() / middle.sum()
    assert abs((bits[middle] / 255).double().mean() - p.mean()) < 4 * error


def test_nineteen_of_twenty_test_digits_are_named_by_the_nearest_training_digit() -> None:
    images = data.load("embedded:digits")
    model = KNeighborsClassifier(1).fit(images.x_train.flatten(1).numpy(), images.y_train.numpy())
    assert model.score(images.x_test.flatten(1).numpy(), images.y_test.numpy()) > 0.95
