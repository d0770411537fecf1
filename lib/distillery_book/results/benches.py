"""What `make bench` measures: which benchmarks there are, and the table of what was measured.

`book/bench/benchmarks.toml` says of each benchmark what ours is compared with, what the rival is
allowed, and which limit is wanted. `bench.csv` beside it holds a row for each case and rival; a
benchmark that is run again replaces its row.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

from distillery.support.atomic import write_atomically
from distillery.support.nearest import unknown
from distillery_book.results import published

FAST, LONG, MEMORY, BYTES = "times as fast", "times as long", "times the memory", "times the bytes"
SECONDS, MILLISECONDS = "seconds", "milliseconds"
MEASURES = (FAST, LONG, MEMORY, BYTES, SECONDS, MILLISECONDS)
ALONE = (SECONDS, MILLISECONDS)  # a limit for ours, whatever the rival takes
MISSING = "missing"
TABLE, FACTS = "bench.csv", "benchmarks.toml"


@dataclass(frozen=True)
class Benchmark:
    """A comparison in `file` of tests/bench: what is done, by what ours is compared, what the rival
    is `allowed`, and the limit, either `at_least` or `at_most`, in `measure`. `packages` are the
    rivals' packages, whose versions are noted.
    """

    key: str
    file: str
    title: str
    allowed: str
    measure: str
    at_least: float | None = None
    at_most: float | None = None
    packages: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise ValueError(f"{self.key}: {unknown('measure', self.measure, MEASURES)}")
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"benchmark {self.key} needs either at_least or at_most")

    @property
    def limit(self) -> float:
        limits = [one for one in (self.at_least, self.at_most) if one is not None]
        return limits[0]

    def is_met(self, ratio: float) -> bool:
        return ratio >= self.limit if self.at_least is not None else ratio <= self.limit

    def slack(self, ratio: float) -> float:
        """By what factor the limit is met; below 1 it is not. A limit of zero is met by all."""
        best, worst = (ratio, self.limit) if self.at_least is not None else (self.limit, ratio)
        return best / worst if worst else float("inf")


@dataclass(frozen=True)
class Timing:
    """What one way took in each turn, in seconds, or in bytes where bytes are compared, and the
    bytes of memory that it needed at most, None where that was not measured.
    """

    name: str
    taken: Sequence[float]
    peak: float | None = None


@dataclass(frozen=True)
class Row:
    """A row of the table; what was not measured is None. A rival that is not installed has the
    verdict `missing`.
    """

    benchmark: str
    case: str
    ours: str
    peer: str
    ours_median: float | None
    peer_median: float | None
    measure: str
    ratio: float | None
    sense: str
    target: float
    met: str
    ours_peak_mib: float | None
    peer_peak_mib: float | None
    date: str
    processor: str
    versions: str

    @property
    def place(self) -> tuple[str, str, str]:
        return self.benchmark, self.case, self.peer


def folder() -> Path:
    """Where the benchmarks' facts and their table lie, beside the published tables."""
    return published.folder().parent / "bench"


def benchmarks() -> dict[str, Benchmark]:
    """By their keys, in the order of the file."""
    entries = tomllib.loads((folder() / FACTS).read_text(encoding="utf-8"))["benchmark"]
    found = {entry["key"]: Benchmark(**entry) for entry in entries}
    if len(found) < len(entries):
        raise ValueError(f"{folder() / FACTS} describes a benchmark twice")
    return found


def find(key: str) -> Benchmark:
    every = benchmarks()
    if key not in every:
        raise ValueError(unknown("benchmark", key, list(every)))
    return every[key]


def ratio(benchmark: Benchmark, ours: Timing, peer: Timing | None) -> float:
    """What the benchmark's limit is for: of paired turns the median of their ratios."""
    if benchmark.measure in ALONE:
        return median(ours.taken) * (1000 if benchmark.measure == MILLISECONDS else 1)
    if peer is None:
        raise ValueError(f"benchmark {benchmark.key} compares with a rival, and none was measured")
    if benchmark.measure == MEMORY:
        return _memory(benchmark, ours, peer)
    pairs = list(zip(ours.taken, peer.taken, strict=True))
    if benchmark.measure == FAST:
        return median(theirs / mine for mine, theirs in pairs)
    return median(mine / theirs for mine, theirs in pairs)


def row(
    benchmark: Benchmark,
    case: str,
    ours: Timing,
    peer: Timing | None,
    *,
    made_by: Mapping[str, str],
) -> Row:
    """What was measured, on what `made_by` says: processor and versions."""
    found = ratio(benchmark, ours, peer)
    return Row(
        benchmark.key,
        case,
        ours.name,
        peer.name if peer else "",
        median(ours.taken),
        median(peer.taken) if peer else None,
        ratio=found,
        met="yes" if benchmark.is_met(found) else "no",
        ours_peak_mib=_mebibytes(ours),
        peer_peak_mib=_mebibytes(peer),
        **_common(benchmark, made_by),
    )


def missing(benchmark: Benchmark, peer: str, *, made_by: Mapping[str, str]) -> Row:
    """The row of a rival that is not installed."""
    numbers = ("ours_median", "peer_median", "ratio", "ours_peak_mib", "peer_peak_mib")
    nothing: dict[str, Any] = dict.fromkeys(numbers)
    common = _common(benchmark, made_by)
    return Row(benchmark.key, case="", ours="", peer=peer, met=MISSING, **nothing, **common)


def read(path: Path) -> list[Row]:
    """The table, nothing where there is none; a file that is no such table is refused."""
    if not path.is_file():
        return []
    lines = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    return [_parsed(line, f"{path}, line {number}") for number, line in enumerate(lines, 2)]


def write(row: Row, path: Path) -> None:
    """Add a row to the table at `path`, in the order of the benchmarks and in place of an earlier
    one of the same benchmark, case and rival. That a rival is missing is noted where nothing was
    measured beside it before, and forgotten as soon as something is.
    """
    rows = {one.place: one for one in read(path)}
    beside = [one for one in rows.values() if (one.benchmark, one.peer) == row.place[::2]]
    if row.met == MISSING and any(one.met != MISSING for one in beside):
        return
    gone = [one.place for one in beside if one.met == MISSING]
    kept = {place: one for place, one in rows.items() if place not in gone} | {row.place: row}
    order = list(benchmarks())
    every = sorted(kept.values(), key=lambda one: order.index(one.benchmark))
    write_atomically(path, _text(every).encode())


def _text(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(one) for one in rows)
    return text.getvalue()


def _parsed(line: dict[str, Any], place: str) -> Row:
    names = {field.name: field.type for field in fields(Row)}
    if line.keys() != names.keys():
        raise ValueError(f"{place}: a row of the benchmarks has the columns {', '.join(names)}")
    find(line["benchmark"])
    values: dict[str, Any] = {
        name: _value(line[name]) if "float" in str(of) else line[name] for name, of in names.items()
    }
    return Row(**values)


def _value(text: str) -> float | None:
    return float(text) if text else None


def _common(benchmark: Benchmark, made_by: Mapping[str, str]) -> dict[str, Any]:
    """What a row says of the limit, the day, the machine and the packages."""
    packages = {name: version for name, version in made_by.items() if name != "processor"}
    packages |= {name: _version(name) for name in benchmark.packages}
    return {
        "measure": benchmark.measure,
        "sense": "at most" if benchmark.at_least is None else "at least",
        "target": benchmark.limit,
        "date": datetime.now(UTC).date().isoformat(),
        "processor": made_by.get("processor", ""),
        "versions": "; ".join(f"{name} {version}" for name, version in packages.items()),
    }


def _memory(benchmark: Benchmark, ours: Timing, peer: Timing) -> float:
    if ours.peak is None or not peer.peak:
        raise ValueError(f"benchmark {benchmark.key} compares memory, which was not measured")
    return ours.peak / peer.peak


def _mebibytes(timing: Timing | None) -> float | None:
    return None if timing is None or timing.peak is None else timing.peak / 2**20


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"
