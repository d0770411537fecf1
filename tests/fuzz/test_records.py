"""Records and the outcomes of repeats, altered."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from distillery_book.results import records, repeated
from made_records import outcome, record
from mutations import of_json_lines
from strangers import Format, try_all


def written(folder: Path) -> bytes:
    for seed in range(3):
        records.append(record(seed=seed, params={"width": 8, "kind": "ä"}), folder)
    return (folder / "walk.jsonl").read_bytes()


def whole_lines(answer: list[Any], content: bytes) -> None:
    """Every record is what a line says, and no line but a torn last one is left out."""
    lines = [line for line in content.splitlines() if line.strip()]
    parsed = [json.loads(line) for line in lines[:-1]]
    parsed += [json.loads(lines[-1])] if lines and _is_json(lines[-1]) else []
    said = [asdict(one) for one in answer]
    assert all(one in parsed for one in said)
    assert {records._canonical(one["params"]) + str(one["seed"]) for one in said} == {
        records._canonical(one["params"]) + str(one["seed"]) for one in parsed
    }


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def test_altered_records_are_those_of_the_lines_or_are_refused(tmp_path: Path) -> None:
    content = written(tmp_path)
    kind = Format(
        lambda path: records.read("walk", path.parent), "walk.jsonl", [of_json_lines], whole_lines
    )
    assert try_all(kind, [content], tmp_path, times=2) > 0


def test_altered_outcomes_are_those_of_the_lines_or_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "repeats"
    for seed in range(2):
        repeated.append(outcome(seed=seed), tmp_path)
    content = (folder / "walk.jsonl").read_bytes()
    kind = Format(
        lambda path: repeated.read(path.parent.parent), "walk.jsonl", [of_json_lines], _well_formed
    )
    assert try_all(kind, [content], folder) > 0


def _well_formed(answer: list[repeated.Repeat], content: bytes) -> None:
    for one in answer:
        assert isinstance(one.params, dict)
        assert isinstance(one.seed, int)
        assert one.verdict in repeated.VERDICTS
        assert one.found is None or abs(one.found) < float("inf")
        json.dumps(asdict(one), allow_nan=False)
