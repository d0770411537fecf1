"""Chapter 3: memories, students side by side, distances, and the tables that they answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.mlp import MLP
from distillery.support.place import Bench
from distillery_book.chapters.transfer import memories, neighbours, setting, students, transfer
from distillery_book.results import published
from distillery_book.results.study import WEIGHTS


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def sources() -> memories.Sources:
    """Two hundred random pictures of ten classes, an untrained teacher, an untrained autoencoder."""
    x = torch.randint(256, (200, 1, 28, 28), generator=rng()).to(torch.uint8)
    y = torch.arange(200) % 10
    codec = CategoricalAutoencoder(8, 2, rng=rng()).eval()
    return memories.Sources(x, y, MLP((784, 10), rng=rng()), {"100x": codec})


def test_a_subset_keeps_its_share_of_the_pictures_with_their_labels(
    sources: memories.Sources,
) -> None:
    memory = sources.memory("tenth", count=0, rng=rng())
    assert memory.labels is not None
    assert len(memory.pictures) == len(memory.labels) == 20
    matches = (memory.pictures[:, None] == sources.x[None]).flatten(2).all(-1)
    assert torch.equal(matches.sum(1), torch.ones(20).long())
    assert torch.equal(sources.y[matches.long().argmax(1)], memory.labels)


def test_a_buffer_recalls_every_picture_by_its_own_code(sources: memories.Sources) -> None:
    memory = sources.memory("buffer 100x", count=0, rng=rng(1))
    codec = sources.autoencoders["100x"]
    codes = codec.encode(sources.x.float() / 255, rng=rng(1))
    with torch.no_grad():
        decoded = (codec.decode(codes) * 255).round().to(torch.uint8)
    assert torch.equal(memory.pictures, decoded)
    assert memory.labels is sources.y


def test_random_codes_have_no_labels_and_are_as_many_as_asked(sources: memories.Sources) -> None:
    memory = sources.memory("code 100x", count=37, rng=rng())
    assert (len(memory.pictures), memory.labels) == (37, None)


def test_answers_are_the_teachers_logits_or_stand_for_labels(sources: memories.Sources) -> None:
    memory = sources.memory("real", count=0, rng=rng())
    taught = sources.answered(memory, "teacher")
    with torch.no_grad():
        assert torch.allclose(taught, sources.teacher(sources.x.float() / 255), atol=1e-5)
    labelled = sources.answered(memory, "labels").softmax(-1)
    assert torch.equal(labelled.argmax(-1), sources.y)
    assert torch.equal(labelled.amax(-1), torch.ones(200))


def test_the_nearest_training_image_is_found_by_comparing_all() -> None:
    training = torch.randint(256, (50, 1, 4, 4), generator=rng()).to(torch.uint8)
    pictures = torch.randint(256, (70, 1, 4, 4), generator=rng(1)).to(torch.uint8)
    pictures[3] = training[41]
    apart = (pictures[:, None].int() - training[None].int()).abs().flatten(2).double().mean(-1)
    found = neighbours.nearest(pictures, training)
    assert torch.allclose(found, apart.amin(1) / 255)
    assert found[3] == 0


def _easy() -> tuple[Tensor, Tensor]:
    """Pictures that are dark or bright, and which they are."""
    y = torch.arange(200) % 2
    return (255 * y).view(-1, 1, 1, 1).expand(200, 1, 4, 4).to(torch.uint8), y


def test_students_learn_side_by_side_and_the_held_out_images_choose_the_rate(
    tmp_path: Path,
) -> None:
    x, y = _easy()
    right = memories.labels_as_logits(y, 2)
    columns = {"true": (x, right), "lies": (x, right.flip(1))}
    place = Bench(torch.device("cpu"), None, tmp_path, lambda done: None)
    measured = {"test": (x, y), "held": (x, 1 - y)}
    metrics, right, *_ = students.taught(students.Course("mlp", 100, 0), columns, measured, place)
    assert right == {}  # a hundred episodes are too few to compare image by image
    assert metrics["test_0.001_true_100"] == 1
    assert metrics["test_0.001_lies_100"] == 0
    for column in columns:
        held = {rate: metrics[f"held_{rate:g}_{column}_100"] for rate in students.RATES}
        best = max(held, key=lambda rate: held[rate])
        assert metrics[f"rate_{column}_100"] == best
        assert metrics[f"accuracy_{column}_100"] == metrics[f"test_{best:g}_{column}_100"]


def test_a_column_learns_the_same_whatever_stands_beside_it(tmp_path: Path) -> None:
    x, y = _easy()
    column, other = (x, memories.labels_as_logits(y, 2)), (x.flip(0), torch.zeros(200, 2))
    measured = {"test": (x, y), "held": (x, y)}
    runs = []
    for name, columns in (("alone", {"it": column}), ("beside", {"it": column, "other": other})):
        (tmp_path / name).mkdir()
        place = Bench(torch.device("cpu"), None, tmp_path / name, lambda done: None)
        course = students.Course("mlp", 10, 3)
        runs.append(students.taught(course, columns, measured, place).metrics)
    assert all(runs[1][key] == value for key, value in runs[0].items())


def test_it_is_kept_which_test_images_each_student_answers_rightly(tmp_path: Path) -> None:
    x, y = _easy()
    columns = {"true": (x, memories.labels_as_logits(y, 2))}
    mixed = torch.where(torch.arange(200) < 50, 1 - y, y)  # a quarter of the labels are false
    place = Bench(torch.device("cpu"), None, tmp_path, lambda done: None)
    measured = {"test": (x, mixed), "held": (x, y)}
    metrics, right, *_ = students.taught(students.Course("mlp", 1000, 0), columns, measured, place)
    answered = torch.from_numpy(np.unpackbits(right["true"].numpy(), axis=1)[:, :200])
    assert torch.equal(answered[0].bool(), torch.arange(200) >= 50)
    assert metrics["accuracy_true_1000"] == 0.75


def test_the_students_that_come_back_are_those_of_the_better_rate(tmp_path: Path) -> None:
    x, y = _easy()
    right = memories.labels_as_logits(y, 2)
    columns = {"true": (x, right), "lies": (x, right.flip(1))}
    place = Bench(torch.device("cpu"), None, tmp_path, lambda done: None)
    mixed = torch.where(torch.arange(200) < 90, 1 - y, y)  # by which the two rates differ
    measured = {"test": (x, y), "held": (x, mixed)}
    taught = students.taught(students.Course("mlp", 100, 0), columns, measured, place)
    assert list(taught.students) == list(columns)
    for name, student in taught.students.items():
        share = setting.share_right(student, x, y)
        assert share == taught.metrics[f"accuracy_{name}_100"]


def test_one_student_is_kept_by_name() -> None:
    kept = [cell for cell in transfer.cells("paper") if transfer._is_kept(cell)]
    [params] = [cell.params for cell in kept]
    assert (params["way"], params["curriculum"]) == ("falling rate", "active")
    assert transfer.STUDENT in transfer.STUDY.makes


def test_every_answer_has_its_place_and_its_cells_and_no_place_is_answered_twice() -> None:
    cells = transfer.cells("paper")
    places = []
    for answer in transfer.published():
        printed = published.table(answer.table).cell(answer.row, answer.column)
        places.append(printed.place)
        seeds = [
            cell.seed
            for cell in cells
            if all(cell.params.get(name) == value for name, value in answer.where.items())
        ]
        assert seeds == sorted(set(seeds)) != []
    assert len(places) == len(set(places))


def test_cells_say_which_weights_they_need_and_the_first_makes_the_teacher() -> None:
    first, *others = transfer.cells("paper")
    assert first.params["student"] == "teacher"
    assert all(f"{WEIGHTS}{setting.TEACHER}" in cell.data for cell in others)
    assert len({(str(cell.params), cell.seed) for cell in others}) == len(others)
