"""Chapter 11: methods, images kept, students side by side, the teacher's course, the tables."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from distillery import data
from distillery.losses import HardLabels, Information, SoftTargets, pairs_of
from distillery.losses.loss import Loss, Sum
from distillery.models.wrn import WideResNet
from distillery.protocols import Batch
from distillery.teachers import Frozen
from distillery_book.chapters.information import grid, information, methods, setting, teachers
from distillery_book.chapters.information.methods import Layers
from distillery_book.results import published
from distillery_book.results.study import Cell, Context, Outcome


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def context(folder: Path) -> Context:
    return Context("smoke", torch.device("cpu"), None, folder)


def networks() -> tuple[Frozen, nn.Module, Layers, Batch]:
    teacher, student = WideResNet(10, 2, rng=rng(1)), WideResNet(10, 1, rng=rng(2))
    x = torch.rand(4, 3, 8, 8, generator=rng())
    layers = setting.layers(teacher, student, x)
    return Frozen(teacher), student.eval(), layers, Batch(x, torch.arange(4))


def _value(loss: Loss) -> Tensor:
    teacher, student, _, batch = networks()
    return loss.each(teacher, student, batch).detach()


def test_kd_shares_one_between_labels_and_soft_targets() -> None:
    *_, layers, _ = networks()
    loss = methods.loss_of("kd@0.9", layers, rng=rng())
    expected = 0.1 * _value(HardLabels()) + 0.9 * _value(SoftTargets(methods.TEMPERATURE))
    torch.testing.assert_close(_value(loss), expected)


@pytest.mark.parametrize("name", list(methods.TRANSFERS))
def test_a_method_is_cross_entropy_and_its_weight_times_the_transfer(name: str) -> None:
    *_, layers, _ = networks()
    loss = methods.loss_of(f"{name}@3", layers, rng=rng(5))
    transfer = methods.TRANSFERS[name](layers, rng(5))
    torch.testing.assert_close(_value(loss), _value(HardLabels()) + 3 * _value(transfer))


def test_methods_add_up_and_answers_hear_the_teacher_alone() -> None:
    *_, layers, _ = networks()
    both = methods.loss_of("kd@0.5+at@2", layers, rng=rng())
    alone = [methods.loss_of(m, layers, rng=rng()) for m in ("kd@0.5", "at@2", "student")]
    kd, at, labels = map(_value, alone)
    torch.testing.assert_close(_value(both), kd + at - labels)
    told = methods.loss_of("answers", layers, rng=rng())
    torch.testing.assert_close(_value(told), _value(SoftTargets(methods.TEMPERATURE)))


def test_the_four_pairs_are_the_ends_of_groups_and_the_first_convolution() -> None:
    *_, layers, _ = networks()
    assert [(p.teacher, p.student) for p in layers.inside] == [(n, n) for n in setting.OF_WRN]
    assert [p.theirs for p in layers.logits] == [(10,)]


def test_a_perceptrons_layers_are_grown_to_the_teachers() -> None:
    teacher = WideResNet(10, 1, rng=rng(1))
    student = setting.fresh("mlp-8", 10, 32, rng=rng())
    layers = setting.layers(teacher, student, torch.rand(2, 3, 32, 32))
    loss = Information(layers.inside, rng=rng(), head=layers.information)
    batch = Batch(torch.rand(3, 3, 32, 32))
    assert loss.each(Frozen(teacher), student, batch).isfinite().all()


def test_names_leave_weights_out_and_unknown_methods_are_refused() -> None:
    assert methods.name_of("kd@0.9+vid_i@1") == "kd+vid_i"
    with pytest.raises(ValueError, match="vid-i"):
        methods.parts_of("kd+vid-i")
    with pytest.raises(ValueError, match="at least 0 is needed"):
        methods.parts_of("at@-1")


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    [cell] = grid.cells("smoke")
    return information.run(cell, context(tmp_path_factory.mktemp("smoke")))


def test_the_smoke_run_measures_every_method_and_what_layers_tell(smoke: Outcome) -> None:
    for method in grid.METHODS:
        assert 0 <= smoke.metrics[f"accuracy_{method}"] <= 1
        assert len(smoke.arrays[f"right_{method}"]) == 125  # a bit for each of a thousand images
    gained = [name for name in smoke.metrics if name.startswith("gained_")]
    assert len(gained) == 2 * 4  # VID-I, alone and with KD, at four layers
    assert smoke.arrays["variance_vid_i_3"].shape == (128,)
    assert smoke.departures["asked" if "asked" in smoke.departures else "training"]


def test_a_method_learns_the_same_whatever_stands_beside_it(smoke: Outcome, tmp_path: Path) -> None:
    [cell] = grid.cells("smoke")
    alone = Cell({**cell.params, "methods": grid.weighted("nst")}, cell.seed, cell.data)
    found = information.run(alone, context(tmp_path))
    assert found.metrics["accuracy_nst"] == smoke.metrics["accuracy_nst"]
    assert found.arrays["right_nst"].equal(smoke.arrays["right_nst"])


def test_candidates_are_judged_on_images_held_out_and_leave_nothing_of_the_test_set(
    tmp_path: Path,
) -> None:
    [cell] = grid.cells("smoke")
    few = {"methods": "at@1 at@10", "held": 0.2, "steps": 2}
    found = information.run(Cell({**cell.params, **few}, 0, cell.data), context(tmp_path))
    assert set(found.metrics) == {"held_at@1", "held_at@10"}
    assert not any(name.startswith("right_") for name in found.arrays)
    given = setting.pictures(Cell({**cell.params, **few}, 0, cell.data), context(tmp_path))
    assert (len(given.x), len(given.x_measured)) == (160, 40)
    together = torch.cat([given.x, given.x_measured]).flatten(1)
    images = data.load(grid.STAND_IN)
    kept = images.x_train[..., ::4, ::4].flatten(1)
    assert all((kept == row).all(1).any() for row in together[::20])


@pytest.mark.parametrize("asked", ["mixup", "cutmix"])
def test_mixed_pictures_carry_no_labels(asked: str, tmp_path: Path) -> None:
    [cell] = grid.cells("smoke")
    cell = Cell({**cell.params, "asked": asked}, 0, cell.data)
    given = setting.pictures(cell, context(tmp_path))
    assert setting.source(cell, given, context(tmp_path)).draw(5).y is None


def test_maps_are_log_densities_summed_over_channels_at_three_stages(tmp_path: Path) -> None:
    [cell] = grid.cells("smoke")
    maps = {"role": "maps", "methods": "student+watch vid_i@1", "steps": 60, "batch": 2}
    found = information.run(Cell({**cell.params, **maps}, 0, cell.data), context(tmp_path))
    assert found.arrays["maps"].shape == (3, 2, 6, 4, 4)  # stages, students, images, places
    assert found.arrays["gained"].shape == (3, 2, 4)
    assert found.arrays["pictures"].shape == (6, 3, 8, 8)


def test_a_course_is_cut_into_stretches_of_one_cycle() -> None:
    found = list(teachers.stretches("16:2 32:3", 10))
    assert found == [(16, 0, 20), (32, 20, 50)]


class Few(Context):
    """Knows a few stand-in images, and no other set."""

    def load(self, name: str) -> Any:
        assert name == grid.STAND_IN
        images = data.load(name)
        few = replace(images, x_train=images.x_train[:64], y_train=images.y_train[:64])
        return replace(few, x_test=images.x_test[:100], y_test=images.y_test[:100])


def _tiny(place: int, course: str, data: str) -> Cell:
    """A teacher's course on a few images, of a small network that is not compiled."""
    params = grid.teacher("cifar10", "wrn-10-1")[place].params
    return Cell({**params, "course": course, "batch": 16, "compiled": 0}, 0, data)


@pytest.fixture
def short_courses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Courses of a few steps, whose weights are named as those of the last."""
    short = {course: grid.COURSES[grid.LAST_COURSE] for course in ("8:1", "8:1 16:1")}
    monkeypatch.setattr(grid, "COURSES", {**grid.COURSES, **short})


@pytest.mark.usefixtures("short_courses")
def test_a_teacher_is_measured_as_it_is_kept(tmp_path: Path) -> None:
    context = Few("smoke", torch.device("cpu"), None, tmp_path)
    found = information.run(_tiny(0, "8:1 16:1", grid.STAND_IN), context)
    [named] = found.models
    assert found.weights_name == named.name == "wrn-10-1-cifar10"
    assert all(p.equal(p.half().float()) for p in named.model.parameters())
    few = context.load(grid.STAND_IN)
    assert teachers.share_right(named.model, few.x_test, few.y_test) == found.metrics["test"]


def test_every_course_but_the_first_names_the_weights_that_the_one_before_leaves() -> None:
    courses = grid.teacher("cifar10")
    left = [grid.weights_name("cifar10", course=str(cell.params["course"])) for cell in courses]
    assert len(set(left)) == len(left)
    assert [cell.data for cell in courses] == [
        "cifar10",
        *(f"cifar10+weights:{name}" for name in left[:-1]),
    ]
    assert left[-1] == grid.weights_name("cifar10")
    assert set(left) <= set(information.STUDY.makes)


@pytest.mark.usefixtures("short_courses")
def test_a_later_course_begins_where_the_one_before_ended(tmp_path: Path) -> None:
    kept = WideResNet(10, 1, rng=rng(7)).eval()
    name = "wrn-10-1-cifar10-small"
    context = Few(
        "smoke",
        torch.device("cpu"),
        None,
        tmp_path,
        declared={f"weights:{name}": "0"},
        read_models=lambda _: {name: copy.deepcopy(kept)},
    )
    later = _tiny(1, "8:1", f"{grid.STAND_IN}+weights:{name}")
    begun = teachers._begun(later, 10, torch.rand(2, 3, 8, 8, generator=rng()), context)
    assert begun.training
    assert all(map(torch.equal, begun.parameters(), kept.parameters()))
    [named] = information.run(later, context).models
    assert not torch.equal(named.model.first.weight, kept.first.weight)  # type: ignore[union-attr, arg-type]


def test_every_answer_has_its_place_and_its_cells_and_no_place_is_answered_twice() -> None:
    cells, places = grid.cells("paper"), []
    for answer in information.answers():
        places.append(published.table(answer.table).cell(answer.row, answer.column).place)
        fitting = [
            cell
            for cell in cells
            if all(cell.params.get(name) == value for name, value in answer.where.items())
        ]
        assert [cell.seed for cell in fitting] == sorted({cell.seed for cell in fitting}) != []
        if answer.row["method"] != "teacher":
            names = {methods.name_of(m) for m in str(fitting[0].params["methods"]).split()}
            assert answer.row["method"] in names
    assert len(set(places)) == len(places)


def test_cells_differ_and_name_weights_among_the_candidates() -> None:
    cells = grid.cells("paper")
    assert len({str(cell) for cell in cells}) == len(cells)
    for name, used in grid.USED.items():
        assert used in grid.CANDIDATES[name]


def test_a_fine_tuned_student_knows_all_but_the_classes(tmp_path: Path) -> None:
    """A student of three classes takes over everything from one of seven, its logits apart."""
    learned = WideResNet(10, 1, rng=rng(3), classes=7)
    cell = grid.students(("finetuned",), network="wrn-10-1", source="cifar100", images=10)
    assert cell.data == "cifar10+weights:wrn-40-2-cifar100+weights:wrn-10-1-cifar100"
    marks = {part: part for part in cell.data.split("+")}
    there = replace(
        context(tmp_path),
        declared=marks,
        read_models=lambda mark: {mark.removeprefix("weights:"): learned},
    )
    student = WideResNet(10, 1, rng=rng(4), classes=3)
    first = student.classifier.weight.detach().clone()
    setting.finetuned(student, cell, there)
    assert student.classifier.weight.equal(first)
    for (name, mine), theirs in zip(
        student.state_dict().items(), learned.state_dict().values(), strict=True
    ):
        assert name.startswith("classifier.") or mine.equal(theirs)


def test_a_teacher_of_other_classes_teaches_layers_and_is_refused_where_logits_are_compared() -> (
    None
):
    teacher, student = WideResNet(10, 2, rng=rng(1), classes=20), WideResNet(10, 1, rng=rng(2))
    batch = Batch(torch.rand(4, 3, 8, 8, generator=rng()), torch.arange(4))
    layers = setting.layers(teacher, student, batch.x)
    for method in grid.OF_TRANSFER[2:]:
        loss = methods.loss_of(grid.weighted(method), layers, rng=rng())
        assert loss.each(Frozen(teacher), student, batch).isfinite().all()
    with pytest.raises(ValueError, match=r"answer has shape \(4, 20\), the student's \(4, 10\)"):
        methods.loss_of("kd@0.9", layers, rng=rng()).each(Frozen(teacher), student, batch)


def test_terms_of_a_student_share_one_run() -> None:
    teacher, student, layers, batch = networks()
    loss = methods.loss_of("kd@0.9+vid_i@1", layers, rng=rng())
    assert isinstance(loss, Sum)
    pairs = pairs_of(teacher.network, student, [("first", "first")], batch.x)
    assert pairs[0] == layers.inside[0]
