"""A record is one run in one line of json: what was run, on what, what came out.

`results/<study>.jsonl` holds a study's records.

Only the runner writes, by `append`: under a lock, flushed and synced, so a crash can tear the last
line alone. A torn last line is dropped with a warning, and cut off by the next append; a broken
line anywhere else is refused, with its number.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any

from distillery.support.atomic import sync_folder
from distillery.support.nearest import unknown
from distillery_book.results.study import PROFILES, Cell, Study


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

    def fits(self, where: Mapping[str, Any]) -> bool:
        """Whether the parameters (or `seed`, `data`, `profile`) are as in `where`; None fits a run
        that lacks the parameter.
        """
        own = {"seed": self.seed, "data": self.data, "profile": self.profile, **self.params}
        return all(
            name not in own if value is None else name in own and same(own[name], value)
            for name, value in where.items()
        )


def identity(study: Study, cell: Cell, fingerprint: str) -> str:
    """What makes two runs the same: study, version, parameters, seed and data fingerprint, as 16
    hex digits.
    """
    return _digest(study.name, study.version, cell.params, cell.seed, fingerprint)


def read(study: str | None = None, results: Path | None = None) -> list[Record]:
    """The records of `study` (default: of all), one a run, in the order written; of two with one
    identity the later counts.
    """
    folder = results_folder() if results is None else results
    paths = sorted(folder.glob("*.jsonl")) if study is None else [folder / f"{study}.jsonl"]
    found = {
        record.identity: record for path in paths if path.exists() for record in _read_file(path)
    }
    return list(found.values())


def current(study: Study, results: Path | None = None) -> list[Record]:
    """The records of `study` that count: those of its present version, of cells that it still has
    at some profile.
    """
    known = {
        _place(cell.params, cell.seed, cell.data)
        for profile in PROFILES
        for cell in study.cells(profile)
    }
    runs = (record for record in read(study.name, results) if record.version == study.version)
    return [record for record in runs if _place(record.params, record.seed, record.data) in known]


def matching(records: Iterable[Record], cell: Cell) -> list[Record]:
    """The records of a cell whatever its data's fingerprint: what a reader without the data can
    know.
    """
    place = _place(cell.params, cell.seed, cell.data)
    return [
        record for record in records if _place(record.params, record.seed, record.data) == place
    ]


def append(record: Record, results: Path) -> None:
    """Add one line, whole or not at all: locked, flushed, synced; a torn last line is cut off
    first.
    """
    line = _encoded(record)
    path = results / f"{record.study}.jsonl"
    is_new = not path.exists()
    with open(path, "a+b") as file, _locked(file, fcntl.LOCK_EX):
        _mend(file, path)
        size = file.seek(0, os.SEEK_END)
        try:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            os.ftruncate(file.fileno(), size)  # a full disk leaves no half line behind
            raise
    if is_new:
        sync_folder(results)


def mend(study: str, results: Path) -> None:
    """Cut off a torn last line now, with a warning."""
    path = results / f"{study}.jsonl"
    if path.exists():
        with open(path, "a+b") as file, _locked(file, fcntl.LOCK_EX):
            _mend(file, path)


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
    return next(
        (
            path
            for path in [here, *here.parents]
            if (path / "_config.yml").is_file() and (path / "book").is_dir()
        ),
        None,
    )


def same(left: object, right: object) -> bool:
    """Equal as json tells them apart, save that 1 and 1.0 are one number: True is not 1, and "1" is
    not 1.
    """
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _place(params: Mapping[str, Any], seed: int, data: str) -> tuple[str, int, str]:
    return _canonical(params), seed, data


def _digest(
    study: str, version: int, params: Mapping[str, Any], seed: int, fingerprint: str
) -> str:
    text = _canonical([study, version, dict(params), seed, fingerprint])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _canonical(value: Any) -> str:
    plain = dict(value) if isinstance(value, Mapping) else value
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _encoded(record: Record) -> bytes:
    return (json.dumps(asdict(record), sort_keys=True, allow_nan=False) + "\n").encode()


def _read_file(path: Path) -> Iterator[Record]:
    with open(path, "rb") as file, _locked(file, fcntl.LOCK_SH):
        lines = file.read().splitlines()
    last = max((number for number, line in enumerate(lines, 1) if line.strip()), default=0)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        parsed = _parsed(line)
        if parsed is None and number == last:
            warnings.warn(
                f"{path}: the last line ({number}) is torn and was dropped; its run will be made"
                " again",
                stacklevel=4,
            )
            return
        yield _record(parsed, f"{path}, line {number}")


def _parsed(line: bytes) -> Any:
    """The json of a line, or None: a prefix of an object is never an object, so a torn line cannot
    be mistaken for a whole one.
    """
    try:
        return json.loads(line, parse_constant=_refuse_constant)
    except ValueError:
        return None


def _record(parsed: Any, place: str) -> Record:
    if not isinstance(parsed, dict):
        raise ValueError(f"{place}: this is no json object; mend or remove the line")
    known = {f.name for f in fields(Record)}
    if missing := sorted(known - parsed.keys()):
        raise ValueError(f"{place}: the record lacks {', '.join(missing)}; mend or remove the line")
    if extra := sorted(parsed.keys() - known):
        raise ValueError(f"{place}: {unknown('record field', extra[0], sorted(known))}")
    return Record(**parsed)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no json number")


def _mend(file: IO[bytes], path: Path) -> None:
    """Cut off a torn last line; give a whole one that lost its newline its newline back."""
    file.seek(0)
    content = file.read()
    *_, tail = content.rstrip().rsplit(b"\n", 1)
    if tail and _parsed(tail) is None:
        warnings.warn(
            f"{path}: the torn last line was cut off; its run will be made again", stacklevel=3
        )
        file.truncate(content.rfind(tail))
    elif tail and not content.endswith(b"\n"):
        file.write(b"\n")


@contextmanager
def _locked(file: IO[bytes], how: int) -> Iterator[None]:
    fcntl.flock(file, how)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
