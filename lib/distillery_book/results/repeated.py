"""Outcomes of recorded runs that were made again: `results/repeats/STUDY.jsonl`, a line each."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from distillery_book.results import lines
from distillery_book.results.fields import RULES_OF_REPEATS, check_rules

IDENTICAL, NEAR, DIFFERS = "identical", "near", "differs"
WITHIN, OUTSIDE = "within the spread", "outside the spread"
FAILED = "failed"
GOOD = (IDENTICAL, NEAR, WITHIN)
VERDICTS = (*GOOD, DIFFERS, OUTSIDE, FAILED)


@dataclass(frozen=True)
class Repeat:
    """What came of a run that was made again.

    `worst` is the metric that is furthest off by what is `allowed`, `recorded` its recorded value
    (for a fresh seed the mean over seeds), `found` its value now. `changed` names what is not as it
    was when the run was recorded.
    """

    study: str
    params: Mapping[str, Any]
    seed: int
    data: str
    is_fresh: bool
    verdict: str
    metrics: int
    worst: str
    recorded: float | None
    found: float | None
    allowed: float | None
    seconds: float | None
    changed: Sequence[str]
    versions: Mapping[str, str]
    commit: str | None
    finished: str
    error: str = ""


def append(repeat: Repeat, results: Path) -> Path:
    """Add an outcome to `repeats/STUDY.jsonl` of the results folder: its line, whole or not at
    all.
    """
    path = results / "repeats" / f"{repeat.study}.jsonl"
    path.parent.mkdir(exist_ok=True)
    lines.append(path, json.dumps(asdict(repeat), sort_keys=True, allow_nan=False).encode())
    return path


def read(results: Path) -> list[Repeat]:
    """All outcomes, study by study, in the order in which they were written."""
    return [
        _repeat(line, f"{path}, line {number}")
        for path in sorted((results / "repeats").glob("*.jsonl"))
        for number, line in lines.numbered(path)
    ]


def _repeat(line: bytes, place: str) -> Repeat:
    try:
        return _outcome(lines.parsed(line))
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def _outcome(parsed: Any) -> Repeat:
    names = {field.name for field in fields(Repeat)}
    if not isinstance(parsed, dict) or parsed.keys() != names:
        raise ValueError(f"an outcome has the fields {', '.join(sorted(names))}")
    if parsed["verdict"] not in VERDICTS:
        verdict = reprlib.repr(parsed["verdict"])
        raise ValueError(f"verdict is {verdict}; {', '.join(VERDICTS)} are known")
    check_rules(parsed, RULES_OF_REPEATS)
    return Repeat(**parsed)
