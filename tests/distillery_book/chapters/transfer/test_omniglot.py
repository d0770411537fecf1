"""Chapter 3's alphabets: heads, storage, what is printed and what answers it, and runs that go on
after they were killed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from distillery.data import load
from distillery.generators import Resample
from distillery.losses import SoftTargets
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.files import Named, packed
from distillery.models.output_mask import OutputMask
from distillery.models.resnet import ResNet18
from distillery.protocols import Batch
from distillery.teachers import Recorded
from distillery_book.chapters.transfer import alphabets, omniglot
from distillery_book.chapters.transfer.alphabets import Course, Letters
from distillery_book.chapters.transfer.memories import Sources
from distillery_book.results import published
from distillery_book.results.study import WEIGHTS, Cell, Context, Outcome

TINY: dict[str, Any] = {"tasks": 2, "width": 3, "data": omniglot.STAND_IN}


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def context(folder: Path, **more: Any) -> Context:
    folder.mkdir(exist_ok=True)
    return Context("smoke", torch.device("cpu"), None, folder, **more)


def drawings(count: int, classes: int = 5) -> Letters:
    """Black pictures of two characters of one alphabet and three of another."""
    x, y = torch.zeros(count, 1, 28, 28, dtype=torch.uint8), torch.arange(count) % classes
    mask = OutputMask([(0, 1), (2, 3, 4)], classes)
    characters = torch.tensor([[0, 1, 0], [2, 3, 4]])
    return Letters(x, y, x, y, torch.tensor([0, 0, 1, 1, 1]), characters, mask)


class Fixed(nn.Module):
    """Answers every picture with the same logits."""

    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, x: Tensor) -> Tensor:
        return self.logits.expand(len(x), -1)


def test_the_first_alphabets_are_cut_by_the_sets_own_split() -> None:
    images = load(omniglot.STAND_IN)
    letters = alphabets.letters(images, 3, torch.device("cpu"))
    ours = images.extras["alphabet_train"] < 3
    assert len(letters.x) == int(ours.sum())
    assert torch.equal(letters.y.sort().values, images.y_train[ours].sort().values)  # type: ignore[index]
    assert letters.tasks == 3
    assert torch.equal(letters.y_test.unique(), letters.y.unique())


def test_a_drawing_is_told_from_the_characters_of_its_own_alphabet_alone() -> None:
    right = alphabets.is_right(Fixed([1.0, 0.0, 9.0, 8.0, 10.0]), drawings(10))
    assert right.tolist() == [True, False, False, False, True] * 2


def test_answers_within_an_alphabet_teach_as_masked_logits_of_all_characters_do() -> None:
    letters, teacher = drawings(10), Fixed([1.0, 0.5, 3.0, 2.0, -1.0])
    tasks = letters.alphabet_of[letters.y]
    within = alphabets.answered(teacher, letters.x, tasks, letters)
    drawn = Resample(letters.x, torch.arange(10), rng=rng())
    batch = alphabets.OfAlphabets(drawn, within, tasks, letters).draw(10)
    masked = letters.mask(teacher(batch.x), batch.task)
    assert torch.equal(batch.y, masked)  # type: ignore[arg-type]
    student = Fixed([0.3, 0.1, 0.2, 0.9, 0.4])
    loss = alphabets.WithinTask(SoftTargets(), letters.mask).each(Recorded(), student, batch)
    own = SoftTargets().each(
        Recorded(), Fixed([0.3, 0.1]), Batch(batch.x, masked[:, :2])
    )  # of the first alphabet alone
    assert torch.allclose(loss[batch.task == 0], own[batch.task == 0])


@pytest.mark.parametrize(("size", "times"), [("10x", 9.96), ("50x", 52.3), ("100x", 102.8)])
def test_codes_of_all_drawings_take_as_little_as_the_paper_says(size: str, times: float) -> None:
    """By 29,214 codes and parameters of 32 bits, and in full by a little more than that."""
    letters = drawings(29_214)
    codec = CategoricalAutoencoder(omniglot.SIZES[size], 2, rng=rng())
    sources = Sources(letters.x, letters.y, Fixed([0.0] * 5), {size: codec})
    account = omniglot.storage(sources, f"compress_{size}", 29_214, letters)
    counted = omniglot.counted(account, letters)
    assert counted["times_total"] == pytest.approx(times, rel=0.001)
    assert 29_214 * omniglot.SIZES[size] < counted["bits_total"] < counted["bits_full"]


@pytest.mark.parametrize(("name", "times"), [("tenth", 10), ("fiftieth", 50), ("hundredth", 100)])
def test_a_subset_takes_its_share_as_published_and_its_labels_in_full(
    name: str, times: float
) -> None:
    letters = drawings(29_214)
    sources = Sources(letters.x, letters.y, Fixed([0.0] * 5), {})
    count = len(sources.memory(name, count=0, rng=rng()).pictures)
    counted = omniglot.counted(omniglot.storage(sources, "sample", count, letters), letters)
    assert counted["times_total"] == pytest.approx(times, rel=0.001)
    assert counted["bits_full"] > counted["bits_total"]


def test_the_teacher_takes_at_most_two_megabytes() -> None:
    network = ResNet18(rng=rng(), classes=1623, width=omniglot.WIDTH, channels=1).half().float()
    assert len(packed([Named(omniglot.TEACHER, network)])) <= 2_000_000


def _smoke(folder: Path, cell: Cell, **more: Any) -> Outcome:
    return omniglot.run(cell, context(folder, **more))


def test_the_smoke_run_counts_its_storage_and_its_right_answers(tmp_path: Path) -> None:
    (cell,) = omniglot.cells("smoke")
    found = _smoke(tmp_path, cell)
    metrics = found.metrics
    assert metrics["times_full"] < metrics["times_total"]
    assert metrics["pictures"] == 2 * 20 * 18
    (bits,) = np.unpackbits(found.arrays["right"].numpy(), axis=1)
    assert metrics["accuracy_100"] == metrics["alphabets_100"] == bits.sum() / 80


def test_a_student_learns_from_answers_what_the_teacher_knows(tmp_path: Path) -> None:
    letters = drawings(60)
    seen = torch.randint(2, (5, 1, 28, 28), generator=rng()).to(torch.uint8) * 255
    letters = replace(letters, x=seen[letters.y], x_test=seen[letters.y])
    tasks = letters.alphabet_of[letters.y]
    answers = 9.0 * (letters.characters[tasks] == letters.y[:, None])
    student = alphabets.network(letters, 2, rng=rng(1))
    memory, course = (letters.x, answers, tasks), Course(600, 10, 0.01, (10, 600))
    history = alphabets.taught(
        student, memory, letters, context(tmp_path), course=course, rng=rng(2)
    )
    steps, right = history.probed("right")
    assert steps == [1, 60]
    assert sum(right[1]) == 60 > sum(right[0])


@pytest.mark.parametrize("inputs", omniglot.INPUTS)
def test_every_column_runs_and_says_what_it_shows(inputs: str, tmp_path: Path) -> None:
    found = _smoke(tmp_path, omniglot.student(inputs, 0, episodes=10, **TINY))
    shown = {"sample_10pct": 72, "sample_2pct": 14, "sample_1pct": 7}.get(inputs, 720)
    assert found.metrics["pictures"] == shown
    assert found.arrays["right"].shape == (1, 80 // 8)


def test_a_killed_student_goes_on_to_the_same_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alphabets, "EVERY", 2)
    monkeypatch.setattr(omniglot, "MARKS", (20,))
    cell = omniglot.student("compress_100x", 0, episodes=60, **TINY)
    whole = _smoke(tmp_path / "whole", cell)
    begun = tmp_path / "killed" / "student.safetensors"

    def stop(done: float) -> None:
        if begun.exists() and done > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _smoke(tmp_path / "killed", cell, on_report=stop)
    resumed = _smoke(tmp_path / "killed", cell)
    assert resumed.metrics == whole.metrics
    assert torch.equal(resumed.arrays["right"], whole.arrays["right"])


def test_what_teacher_and_autoencoder_keep_has_the_names_that_students_ask_for(
    tmp_path: Path,
) -> None:
    made = [
        _smoke(tmp_path / "teacher", omniglot.teacher(passes=1, **TINY)),
        _smoke(
            tmp_path / "codec",
            omniglot.autoencoder("100x", passes=1, tasks=2, data=omniglot.STAND_IN),
        ),
    ]
    kept = {outcome.weights_name for outcome in made}
    asked = omniglot.student("compress_100x", 0, episodes=10).data.split("+")[1:]
    assert {WEIGHTS + name for name in kept} == set(asked)
    assert kept <= set(omniglot.STUDY.makes)
    for outcome in made:
        (model,) = outcome.models
        values = model.model.state_dict().values()
        assert all(torch.equal(value, value.half().to(value.dtype)) for value in values)


def _answering() -> list[tuple[str, list[Cell]]]:
    cells = omniglot.cells("paper")
    return [
        (
            str(answer.row["inputs"]),
            [c for c in cells if all(c.params.get(k) == v for k, v in answer.where.items())],
        )
        for answer in omniglot.published()
    ]


def test_every_printed_number_has_one_answer_given_by_runs_that_differ_in_their_seed_alone() -> (
    None
):
    printed = [cell.row["inputs"] for cell in published.table(omniglot.TABLE).cells()]
    assert sorted(name for name, _ in _answering()) == sorted(map(str, printed))
    for _, found in _answering():
        assert len({str(cell.params) for cell in found}) == 1
        assert len({cell.seed for cell in found}) == len(found)


def test_students_come_after_what_they_need_and_no_cell_comes_twice() -> None:
    cells = list(omniglot.cells("paper"))
    assert len(set(map(str, cells))) == len(cells)
    first = next(i for i, cell in enumerate(cells) if cell.params["role"] == "student")
    assert all(cell.params["role"] == "student" for cell in cells[first:])
    assert {cell.params["inputs"] for cell in cells[first:]} == set(omniglot.INPUTS)


def test_all_that_a_student_is_told_otherwise_than_printed_is_a_departure() -> None:
    always = {"teacher_passes", "teacher_pictures", "layers"}
    codec = {"autoencoder_passes", "autoencoder_rates", "autoencoder_losses"}
    spared = omniglot.student("real", 0, episodes=omniglot.PUBLISHED_EPISODES, batch=1)
    assert set(omniglot.departs(spared)) == always
    assert set(omniglot.departs(omniglot.teacher())) == always
    faster = omniglot.student("compress_10x", 0, episodes=100, rate=0.001)
    assert set(omniglot.departs(faster)) == always | codec | {"episodes", "batch", "optimizer"}
    assert set(omniglot.departs(omniglot.autoencoder("10x"))) == codec


def test_what_is_chosen_is_no_departure() -> None:
    departures = {name for cell in omniglot.cells("paper") for name in omniglot.departs(cell)}
    assert not departures & set(omniglot.CHOSEN)


def test_a_batch_after_which_no_mark_comes_is_refused() -> None:
    with pytest.raises(ValueError, match="batch is 7: a divisor of 10, 100 is needed"):
        Course(100, 7, 0.1, (10,))
