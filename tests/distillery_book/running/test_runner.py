from __future__ import annotations

import io
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import tiny_studies
from distillery import data
from distillery_book.results import records, store
from distillery_book.results.study import Cell, Outcome, Study
from distillery_book.running import runner
from distillery_book.running.job import How, notes_path
from distillery_book.running.progress import Progress
from tiny_studies import FAIL, FAST, TENSORS, USE, inline


def run(study: Study, results: Path, *, cells=None) -> tuple[int, str]:
    """Run what is missing here and now: how many failed, and what was said."""
    found = runner.missing(study, study.cells("smoke") if cells is None else cells, results)
    jobs = runner.make_jobs(
        study, found, How(f"tiny_studies:{study.name.upper()}", "smoke"), results=results
    )
    said = io.StringIO()
    return (
        runner.execute(
            study, jobs, inline, results, progress=Progress(study.name, len(jobs), said)
        ),
        said.getvalue(),
    )


def test_every_missing_cell_is_run_and_recorded_and_then_none_is_missing(tmp_path):
    assert run(FAST, tmp_path)[0] == 0
    found = records.read("fast", tmp_path)
    assert [one.cell for one in found] == list(FAST.cells("smoke"))
    assert runner.missing(FAST, FAST.cells("smoke"), tmp_path) == []
    assert {one.identity for one in found} == {
        records.identity(FAST, cell, "none") for cell in FAST.cells("smoke")
    }


def test_a_cell_twice_in_the_grid_is_run_once(tmp_path):
    cell = FAST.cells("smoke")[0]
    assert (
        len(runner.missing(FAST, [cell, Cell(dict(reversed(cell.params.items())), 0)], tmp_path))
        == 1
    )


def test_the_cells_of_a_grid_are_numbered_in_their_order_each_once():
    one, two = Cell({"width": 1, "deep": True}, 0), Cell({"width": 1, "deep": True}, 1)
    again = Cell({"deep": True, "width": 1}, 0)
    study = Study("s", 1, "", lambda profile: [two, one, again, two], tiny_studies.walk)
    assert [id(cell) for cell in runner.grid(study, "smoke")] == [id(two), id(again)]


def test_a_cell_is_recorded_missing_or_waiting_for_weights(tmp_path):
    needy, free = USE.cells("smoke")
    assert runner.states(USE, [needy, free], tmp_path) == ["waiting", "missing"]
    run(TENSORS, tmp_path, cells=TENSORS.cells("smoke")[1:])
    assert runner.states(USE, [needy, free], tmp_path) == ["missing", "missing"]
    run(USE, tmp_path)
    assert runner.states(USE, [free, needy], tmp_path) == ["recorded", "recorded"]
    run(TENSORS, tmp_path)  # of a lower seed, whose weights count from now on
    assert runner.states(USE, [needy, free], tmp_path) == ["missing", "recorded"]


def test_a_recorded_cell_is_known_as_such_where_its_data_are_not(tmp_path, monkeypatch):
    cells = [Cell({"pause": 0.0, "width": 1.0}, seed, "mnist") for seed in (0, 1)]
    monkeypatch.setattr(tiny_studies, "FAST", replace(FAST, cells=lambda profile: cells))
    monkeypatch.setattr(data, "fingerprint", lambda name: "a" * 16)
    run(tiny_studies.FAST, tmp_path, cells=cells[:1])

    def absent(name):
        raise data.MissingDataError(name)

    monkeypatch.setattr(data, "fingerprint", absent)
    assert runner.states(tiny_studies.FAST, cells, tmp_path) == ["recorded", "missing"]


def test_the_scratch_folder_of_a_recorded_cell_is_gone(tmp_path):
    run(FAST, tmp_path)
    assert list((tmp_path / ".scratch" / "fast").iterdir()) == []


def test_checkpoints_of_recorded_cells_are_swept_and_those_of_others_kept(tmp_path):
    run(FAST, tmp_path)
    folder = tmp_path / ".scratch" / "fast"
    for key in (records.read("fast", tmp_path)[0].identity, "0" * 16):
        (folder / key).mkdir()
        (folder / f"{key}.json").touch()
        (folder / f"{key}.part").touch()
    runner.tidy(FAST, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == [
        "0" * 16,
        "0" * 16 + ".json",
        "0" * 16 + ".part",
    ]
    runner.tidy(TENSORS, tmp_path)


def test_a_failing_cell_is_reported_with_its_parameters_and_the_others_go_on(tmp_path):
    failed, said = run(FAIL, tmp_path)
    assert failed == 3
    assert [one.params["kind"] for one in records.read("fail", tmp_path)] == ["fine", "good"]
    assert "FAILED kind=raises seed=0 data=none: RuntimeError: the sky fell on two" in said
    assert "FAILED kind=nan seed=0 data=none: ValueError: metric 'accuracy' is nan" in said
    assert "tiny_studies.py" in said


def test_arrays_and_weights_are_stored_and_named_in_the_record(tmp_path):
    run(TENSORS, tmp_path)
    first, second = records.read("tensors", tmp_path)
    assert store.arrays(second, tmp_path)["curve"].tolist() == [1.0] * 1000
    assert first.weights["name"] == "curve"
    (model,) = store.read_models(first.weights["hash"], tmp_path).values()
    assert model.weights.tolist() == [[0.0] * 1000]


def test_a_file_of_weights_says_which_run_made_them(tmp_path):
    run(TENSORS, tmp_path)
    _, second = records.read("tensors", tmp_path)
    (model,) = store.read_models(second.weights["hash"], tmp_path).values()
    said = {
        "name": "units",
        "study": "tensors",
        "seed": 1,
        "trained_on": "none",
        "metrics": {"size": 1000.0},
        "commit": second.commit,
        "versions": second.versions,
    }
    assert said.items() <= model.provenance.items()


def test_a_cell_beyond_the_budget_fails_alone_and_keeps_its_scratch(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "ARRAYS_BYTES", 5000)
    failed, said = run(TENSORS, tmp_path)
    assert (failed, [one.seed for one in records.read("tensors", tmp_path)]) == (1, [0])
    assert (
        "FAILED size=1000 seed=1 data=none: the arrays of study 'tensors' would take 0.01 MB"
        in said
    )
    assert len(list((tmp_path / ".scratch" / "tensors").glob("*.json"))) == 1


def test_notes_of_a_cell_lie_beside_its_scratch_folder():
    assert notes_path("/a/0123") == Path("/a/0123.json")


def test_a_recorded_profile_counts_for_every_profile_with_the_same_parameters(tmp_path):
    run(FAST, tmp_path)
    assert records.read("fast", tmp_path)[0].profile == "smoke"
    assert runner.missing(FAST, FAST.cells("paper"), tmp_path) == []


def test_new_data_make_a_run_missing_again(tmp_path, monkeypatch):
    cells = [Cell({"pause": 0.0, "width": 1.0}, 0, "mnist")]
    monkeypatch.setattr(data, "fingerprint", lambda name: "a" * 16, raising=False)
    run(FAST, tmp_path, cells=cells)
    assert runner.missing(FAST, cells, tmp_path) == []
    monkeypatch.setattr(data, "fingerprint", lambda name: "b" * 16)
    assert [one.fingerprint for one in runner.missing(FAST, cells, tmp_path)] == ["b" * 16]


def test_the_fingerprint_of_several_sets_is_theirs_joined(monkeypatch):
    monkeypatch.setattr(data, "fingerprint", {"a": "1", "b": "2"}.__getitem__, raising=False)
    assert runner.fingerprint("a+b") == "1+2"
    assert runner.fingerprint("none") == "none"


def test_a_cell_that_needs_recorded_weights_waits_for_them_and_the_others_can_run(tmp_path):
    needy, free = USE.cells("smoke")
    assert runner.runnable([needy, free], tmp_path) == ([free], ["curve"])
    run(TENSORS, tmp_path, cells=TENSORS.cells("smoke")[1:])
    assert runner.runnable([needy, free], tmp_path) == ([needy, free], [])


def test_a_cell_reads_the_weights_it_needs_and_other_weights_make_another_run(tmp_path):
    needy = USE.cells("smoke")[:1]
    for seed in (1, 0):  # the lowest seed's weights count
        run(TENSORS, tmp_path, cells=[TENSORS.cells("smoke")[seed]])
        assert len(runner.missing(USE, needy, tmp_path)) == 1
        assert run(USE, tmp_path, cells=needy)[0] == 0
        assert runner.missing(USE, needy, tmp_path) == []
    first, second = records.read("use", tmp_path)
    assert (first.metrics["sum"], second.metrics["sum"]) == (1000.0, 0.0)
    assert first.fingerprint != second.fingerprint == store.recorded_weights(tmp_path)["curve"]


def test_weights_that_vanish_before_their_cell_runs_are_one_sentence(tmp_path):
    run(TENSORS, tmp_path)
    found = runner.missing(USE, USE.cells("smoke")[:1], tmp_path)
    (job,) = runner.make_jobs(USE, found, How("tiny_studies:USE", "smoke"), results=tmp_path)
    for path in (tmp_path / "weights").iterdir():
        path.unlink()
    ((_, reply),) = inline([job], lambda job, done: None)
    assert f"{found[0].fingerprint}.safetensors is missing" in reply.error


GRID = [
    Cell({"width": width, "deep": deep, "kind": kind}, seed)
    for width in (1, 2.5)
    for deep in (True, False)
    for kind in "ab"
    for seed in (0, 1)
]


@pytest.mark.parametrize(
    ("only", "seeds", "count"),
    [
        ({}, None, 16),
        ({"width": [1]}, None, 8),
        ({"width": [1, 2.5], "kind": ["a"]}, [1], 4),
        ({"deep": [True]}, [0, 1], 8),
        ({"data": ["none"]}, None, 16),
    ],
)
def test_only_and_seeds_choose_cells(only, seeds, count):
    assert len(runner.select(GRID, only, seeds)) == count


def test_an_unknown_key_lists_the_keys():
    with pytest.raises(
        ValueError,
        match=(
            r"unknown key of --only 'widht'; did you mean 'width'\? key of --only can be: data,"
            r" deep, kind, width"
        ),
    ):
        runner.select(GRID, {"widht": [1]})


def test_a_value_or_a_seed_that_no_cell_has_lists_those_they_have():
    with pytest.raises(ValueError, match=r"no cell has width=3; it takes 1, 2\.5"):
        runner.select(GRID, {"width": [3]})
    with pytest.raises(ValueError, match="no cell has deep=1; it takes False, True"):
        runner.select(GRID, {"deep": [1]})
    with pytest.raises(ValueError, match="no cell has seed 7; the seeds are 0, 1"):
        runner.select(GRID, {}, [7])


def test_a_choice_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match="no cell fits all"):
        runner.select([Cell({"a": 1}, 0), Cell({"a": 2}, 1)], {"a": [1]}, [1])


def test_a_results_folder_that_cannot_be_written_is_refused_in_one_sentence(tmp_path):
    runner.check_writable(FAST, tmp_path / "new")
    (tmp_path / "file").touch()
    with pytest.raises(
        ValueError,
        match=(
            r"^results folder .*file/results cannot be written \(Not a directory\); name another by"
            r" --results$"
        ),
    ):
        runner.check_writable(FAST, tmp_path / "file" / "results")
    with pytest.raises(ValueError, match=r"^results folder /proc/self cannot be written"):
        runner.check_writable(FAST, Path("/proc/self"))


def test_checkpoints_lie_in_the_build_folder_for_the_books_results_and_inside_any_others(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "_config.yml").touch()
    assert runner.scratch_folder(tmp_path / "book" / "results") == tmp_path / "_build" / "scratch"
    assert runner.scratch_folder(tmp_path / "mine") == tmp_path / "mine" / ".scratch"


def test_workers_are_stopped_when_a_record_cannot_be_written(tmp_path, monkeypatch):
    stopped: list[bool] = []

    def workers(jobs, on_progress):
        try:
            yield from inline(jobs, on_progress)
        finally:
            stopped.append(True)

    def full(record, results):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(records, "append", full)
    found = runner.missing(FAST, FAST.cells("smoke"), tmp_path)
    jobs = runner.make_jobs(FAST, found, How("tiny_studies:FAST", "smoke"), results=tmp_path)
    with pytest.raises(OSError, match="No space"):
        runner.execute(FAST, jobs, workers, tmp_path, progress=Progress("fast", 4, io.StringIO()))
    assert stopped == [True]


def test_a_study_with_an_outcome_of_another_kind_of_number_is_recorded_as_floats(
    tmp_path, monkeypatch
):
    import numpy as np

    monkeypatch.setattr(
        tiny_studies, "FAST", Study("fast", 1, "", FAST.cells, partial(_numbers, np.float32(0.5)))
    )
    run(FAST, tmp_path)
    assert records.read("fast", tmp_path)[0].metrics == {"half": 0.5, "two": 2.0}


def _numbers(half, cell, context):
    return Outcome({"half": half, "two": 2})
