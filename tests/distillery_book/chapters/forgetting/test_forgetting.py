"""Chapter 5's study: every method learns a tiny stream within its bits, and the tables are answered."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from distillery import data
from distillery.lifelong import Learner
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery_book.chapters.forgetting import (
    answers,
    forgetting,
    grid,
    learners,
    memories,
    setting,
)
from distillery_book.chapters.forgetting.learners import METHODS, WITH_CODEC
from distillery_book.results import published
from distillery_book.results.study import Cell, Context

TINY = {"data": setting.STAND_IN, "tasks": 2, "width": 2, "how": setting.Setting(new=25)}
CODE = {"images": 20, "variables": 8, "values": 2}
IMAGE_BITS = 8 * 3 * 32 * 32


def context(folder: Path, **more: object) -> Context:
    return Context("smoke", torch.device("cpu"), None, folder, **more)  # type: ignore[arg-type]


def tiny(method: str) -> Cell:
    if method == "autoencoder":
        return grid.cell(method, memory="own", **CODE, **TINY)
    if method in WITH_CODEC:
        return grid.cell(method, **CODE, **TINY)
    budget = {"images": 20, "counts": "full"} if method not in ("online", "joint") else {}
    return grid.cell(method, **budget, **TINY)


@pytest.mark.parametrize("method", [*METHODS, *WITH_CODEC])
def test_every_method_learns_a_stream_within_its_bits(method: str, tmp_path: Path) -> None:
    cell = tiny(method)
    outcome = forgetting.run(cell, context(tmp_path))
    told, tasks = outcome.metrics, 1 if method == "joint" else 2
    name = "distortion" if method == "autoencoder" else "accuracy"
    assert outcome.arrays[name].shape == (1 + tasks, 2)
    steps = 2 * 250 // 25
    assert told["steps"] == steps
    if "images" in cell.params:
        counts = {"full": "bits_full"}.get(str(cell.params["counts"]), "bits_incremental")
        assert 0 < told[counts] <= 20 * IMAGE_BITS
    if method != "autoencoder":
        assert 0.1 < told["retained"] <= 1
        assert told["retained_se"] < 0.1


def test_a_cell_that_was_killed_between_tasks_finds_what_an_undisturbed_one_finds(
    tmp_path: Path,
) -> None:
    cell = tiny("replay")
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    whole = forgetting.run(cell, context(tmp_path / "one"))

    def killed(done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        forgetting.run(cell, context(tmp_path / "other", on_report=killed))
    again = forgetting.run(cell, context(tmp_path / "other"))
    for outcome in (whole, again):
        del outcome.metrics["learning_seconds"]  # type: ignore[attr-defined]
    assert again.metrics == whole.metrics
    assert again.arrays["accuracy"].nan_to_num(-1).equal(whole.arrays["accuracy"].nan_to_num(-1))


def test_what_is_learned_afterwards_is_not_asked_for_and_its_labels_are_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setting, "CHUNK", 100)
    monkeypatch.setattr(grid, "AFTERWARDS", setting.STAND_IN)
    cell = grid.cell("replay", images=20, afterwards=2, **TINY)
    assert setting.image_sets(cell.data) == [setting.STAND_IN, setting.STAND_IN]
    outcome = forgetting.run(cell, context(tmp_path))
    seen = outcome.arrays["accuracy"]
    assert seen.shape == (1 + 2 + 2, 2 + 2)
    assert outcome.metrics["lost"] == pytest.approx(float((seen[2, :2] - seen[-1, :2]).mean()))
    assert outcome.metrics["steps"] == (2 * 250 + 2 * 100) // 25


def test_another_set_begins_again_when_it_has_been_seen_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(setting, "CHUNK", 2000)
    images = data.load(setting.STAND_IN)
    tasks = setting.afterwards(images, 5, first_label=7)
    assert [len(task.x_train) for task in tasks] == [2000] * 5
    whole = torch.cat([task.y_train for task in tasks])
    assert whole[:5000].equal(images.y_train + 7)
    assert whole[5000:].equal(images.y_train[:5000] + 7)
    assert {task.classes for task in tasks} == {tuple(range(7, 107))}


def test_no_two_cells_are_the_same_run() -> None:
    names = [str(cell) for cell in grid.cells("paper")]
    assert len(set(names)) == len(names)
    assert [str(cell) for cell in grid.cells("smoke")]


def test_the_calibration_comes_first_and_sees_no_recollection() -> None:
    cells = grid.cells("paper")
    first = next(i for i, cell in enumerate(cells) if cell.params["method"] == "pretraining")
    assert {cell.params["method"] for cell in cells[:first]} == {"online", "replay"}
    assert not any("variables" in cell.params for cell in cells[:first])


def test_all_rows_of_the_three_tables_are_answered_by_cells_of_the_study() -> None:
    cells = [cell.params for cell in grid.cells("paper")]
    every = answers.published()
    for answer in every:
        assert any(
            all(params.get(name) == value for name, value in answer.where.items())
            for params in cells
        ), answer
    for name in {answer.table for answer in every} - {published.AIMS}:
        rows = {str(dict(sorted(answer.row.items()))) for answer in every if answer.table == name}
        printed = {str(dict(sorted(cell.row.items()))) for cell in published.table(name).cells()}
        assert rows == printed


def test_only_rows_without_a_code_calibrate() -> None:
    for answer in answers.published():
        if answer.calibrates:
            assert answer.where["method"] in ("online", "replay")


def test_the_departures_are_known_to_the_tables() -> None:
    cells = grid.cells("paper")
    names = {name for cell in cells for name in forgetting.departs(cell)}
    assert names == {
        "batch",
        "optimizer",
        "autoencoder_passes",
        "autoencoder_rates",
        "examples_afterwards",
        "parameter_bits",
    }
    one = grid.cell("online", how=setting.Setting("adam 0.001", new=1))
    assert forgetting.departs(one) == {}


def test_codes_of_the_tables_fill_their_budgets() -> None:
    """5,000 codes of each incremental size, 1,392 of the total one, about 1,000 on Omniglot."""
    for size, (variables, values) in grid.CODES.items():
        assert memories.MOST_CODES * variables * (values - 1).bit_length() >= 0
        bits = memories.MOST_CODES * variables * (1 if values == 2 else 1.5849625)
        assert 0.97 * size * IMAGE_BITS < bits <= size * IMAGE_BITS
    for size, (variables, _) in grid.OMNIGLOT_CODES.items():
        assert size * 8 * 784 // variables == pytest.approx(1008, abs=5)


def _learner(images: int, **more: object) -> Learner:
    code = {"images": images, "variables": 8, "values": 2, "counts": "full", **more}
    cell = grid.cell("recollections", **code, **TINY)
    kit = forgetting._kit(cell, data.load(setting.STAND_IN), [])
    rng = torch.Generator().manual_seed(0)
    codec = CategoricalAutoencoder(8, 2, rng=rng, channels=3, size=32)
    return learners.recollections(kit, codec)


def test_parameters_of_half_precision_leave_room_for_more_codes() -> None:
    whole, halved = (_learner(4, **more).memory for more in ({}, {"stored_bits": 16}))
    assert whole.bits.full.parameters == 2 * halved.bits.full.parameters
    assert halved.buffer.capacity > 1.5 * whole.buffer.capacity
    for memory in (whole, halved):
        codec, carried = memory.buffer.codec, memory.carried
        full = memory.account(memory.buffer.capacity, codec, carried, memory.stored).full
        assert full.total <= 4 * IMAGE_BITS


def test_an_autoencoder_stored_in_half_precision_is_rounded_when_a_task_ends() -> None:
    for more, is_stored in (({}, False), ({"stored_bits": 16}, True)):
        learner = _learner(4, **more)
        learner.ends(0, None)
        parameters = list(learner.student["codec"].parameters())
        assert all(p.equal(p.half().float()) for p in parameters) == is_stored


def test_a_lookup_of_runs_does_not_find_those_that_were_told_more() -> None:
    params = [cell.params for cell in grid.cells("paper")]
    wheres = [answer.where for answer in answers.published()]
    for where in wheres:
        found = [each for each in params if all(each.get(k) == v for k, v in where.items())]
        assert len({str(each) for each in found}) == 1


def test_parameters_are_stored_in_single_or_half_precision() -> None:
    with pytest.raises(ValueError, match="stored_bits is 8: 32 or 16 is needed"):
        _learner(4, stored_bits=8)
