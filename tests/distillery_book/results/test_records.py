from __future__ import annotations

import fcntl
import json
import threading
from dataclasses import asdict, fields

import pytest

from distillery_book.results import records
from distillery_book.results.records import Record
from distillery_book.results.study import Cell, Outcome, Study
from made_records import record


def test_what_is_appended_is_read_back_field_by_field(tmp_path):
    records.append(record(), tmp_path)
    records.append(
        record(seed=1, arrays="0" * 16, weights={"name": "w", "hash": "1" * 16}), tmp_path
    )
    assert [asdict(one) for one in records.read("walk", tmp_path)] == [
        asdict(record()),
        asdict(record(seed=1, arrays="0" * 16, weights={"name": "w", "hash": "1" * 16})),
    ]


def test_a_record_is_one_line_of_strict_json_with_sorted_keys(tmp_path):
    records.append(record(params={"z": 1, "a": "two\nlines"}), tmp_path)
    (line,) = (tmp_path / "walk.jsonl").read_text().splitlines()
    assert list(json.loads(line)) == sorted(field.name for field in fields(Record))
    assert json.dumps(json.loads(line), sort_keys=True) == line


def test_a_number_that_json_lacks_is_never_written(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        records.append(record(metrics={"loss": float("nan")}), tmp_path)
    assert records.read("walk", tmp_path) == []


def test_no_records_are_an_empty_list(tmp_path):
    assert records.read("walk", tmp_path) == records.read(None, tmp_path) == []


def test_without_a_name_the_records_of_all_studies_are_read(tmp_path):
    records.append(record(), tmp_path)
    records.append(record(study="run"), tmp_path)
    assert sorted(one.study for one in records.read(None, tmp_path)) == ["run", "walk"]


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_torn_last_line_is_dropped_with_a_warning_and_cut_off_by_the_next_append(tmp_path, share):
    records.append(record(), tmp_path)
    whole = (tmp_path / "walk.jsonl").read_bytes()
    (tmp_path / "walk.jsonl").write_bytes(
        whole + whole[: max(1, int(share * len(whole)))].rstrip(b"\n")
    )
    with pytest.warns(
        UserWarning, match=r"walk\.jsonl: the last line \(2\) is torn and was dropped"
    ):
        assert len(records.read("walk", tmp_path)) == 1
    with pytest.warns(UserWarning, match="cut off"):
        records.append(record(seed=1), tmp_path)
    assert [one.seed for one in records.read("walk", tmp_path)] == [0, 1]


def test_a_torn_first_line_is_dropped_too(tmp_path):
    (tmp_path / "walk.jsonl").write_bytes(b'{"study": "wa')
    with pytest.warns(UserWarning, match=r"last line \(1\)"):
        assert records.read("walk", tmp_path) == []
    with pytest.warns(UserWarning, match="cut off"):
        records.append(record(), tmp_path)
    assert len(records.read("walk", tmp_path)) == 1


def test_a_whole_last_line_that_lost_its_newline_is_kept(tmp_path):
    records.append(record(), tmp_path)
    path = tmp_path / "walk.jsonl"
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert len(records.read("walk", tmp_path)) == 1
    records.append(record(seed=1), tmp_path)
    assert [one.seed for one in records.read("walk", tmp_path)] == [0, 1]


@pytest.mark.parametrize("broken", ["{torn", "[1]", '{"study": "walk"}', '{"loss": NaN}'])
def test_a_broken_middle_line_is_refused_with_file_and_line_number(tmp_path, broken):
    records.append(record(), tmp_path)
    path = tmp_path / "walk.jsonl"
    line = path.read_text()
    path.write_text(line + "\n" + broken + "\n" + line)
    with pytest.raises(ValueError, match=r"walk\.jsonl, line 3: "):
        records.read("walk", tmp_path)


def test_a_line_with_a_field_too_many_is_refused_by_name(tmp_path):
    (tmp_path / "walk.jsonl").write_text(json.dumps({**asdict(record()), "second": 1}) + "\n")
    with pytest.raises(
        ValueError, match=r"line 1: unknown record field 'second'; did you mean 'seconds'\?"
    ):
        records.read("walk", tmp_path)


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    records.append(record(), tmp_path)
    before = (tmp_path / "walk.jsonl").read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(records.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        records.append(record(seed=1), tmp_path)
    assert (tmp_path / "walk.jsonl").read_bytes() == before


def test_appending_waits_for_the_lock_of_another(tmp_path):
    path = tmp_path / "walk.jsonl"
    with open(path, "a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        other = threading.Thread(target=records.append, args=(record(), tmp_path))
        other.start()
        other.join(0.3)
        assert other.is_alive()
        assert path.stat().st_size == 0
        fcntl.flock(held, fcntl.LOCK_UN)
        other.join(10)
    assert not other.is_alive()
    assert len(records.read("walk", tmp_path)) == 1


def test_of_two_records_of_one_run_the_later_counts(tmp_path):
    records.append(record(metrics={"loss": 1.0}), tmp_path)
    records.append(record(metrics={"loss": 2.0}), tmp_path)
    assert [one.metrics["loss"] for one in records.read("walk", tmp_path)] == [2.0]


def test_identity_is_study_version_params_seed_and_fingerprint_and_nothing_else():
    changes = {"study": "run", "version": 2, "params": {"width": 9}, "seed": 1, "fingerprint": "f"}
    assert (
        len(
            {
                record().identity,
                *(record(**{name: value}).identity for name, value in changes.items()),
            }
        )
        == 6
    )
    others = {field.name: "other" for field in fields(Record) if field.name not in changes}
    assert all(
        record(**{name: value}).identity == record().identity for name, value in others.items()
    )


def test_identity_ignores_the_order_of_parameters_and_tells_numbers_from_strings():
    assert record(params={"a": 1, "b": 2}).identity == record(params={"b": 2, "a": 1}).identity
    assert len({record(params={"a": value}).identity for value in (1, "1", True, 1.5)}) == 4


def test_a_cell_and_its_record_have_one_identity():
    study = Study("walk", 1, "", lambda profile: [], lambda cell, context: Outcome({}))
    assert records.identity(study, Cell({"width": 8}, 0), "none") == record().identity


def test_records_of_another_version_do_not_count(tmp_path):
    study = Study(
        "walk", 2, "", lambda profile: [Cell({"width": 8}, 0)], lambda cell, context: Outcome({})
    )
    records.append(record(), tmp_path)
    records.append(record(version=2), tmp_path)
    assert [one.version for one in records.current(study, tmp_path)] == [2]


def test_records_of_cells_that_the_study_no_longer_has_at_any_profile_do_not_count(tmp_path):
    cells = {
        "smoke": [],
        "laptop": [Cell({"width": 8}, 0)],
        "paper": [Cell({"width": 9}, 0), Cell({"width": 8}, 1)],
    }
    study = Study("walk", 1, "", cells.__getitem__, lambda cell, context: Outcome({}))
    for made in (
        record(),
        record(params={"width": 7}),
        record(seed=1),
        record(seed=2),
        record(data="mnist", fingerprint="m"),
    ):
        records.append(made, tmp_path)
    assert [(one.params, one.seed, one.data) for one in records.current(study, tmp_path)] == [
        ({"width": 8}, 0, "none"),
        ({"width": 8}, 1, "none"),
    ]


def test_a_cell_is_matched_by_parameters_seed_and_data_whatever_the_fingerprint():
    found = [
        record(data="mnist", fingerprint="a"),
        record(data="mnist", fingerprint="b"),
        record(data="embedded:digits"),
        record(seed=1),
    ]
    assert records.matching(found, Cell({"width": 8}, 0, "mnist")) == found[:2]


def test_a_record_fits_where_its_parameters_seed_data_and_profile_agree():
    assert record().fits({"width": 8, "seed": 0, "data": "none", "profile": "smoke"})
    assert not record().fits({"width": 9})
    assert not record().fits({"height": 8})


def test_none_fits_a_record_that_lacks_the_parameter():
    assert record().fits({"width": 8, "height": None})
    assert not record().fits({"width": None})


def test_true_is_not_one_and_one_is_one_point_zero():
    assert records.same(1, 1.0)
    assert not records.same(True, 1)
    assert not records.same("1", 1)


def test_the_results_folder_is_the_one_given_else_the_environments_else_the_books(
    tmp_path, monkeypatch
):
    monkeypatch.delenv("DISTILLERY_RESULTS", raising=False)
    (tmp_path / "book" / "deep").mkdir(parents=True)
    (tmp_path / "_config.yml").touch()
    monkeypatch.chdir(tmp_path / "book" / "deep")
    assert records.results_folder() == tmp_path / "book" / "results"
    monkeypatch.setenv("DISTILLERY_RESULTS", str(tmp_path / "other"))
    assert records.results_folder() == tmp_path / "other"
    assert records.results_folder("here") == tmp_path / "book" / "deep" / "here"


def test_outside_a_clone_a_results_folder_must_be_named(tmp_path, monkeypatch):
    monkeypatch.delenv("DISTILLERY_RESULTS", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ValueError,
        match=(
            r"no results folder: .* name one by \$DISTILLERY_RESULTS, or by --results or results="
        ),
    ):
        records.results_folder()
