"""The page on speed: what `make bench` last measured beside what was wanted, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from distillery_book.results import benches
from distillery_book.results.benches import (
    BYTES,
    FAST,
    MISSING,
    SECONDS,
    TABLE,
    Benchmark,
    Row,
)
from distillery_book.site.costs import laid_out

HEAD = ("what, beside whom", "of cases", "ratio", "wanted", "met", "ours", "rival's", "MiB")
NOTHING = "No measurement is recorded yet: `make bench` makes them."
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def finding(rows: Sequence[Row]) -> str:
    """In a sentence, how many limits are met, and which rivals are missing."""
    if not rows:
        return NOTHING
    worst = [_worst(cases) for cases in _grouped(rows) if cases[0].met != MISSING]
    met = sum(row.met == "yes" for row in worst)
    gone = [row.peer for row in rows if row.met == MISSING]
    more = f"; not installed, and so not measured: {', '.join(gone)}" if gone else ""
    return f"{met} of {len(worst)} comparisons meet what was wanted{more}."


def table(rows: Sequence[Row]) -> str:
    """A row for each benchmark and rival, with the case that lies furthest on the wrong side."""
    if not rows:
        return ""
    told = [_told(cases) for cases in _grouped(rows)]
    return laid_out(HEAD, told, texts=1)


def machines(rows: Sequence[Row]) -> str:
    """A point for each day and processor, with the versions of what was measured there."""
    made: dict[tuple[str, str], dict[str, None]] = {}
    for row in rows:
        packages = made.setdefault((row.date, row.processor), {})
        packages |= dict.fromkeys(row.versions.split("; "))
    return "\n".join(
        f"- {date}, on {processor or 'a processor without a name'}: {', '.join(packages)}"
        for (date, processor), packages in made.items()
    )


def rivals() -> str:
    """A point for each benchmark: what is compared, which limit, and what the rival is allowed."""
    return "\n".join(
        f"- **{one.title}:** {_wanted(one)}. {one.allowed}" for one in benches.benchmarks().values()
    )


def recorded() -> list[Row]:
    return benches.read(benches.folder() / TABLE)


def _grouped(rows: Sequence[Row]) -> list[list[Row]]:
    """The cases of each benchmark beside each rival."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.benchmark, row.peer), []).append(row)
    return list(groups.values())


def _worst(cases: Sequence[Row]) -> Row:
    benchmark = benches.find(cases[0].benchmark)
    return min(cases, key=lambda row: benchmark.slack(row.ratio or 0.0))


def _told(cases: Sequence[Row]) -> tuple[str, ...]:
    row = _worst(cases)
    benchmark = benches.find(row.benchmark)
    beside = f"; {row.peer}" if len(benchmark.packages) > 1 else ""
    name = benchmark.title + (f" ({row.case}{beside})" if row.case else "")
    wanted = _limit(benchmark)
    if row.met == MISSING or row.ratio is None:
        return name, "", f"{row.peer} is missing", wanted, "", "", "", ""
    met = f"{sum(one.met == 'yes' for one in cases)} of {len(cases)}"
    medians = (_amount(row, one) for one in (row.ours_median, row.peer_median))
    memory = ", ".join(
        f"{one:.0f}" for one in (row.ours_peak_mib, row.peer_peak_mib) if one is not None
    )
    digits = 4 if row.measure == BYTES else 3
    return name, met, f"{row.ratio:.{digits}g} {row.measure}", wanted, row.met, *medians, memory


def _limit(benchmark: Benchmark) -> str:
    return f"{'at most' if benchmark.at_least is None else 'at least'} {benchmark.limit:g}"


def _wanted(benchmark: Benchmark) -> str:
    """The limit in words."""
    in_words = {(FAST, 1.0): "at least as fast", (SECONDS, 1.0): "at most one second"}
    plain = f"{_limit(benchmark)} {benchmark.measure}"
    return in_words.get((benchmark.measure, benchmark.limit), plain)


def _amount(row: Row, amount: float | None) -> str:
    if amount is None:
        return ""
    if row.measure == BYTES:
        return f"{amount:,.0f} bytes"
    size, unit = next((pair for pair in UNITS if amount >= pair[0]), UNITS[-1])
    return f"{amount / size:.3g} {unit}"
