"""Scenes in place of CIFAR: twenty groups of five, varied, and neither trivial nor hopeless."""

from __future__ import annotations

import torch

from distillery import data


def test_the_classes_are_even_and_the_coarse_labels_follow_from_the_fine() -> None:
    hundred, ten = data.load("embedded:scenes"), data.load("embedded:scenes10")
    for images in (hundred, ten):
        assert (len(images.x_train), len(images.x_test), images.shape) == (5000, 1000, (3, 32, 32))
        for y, n in ((images.y_train, 5000), (images.y_test, 1000)):
            assert y is not None
            assert torch.bincount(y).tolist() == [n // images.classes] * images.classes
    table = hundred.extras["fine_to_coarse"]
    assert torch.bincount(table).tolist() == [5] * 20
    assert torch.equal(table[hundred.y_train], hundred.extras["c_train"])
    assert torch.equal(table[hundred.y_test], hundred.extras["c_test"])
    assert hundred.label_names[:2] == ("disc", "ring")
    assert hundred.group_names[0] == "round signs"
    assert ten.label_names[0] == "round signs or polygons"


def test_no_image_is_in_both_sets() -> None:
    hundred, ten = (
        {x.numpy().tobytes() for x in data.load(name).x_train}
        for name in ("embedded:scenes", "embedded:scenes10")
    )
    assert len(hundred) == len(ten) == 5000
    assert not hundred & ten


def test_prefixes_are_mixed() -> None:
    y = data.load("embedded:scenes").y_train
    assert y is not None
    assert len(y[:300].unique()) > 85


def test_images_are_colourful_and_neither_dark_nor_burnt_out() -> None:
    x = data.as_float(data.load("embedded:scenes").x_train)
    assert ((x.mean(dim=(0, 2, 3)) - 0.5).abs() < 0.1).all()
    assert (x.std(dim=(0, 2, 3)) > 0.15).all()
    assert (x == 0).float().mean() < 0.05
    assert (x == 1).float().mean() < 0.05


def test_pixels_alone_say_something_about_the_class_and_far_from_everything() -> None:
    """The nearest class mean finds far more than one in a hundred, and far fewer than a small
    network would.
    """
    images = data.load("embedded:scenes")
    x, y = data.as_float(images.x_train).flatten(1), images.y_train
    assert y is not None
    middle = torch.stack([x[y == label].mean(0) for label in range(100)])
    nearest = torch.cdist(data.as_float(images.x_test).flatten(1), middle).argmin(1)
    accuracy = (nearest == images.y_test).float().mean()
    assert 0.1 < accuracy < 0.7
