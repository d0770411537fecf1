"""Streams of tasks: every example in one task, every class in one task, in the published order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from distillery import data
from distillery.data.tasks import Task, alphabets, index_blocks, random_blocks, superclasses


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


STREAMS: dict[str, tuple[str, Callable[[data.Images], list[Task]]]] = {
    "superclasses": ("embedded:scenes", superclasses),
    "index": ("embedded:scenes", index_blocks),
    "random": ("embedded:scenes", lambda images: random_blocks(images, rng())),
    "alphabets": ("embedded:glyphs", alphabets),
    "alphabets at random": ("embedded:glyphs", lambda images: alphabets(images, rng())),
}


@pytest.mark.parametrize("stream", STREAMS)
def test_every_class_and_every_example_is_in_exactly_one_task(stream: str) -> None:
    name, cut = STREAMS[stream]
    images = data.load(name)
    tasks = cut(images)
    assert sorted(c for task in tasks for c in task.classes) == list(range(images.classes))
    for task in tasks:
        assert task.y_train.unique().tolist() == task.y_test.unique().tolist() == list(task.classes)
    everything = sorted(x.numpy().tobytes() for x in torch.cat([images.x_train, images.x_test]))
    assert (
        sorted(
            x.numpy().tobytes() for task in tasks for x in torch.cat([task.x_train, task.x_test])
        )
        == everything
    )
    assert len({task.name for task in tasks}) == len(tasks) == 20


@pytest.mark.parametrize("stream", ["superclasses", "index", "random", "alphabets"])
def test_examples_keep_their_split_and_their_order(stream: str) -> None:
    name, cut = STREAMS[stream]
    images = data.load(name)
    for task in cut(images):
        for x, y, all_x, all_y in (
            (task.x_train, task.y_train, images.x_train, images.y_train),
            (task.x_test, task.y_test, images.x_test, images.y_test),
        ):
            chosen = torch.tensor([int(label) in task.classes for label in all_y])
            assert torch.equal(x, all_x[chosen])
            assert torch.equal(y, all_y[chosen])


def test_superclasses_are_the_coarse_labels_in_order_under_their_names() -> None:
    images = data.load("embedded:scenes")
    tasks = superclasses(images)
    assert tuple(task.name for task in tasks) == images.group_names
    for group, task in enumerate(tasks):
        assert torch.equal(task.x_train, images.x_train[images.extras["c_train"] == group])
        assert torch.equal(task.x_test, images.x_test[images.extras["c_test"] == group])
        assert len(task.classes) == 5


def test_index_blocks_are_gems() -> None:
    tasks = index_blocks(data.load("embedded:scenes"))
    assert [task.classes for task in tasks] == [tuple(range(i, i + 5)) for i in range(0, 100, 5)]
    assert tasks[1].name == "classes 5-9"
    assert [task.classes for task in index_blocks(data.load("embedded:digits"), 2)] == [
        (0, 1),
        (2, 3),
        (4, 5),
        (6, 7),
        (8, 9),
    ]


def test_random_blocks_follow_their_generator() -> None:
    images = data.load("embedded:scenes")
    blocks = [[task.classes for task in random_blocks(images, rng(seed))] for seed in (0, 0, 1)]
    assert blocks[0] == blocks[1] != blocks[2]
    assert blocks[0] != [task.classes for task in index_blocks(images)]


def test_a_tenth_of_each_characters_drawings_is_for_testing_and_every_hand_tests() -> None:
    images = data.load("embedded:glyphs")
    for y, drawings in ((images.y_train, 18), (images.y_test, 2)):
        assert y is not None
        assert torch.bincount(y).tolist() == [drawings] * 400
    for alphabet in range(20):
        hands = images.extras["drawer_test"][images.extras["alphabet_test"] == alphabet]
        assert torch.bincount(hands, minlength=21)[1:].tolist() == [2] * 20


def test_a_random_split_of_drawings_holds_out_as_many_of_each_character_and_follows_its_generator() -> (
    None
):
    images = data.load("embedded:glyphs")
    first, again, other = (
        [task.x_test for task in alphabets(images, rng(seed))] for seed in (0, 0, 1)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    for task in alphabets(images, rng()):
        assert torch.bincount(task.y_test)[list(task.classes)].tolist() == [2] * 20
        assert torch.bincount(task.y_train)[list(task.classes)].tolist() == [18] * 20


def test_a_random_split_holds_out_every_drawing_equally_often() -> None:
    images = data.load("embedded:glyphs")
    first = images.y_train == 0
    drawings = [
        x.numpy().tobytes()
        for x in torch.cat([images.x_train[first], images.x_test[images.y_test == 0]])
    ]
    stream, runs = rng(), 60
    counts = dict.fromkeys(drawings, 0)
    for _ in range(runs):
        task = alphabets(images, stream)[0]
        for x in task.x_test[task.y_test == 0]:
            counts[x.numpy().tobytes()] += 1
    assert sum(counts.values()) == 2 * runs
    assert max(abs(count - runs / 10) for count in counts.values()) < 5 * (runs * 0.1 * 0.9) ** 0.5


def test_images_without_groups_are_refused_with_what_has_them() -> None:
    digits = data.load("embedded:digits")
    with pytest.raises(
        ValueError, match="embedded:digits has no superclasses; cifar100 and embedded:scenes have"
    ):
        superclasses(digits)
    with pytest.raises(
        ValueError, match="embedded:digits has no alphabets; omniglot and embedded:glyphs have"
    ):
        alphabets(digits)


@pytest.mark.parametrize("size", [0, -1, 3])
def test_a_block_size_that_does_not_divide_the_classes_is_refused(size: int) -> None:
    with pytest.raises(
        ValueError, match=rf"size is {size}; it must divide the 10 classes of embedded:digits"
    ):
        index_blocks(data.load("embedded:digits"), size)


def test_images_without_labels_make_no_tasks() -> None:
    with pytest.raises(ValueError, match="must divide the 0 classes of embedded:digits_binarized"):
        index_blocks(data.load("embedded:digits_binarized"))


@pytest.mark.parametrize("label", [-1, 100])
@pytest.mark.parametrize("cut", [superclasses, index_blocks])
def test_a_label_that_has_no_name_is_refused_with_the_range(
    label: int, cut: Callable[[data.Images], list[Task]]
) -> None:
    images = data.load("embedded:scenes")
    assert images.y_test is not None
    y = images.y_test.clone()
    y[7] = label
    low, high = min(label, 0), max(label, 99)
    with pytest.raises(
        ValueError,
        match=f"y_test of embedded:scenes reaches from {low} to {high}: labels from 0 to 99, one",
    ):
        cut(replace(images, y_test=y))


def test_a_character_that_nobody_tests_stays_for_training_when_drawings_are_split_anew() -> None:
    images = data.load("embedded:glyphs")
    assert images.y_test is not None
    tested = images.y_test < 399  # the last character is left out
    extras = {
        name: value[tested] if name.endswith("_test") else value
        for name, value in images.extras.items()
    }
    fewer = replace(
        images, x_test=images.x_test[tested], y_test=images.y_test[tested], extras=extras
    )
    last = alphabets(fewer, rng())[-1]
    assert int((last.y_train == 399).sum()) == 18
    assert not (last.y_test == 399).any()
