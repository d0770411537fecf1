"""Chapter 4: a curriculum chooses for each student from its own candidates, and what it chose last
is kept.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from distillery.generators import Parallel, Resample
from distillery.losses import SoftTargets
from distillery.models.abreast import Abreast
from distillery.models.mlp import MLP
from distillery.support.place import Bench
from distillery.teachers import Recorded
from distillery_book.chapters.transfer import curricula, students, transfer
from distillery_book.chapters.transfer.watched import LAST, Watched
from distillery_book.results import published


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int) -> tuple[Tensor, Tensor]:
    x = torch.randint(256, (count, 1, 4, 4), generator=rng()).to(torch.uint8)
    return x, torch.randn(count, 3, generator=rng(1))


def streams(seeds: range) -> Parallel:
    x, y = pictures(300)
    return Parallel([Resample(x, y, rng=rng(seed)) for seed in seeds])


def bank(size: int) -> Abreast:
    return Abreast([MLP((16, 3), rng=rng(seed)) for seed in range(size)])


def test_any_example_is_the_next_one_of_its_stream() -> None:
    chosen = students.curriculum("random", streams(range(2)), bank(2), [rng(), rng(1)])
    assert torch.equal(chosen.draw(2).x, streams(range(2)).draw(2).x)


def test_an_active_student_learns_the_hardest_of_its_own_ten() -> None:
    learners = bank(3)
    chosen = students.curriculum("active", streams(range(3)), learners, [rng()] * 3).draw(3)
    candidates = streams(range(3)).draw(30)
    losses = SoftTargets().each(Recorded(), learners, candidates)
    assert losses.shape == (3, 10)
    for student in range(3):
        hardest = 10 * student + int(losses[student].argmax())
        assert torch.equal(chosen.x[student], candidates.x[hardest])
        assert torch.equal(chosen.y[student], candidates.y[hardest])  # type: ignore[index]


def test_active_and_diverse_chooses_from_a_hundred_as_each_student_would_alone() -> None:
    learners = bank(2)
    name = "active and diverse"
    both = students.curriculum(name, streams(range(2)), learners, [rng(5), rng(6)]).draw(2)
    x, y = pictures(300)
    for student in range(2):
        alone = Abreast([learners.student(student)])
        stream = Parallel([Resample(x, y, rng=rng(student))])
        chosen = students.curriculum(name, stream, alone, [rng(5 + student)]).draw(1)
        assert torch.equal(chosen.x[0], both.x[student])


@pytest.mark.parametrize("batch", [1, 5, 10])
def test_what_was_chosen_last_before_each_mark_is_kept(batch: int) -> None:
    watched = Watched(streams(range(2)), 2, [10, 100])
    draws = [watched.draw(2 * batch).x.reshape(2, batch, 1, 4, 4) for _ in range(110 // batch)]
    drawn = torch.cat(draws, 1)  # (students, examples, …)
    kept = watched.pictures.float() / 255
    assert kept.shape == (2, 2, LAST, 1, 4, 4)
    assert torch.equal(kept[0, :, -10:], drawn[:, :10])
    assert kept[0, :, :-10].abs().sum() == 0
    assert torch.equal(kept[1], drawn[:, 100 - LAST : 100])


def test_what_was_kept_survives_a_stop() -> None:
    watched, later = Watched(streams(range(2)), 2, [6]), Watched(streams(range(2)), 2, [6])
    for _ in range(4):
        watched.draw(2)
    later.load_state_dict(watched.state_dict())
    for _ in range(2):
        assert torch.equal(watched.draw(2).x, later.draw(2).x)
    assert torch.equal(watched.pictures, later.pictures)


def test_a_draw_that_cannot_be_shared_out_is_refused() -> None:
    with pytest.raises(ValueError, match="n is 3: a multiple of the 2 students"):
        Watched(streams(range(2)), 2, [3]).draw(3)


def test_a_batch_after_which_no_mark_comes_is_refused() -> None:
    with pytest.raises(ValueError, match="batch is 3: a divisor of 10 is needed"):
        students.Course("mlp", 100, 0, batch=3)


@pytest.mark.parametrize("curriculum", ["random", "active", "active and diverse"])
def test_a_student_that_chooses_learns(curriculum: str, tmp_path: Path) -> None:
    y = torch.arange(200) % 2
    x = (255 * y).view(-1, 1, 1, 1).expand(200, 1, 4, 4).to(torch.uint8)
    logits = 9 * torch.nn.functional.one_hot(y, 2).float()
    place = Bench(torch.device("cpu"), None, tmp_path, lambda done: None)
    course = students.Course("mlp", 100, 0, curriculum)
    taught = partial(students.taught, course, {"it": (x, logits)})
    metrics, _, seen, _ = taught({"test": (x, y), "held": (x, y)}, place, watched=["it"])
    assert metrics["accuracy_it_100"] == 1
    assert seen["chosen_it"].shape == (2, LAST, 1, 4, 4)


def test_both_studies_together_answer_each_printed_number_of_tables_2_3_and_8_once() -> None:
    answers = [*transfer.published(), *curricula.published()]
    places = [
        published.table(answer.table).cell(answer.row, answer.column).place
        for answer in answers
        if answer.table != published.AIMS
    ]
    assert len(places) == len(set(places))
    names = [f"recollections_{kind}_student_random" for kind in ("cnn", "mlp")]
    names += [f"recollections_{kind}_student_active" for kind in ("cnn", "mlp")]
    wanted = {
        cell.place
        for name in [*names, "recollections_cnn_student_curricula"]
        for cell in published.table(name).cells()
    }
    assert wanted <= set(places)


def test_every_answer_is_given_by_runs_that_differ_in_their_seed_alone() -> None:
    cells = curricula.cells("paper")
    for answer in curricula.published():
        fitting = [
            cell
            for cell in cells
            if all(cell.params.get(name) == wanted for name, wanted in answer.where.items())
        ]
        assert len({str(cell.params) for cell in fitting}) == 1
        assert len({cell.seed for cell in fitting}) == len(fitting) >= 2
