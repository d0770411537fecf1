from __future__ import annotations

import fcntl
import json
import threading
import warnings
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

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


def changed(**changes: Any) -> bytes:
    """The line of a record with fields that no run writes."""
    return json.dumps({**asdict(record()), **changes}).encode()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("study", "run", "study is 'run'; 'walk', the file's own name is needed"),
        ("study", 1, "study is 1; a text"),
        ("version", "1", "version is '1'; a whole number of 1 or more is needed"),
        ("version", 0, "version is 0;"),
        ("version", True, "version is True;"),
        ("version", 1.0, "version is 1.0;"),
        ("profile", "lunch", "profile is 'lunch'; smoke or laptop or paper is needed"),
        ("profile", ["paper"], r"profile is \['paper'\];"),
        ("params", None, "params is None; a json object is needed"),
        ("params", [], r"params is \[\]; a json object"),
        (
            "params",
            {"width": None},
            r"params\['width'\] is None; a bool, a finite number or a text",
        ),
        ("params", {"width": [8]}, r"params\['width'\] is \[8\]"),
        ("params", {"": 8}, "a name in params is ''"),
        ("seed", "0", "seed is '0'; a whole number"),
        ("seed", 0.5, "seed is 0.5;"),
        ("seed", False, "seed is False;"),
        ("seed", 2**64, "seed is 18446744073709551616;"),
        ("data", None, "data is None; a text"),
        ("data", "", "data is ''; a text that is not empty"),
        ("data", "\ud800", r"data is '\\ud800'; a text"),
        ("fingerprint", 7, "fingerprint is 7;"),
        ("metrics", None, "metrics is None; a json object"),
        ("metrics", [0.5], r"metrics is \[0.5\]; a json object"),
        ("metrics", {"loss": "low"}, r"metrics\['loss'\] is 'low'; a finite number is needed"),
        ("metrics", {"loss": None}, r"metrics\['loss'\] is None;"),
        ("metrics", {"loss": True}, r"metrics\['loss'\] is True;"),
        ("metrics", {"loss": 10**400}, r"metrics\['loss'\] is 1000"),
        ("departures", None, "departures is None; a json object"),
        ("departures", {"passes": [500]}, r"departures\['passes'\] is \[500\]; a pair"),
        ("departures", {"passes": "ab"}, r"departures\['passes'\] is 'ab'; a pair"),
        ("departures", {"passes": [1, {"a": 1}]}, r"departures\['passes'\] is .*; a pair"),
        ("seconds", None, "seconds is None; a finite number of 0 or more is needed"),
        ("seconds", -1, "seconds is -1;"),
        ("seconds", "1", "seconds is '1';"),
        ("peak_memory_mb", [], r"peak_memory_mb is \[\];"),
        ("device", None, "device is None;"),
        ("precision", "float8", "precision is 'float8'; float32 or float64"),
        ("threads", 0, "threads is 0; a whole number of 1 or more"),
        ("versions", {"python": 3.11}, r"versions\['python'\] is 3.11; a text is needed"),
        ("commit", "main", "commit is 'main'; a commit's hexadecimal digits, or null,"),
        ("dirty", 1, "dirty is 1; true, false or null"),
        ("arrays", "../weights", "arrays is '../weights'; a hash"),
        ("weights", "nade", "weights is 'nade'; an object with name and hash, or null,"),
        ("weights", {"name": "nade"}, "weights is {'name': 'nade'};"),
        ("finished", "yesterday", "finished is 'yesterday'; a date and time"),
        ("finished", None, "finished is None;"),
    ],
)
def test_a_field_of_the_wrong_type_or_range_is_refused_with_file_line_and_value(
    tmp_path: Path, field: str, value: Any, said: str
) -> None:
    path = tmp_path / "walk.jsonl"
    path.write_bytes(changed(seed=1) + b"\n" + changed(**{field: value}) + b"\n")
    with pytest.raises(ValueError, match=rf"walk\.jsonl, line 2: {said}") as refused:
        records.read("walk", tmp_path)
    assert len(str(refused.value)) < 400 + len(str(path))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"0.125", b"1e999", r"metrics\['loss'\] is inf; a finite number"),
        (b"0.125", b"NaN", "NaN is no json number"),
        (b"500", b"-1e999", r"departures\['passes'\] is \[-inf, 20\]; a pair"),
        (b"1.5", b"Infinity", "Infinity is no json number"),
        (b'"seed": 0', b'"seed": 0, "seed": 1', "the key 'seed' stands here twice"),
        (b'"loss": 0.125', b'"loss": 1, "loss": 2', "the key 'loss' stands here twice"),
        (b'"none"', b'"n\xffne"', "this holds bytes that are no UTF-8"),
        (b"0.125", b"1" * 5000, "Exceeds the limit"),
        (b"0.125", b"[" * 100_000, "this is nested too deeply for a record"),
        (b"{", b"", "this is no json object"),
    ],
)
@pytest.mark.parametrize("ending", [b"\n", b"\n" + changed(seed=1) + b"\n"], ids=["last", "middle"])
def test_bytes_that_are_no_strict_json_are_refused_even_in_the_last_line(
    tmp_path: Path, old: bytes, new: bytes, said: str, ending: bytes
) -> None:
    (tmp_path / "walk.jsonl").write_bytes(changed().replace(old, new, 1) + ending)
    with pytest.raises(ValueError, match=rf"walk\.jsonl, line 1: {said}"):
        records.read("walk", tmp_path)


@pytest.mark.parametrize(
    "tail", [b"\xff\xfe", b'{"study": "w\xff', b"[" * 100_000, b'{"loss": NaN}', b"7"]
)
def test_what_no_crash_leaves_is_refused_and_neither_dropped_nor_cut_off(
    tmp_path: Path, tail: bytes
) -> None:
    path = tmp_path / "walk.jsonl"
    path.write_bytes(changed() + b"\n" + tail)
    with pytest.raises(ValueError, match=r"walk\.jsonl, line 2: "):
        records.read("walk", tmp_path)
    records.mend("walk", tmp_path)
    assert path.read_bytes() == changed() + b"\n" + tail + b"\n"


def test_appending_after_a_damaged_line_keeps_both(tmp_path: Path) -> None:
    path = tmp_path / "walk.jsonl"
    path.write_bytes(b"{damaged}\n")
    records.append(record(), tmp_path)
    first, second = path.read_bytes().splitlines()
    assert (first, json.loads(second)["seed"]) == (b"{damaged}", 0)


def test_what_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="seconds is -1; a finite number of 0 or more is needed"):
        records.append(record(seconds=-1), tmp_path)
    assert not (tmp_path / "walk.jsonl").exists()


def test_a_departure_may_be_a_text_several_numbers_or_what_the_paper_leaves_open(
    tmp_path: Path,
) -> None:
    departures = {"optimizer": ["SGD", "Adam"], "layers": [[784, 10], [784, 5]], "batch": [None, 5]}
    records.append(record(departures=departures), tmp_path)
    assert [dict(one.departures) for one in records.read("walk", tmp_path)] == [departures]


def test_every_line_of_the_book_is_read_as_it_stands() -> None:
    folder = Path(__file__).resolve().parents[3] / "book" / "results"
    lines = [line for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = records.read(None, folder)
    assert {json.dumps(asdict(one), sort_keys=True) for one in kept} <= set(lines)
    assert len({one.identity for one in kept}) == len(kept) > 1000


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


def test_a_cell_and_its_record_have_one_place_whatever_the_fingerprint() -> None:
    cell = Cell({"width": 8}, 0, "mnist")
    runs = [record(data="mnist", fingerprint=text) for text in "ab"]
    assert {run.place for run in runs} == {records.place(cell)}
    others = [record(), record(data="mnist", seed=1), record(data="mnist", params={"width": 8.0})]
    assert records.place(cell) not in {run.place for run in others}


def test_identity_ignores_the_order_of_parameters_and_tells_numbers_from_strings():
    assert record(params={"a": 1, "b": 2}).identity == record(params={"b": 2, "a": 1}).identity
    assert len({record(params={"a": value}).identity for value in (1, "1", True, 1.5)}) == 4


def test_a_cell_and_its_record_have_one_identity():
    study = Study("walk", 1, "", lambda profile: [], lambda cell, context: Outcome({}))
    assert records.identity(study, Cell({"width": 8}, 0), "none") == record().identity


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
