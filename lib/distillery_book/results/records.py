"""A record is one run in one line of json: what was run, on what, what came out.

`results/<study>.jsonl` holds a study's records.

Only the runner writes, by `append`; a last line that a crash has torn is dropped with a warning,
and cut off by the next append (`results.lines`). Any other line that is no record, or whose fields
are not as `fields.RULES` say, is refused with the file and its number.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from distillery.support.nearest import unknown
from distillery_book.results import lines
from distillery_book.results.fields import check
from distillery_book.results.study import Cell, Study

Place = tuple[str, int, str]


@dataclass(frozen=True, eq=False)
class Record:
    """One finished run.

    `arrays` is the hash of its stored arrays, `weights` the name and hash of its stored model, or
    None.
    """

    study: str
    version: int
    profile: str
    params: Mapping[str, bool | int | float | str]
    seed: int
    data: str
    fingerprint: str
    metrics: Mapping[str, float]
    departures: Mapping[str, Sequence[Any]]
    seconds: float
    peak_memory_mb: float
    device: str
    precision: str
    threads: int
    versions: Mapping[str, str]
    commit: str | None
    dirty: bool | None
    arrays: str | None
    weights: Mapping[str, str] | None
    finished: str

    @property
    def identity(self) -> str:
        return _digest(self.study, self.version, self.params, self.seed, self.fingerprint)

    @property
    def cell(self) -> Cell:
        return Cell(self.params, self.seed, self.data)

    @cached_property
    def setting(self) -> tuple[str, str, str, str]:
        """Study, parameters, data and fingerprint: what runs have in common that differ in nothing
        but the seed.
        """
        return self.study, _canonical(self.params), self.data, self.fingerprint

    @property
    def place(self) -> Place:
        """The cell it ran, whatever the data's fingerprint, as something to look up."""
        return self.setting[1], self.seed, self.data

    def facts(self) -> dict[str, Any]:
        """What it can be asked for by: seed, data, profile and the parameters."""
        return {"seed": self.seed, "data": self.data, "profile": self.profile, **self.params}

    def fits(self, where: Mapping[str, Any]) -> bool:
        """Whether the parameters (or `seed`, `data`, `profile`) are as in `where`; None fits a run
        that lacks the parameter.
        """
        facts = self.facts()
        return all(
            name not in facts if value is None else name in facts and same(facts[name], value)
            for name, value in where.items()
        )


def identity(study: Study, cell: Cell, fingerprint: str) -> str:
    """What makes two runs the same: study, version, parameters, seed and data fingerprint, as 16
    hex digits.
    """
    return _digest(study.name, study.version, cell.params, cell.seed, fingerprint)


def place(cell: Cell) -> Place:
    """A cell as something to look up; `Record.place` is that of the cell it ran."""
    return _canonical(cell.params), cell.seed, cell.data


def read(study: str | None = None, results: Path | None = None) -> list[Record]:
    """The records of `study` (default: of all), one a run, in the order written; of two with one
    identity the later counts.
    """
    folder = results_folder() if results is None else results
    paths = sorted(folder.glob("*.jsonl")) if study is None else [folder / f"{study}.jsonl"]
    runs: dict[tuple[object, ...], Record] = {}
    for path in (path for path in paths if path.exists()):
        for record in _read_file(path):
            runs[record.study, record.version, record.place[:2], record.fingerprint] = record
    return list(runs.values())


def append(record: Record, results: Path) -> None:
    """Add one line, whole or not at all: locked, flushed, synced; a torn last line is cut off
    first.
    """
    lines.append(results / f"{record.study}.jsonl", _encoded(record))


def mend(study: str, results: Path) -> None:
    """Cut off a torn last line now, with a warning."""
    lines.mend(results / f"{study}.jsonl")


def results_folder(given: str | Path | None = None) -> Path:
    """`given`, else `$DISTILLERY_RESULTS`, else `book/results` of the repository that holds the
    current folder.
    """
    chosen = given or os.environ.get("DISTILLERY_RESULTS")
    if chosen:
        return Path(chosen).absolute()
    root = repository()
    if root is None:
        raise ValueError(
            "no results folder: you are in no clone of the book; name one by $DISTILLERY_RESULTS,"
            " or by --results or results="
        )
    return root / "book" / "results"


def repository() -> Path | None:
    """The nearest folder at or above the current one that holds `_config.yml` and `book/`."""
    here = Path.cwd()
    for path in [here, *here.parents]:
        if (path / "_config.yml").is_file() and (path / "book").is_dir():
            return path
    return None


def same(left: object, right: object) -> bool:
    """Equal as json tells them apart, save that 1 and 1.0 are one number: True is not 1, and "1" is
    not 1.
    """
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _digest(
    study: str, version: int, params: Mapping[str, Any], seed: int, fingerprint: str
) -> str:
    text = _canonical([study, version, dict(params), seed, fingerprint])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


_IN_ORDER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def _canonical(value: Any) -> str:
    return _IN_ORDER.encode(dict(value) if isinstance(value, Mapping) else value)


def _encoded(record: Record) -> bytes:
    """The line of a record, refused if it could not be read back."""
    line = json.dumps(asdict(record), sort_keys=True, allow_nan=False).encode()
    _record(line, record.study)
    return line


def _read_file(path: Path) -> Iterator[Record]:
    for number, line in lines.numbered(path):
        try:
            yield _record(line, path.stem)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}; mend or remove the line") from error


def _record(line: bytes, study: str) -> Record:
    """The record of `study` that a line holds, or what is wrong with it in words."""
    parsed = lines.parsed(line)
    if not isinstance(parsed, dict):
        raise ValueError("this is no json object")
    if parsed.keys() != _FIELDS:
        raise ValueError(_other_fields(parsed.keys()))
    check(parsed, study)
    return Record(**parsed)


def _other_fields(names: Set[str]) -> str:
    missing, extra = sorted(_FIELDS - names), sorted(names - _FIELDS)
    if missing:
        return f"the record lacks {', '.join(missing)}"
    return unknown("record field", extra[0], sorted(_FIELDS))


_FIELDS = frozenset(field.name for field in fields(Record))
