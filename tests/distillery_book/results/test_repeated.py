from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from distillery_book.results import repeated
from made_records import outcome

OUTCOME = outcome(study="one_loop")


def test_what_is_appended_is_read_back_in_order(tmp_path: Path) -> None:
    outcomes = [OUTCOME, replace(OUTCOME, seed=4), replace(OUTCOME, study="density")]
    paths = {repeated.append(one, tmp_path) for one in outcomes}
    assert {path.name for path in paths} == {"one_loop.jsonl", "density.jsonl"}
    assert repeated.read(tmp_path) == [outcomes[2], outcomes[0], outcomes[1]]


def test_a_folder_without_outcomes_has_none(tmp_path: Path) -> None:
    assert repeated.read(tmp_path) == []


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("{", "is no json object"),
        ("[]", "an outcome has the fields allowed, "),
        (json.dumps({"study": "one_loop"}), "an outcome has the fields allowed, "),
        (json.dumps({**asdict(OUTCOME), "verdict": "fine"}), "verdict is 'fine'; identical, near,"),
        (json.dumps({**asdict(OUTCOME), "seed": "three"}), "seed is 'three'; a whole number"),
        (json.dumps({**asdict(OUTCOME), "changed": 3}), "changed is 3; a list of texts is needed"),
        (json.dumps({**asdict(OUTCOME), "found": "much"}), "found is 'much'; a finite number, or"),
        (json.dumps({**asdict(OUTCOME), "found": float("nan")}), "NaN is no json number"),
        ("[" * 100_000, "this is nested too deeply"),
    ],
)
def test_another_line_is_refused_with_its_place(tmp_path: Path, line: str, named: str) -> None:
    path = repeated.append(OUTCOME, tmp_path)
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ValueError, match=r"one_loop\.jsonl, line 2: ") as refused:
        repeated.read(tmp_path)
    assert named in str(refused.value)


def test_bytes_that_are_no_text_are_refused_with_file_and_line(tmp_path: Path) -> None:
    path = repeated.append(OUTCOME, tmp_path)
    path.write_bytes(path.read_bytes() + b"\xd0\xd0\n")
    with pytest.raises(
        ValueError, match=r"one_loop\.jsonl, line 2: this holds bytes that are no UTF"
    ):
        repeated.read(tmp_path)


def test_a_torn_last_outcome_is_dropped_with_a_warning_and_cut_off_by_the_next(
    tmp_path: Path,
) -> None:
    path = repeated.append(OUTCOME, tmp_path)
    path.write_bytes(path.read_bytes() + b'{"allowed": 0.0')
    with pytest.warns(UserWarning, match=r"the last line \(2\) is torn"):
        assert repeated.read(tmp_path) == [OUTCOME]
    with pytest.warns(UserWarning, match="the torn last line was cut off"):
        repeated.append(replace(OUTCOME, seed=4), tmp_path)
    assert repeated.read(tmp_path) == [OUTCOME, replace(OUTCOME, seed=4)]
