"""The table of benchmarks holds what was measured, judged by the limits that are declared."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from distillery_book.results import benches
from distillery_book.results.benches import Benchmark, Row, Timing

ROOT = Path(__file__).resolve().parents[3]
FAST = Benchmark("nade", "bench_nade.py", "T", "A.", benches.FAST, at_least=5)
MADE_BY = {"python": "3.11.7", "torch": "2.15.0", "processor": "Some CPU"}
OURS = Timing("ours", [1.0, 2.0, 4.0], 2**20)
PEER = Timing("peer", [3.0, 12.0, 40.0], 2**22)


def row(case: str = "", peer: str = "peer", **changes: object) -> Row:
    made = benches.row(FAST, case, OURS, replace(PEER, name=peer), made_by=MADE_BY)
    return replace(made, **changes)


def measured(measure: str, **limit: float) -> float:
    benchmark = Benchmark("x", "f", "T", "A.", measure, **(limit or {"at_most": 1.0}))
    return benches.ratio(benchmark, OURS, PEER)


def test_a_ratio_is_the_median_of_paired_ratios_and_not_the_ratio_of_medians() -> None:
    uneven = Timing("peer", [30.0, 12.0, 4.0])
    assert benches.ratio(FAST, OURS, uneven) == 6.0
    assert measured(benches.FAST) == 6.0
    assert measured(benches.LONG) == pytest.approx(1 / 6)


def test_memory_is_compared_by_peaks_and_a_limit_for_ours_alone_by_its_median() -> None:
    assert measured(benches.MEMORY) == 0.25
    assert measured(benches.SECONDS) == 2.0
    assert measured(benches.MILLISECONDS) == 2000.0


def test_a_row_says_both_medians_the_limit_and_who_measured() -> None:
    found = row("batch 20")
    assert (found.ours_median, found.peer_median, found.ratio) == (2.0, 12.0, 6.0)
    assert (found.sense, found.target, found.met) == ("at least", 5, "yes")
    assert (found.ours_peak_mib, found.peer_peak_mib) == (1.0, 4.0)
    assert (found.processor, found.versions) == ("Some CPU", "python 3.11.7; torch 2.15.0")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", found.date)


@pytest.mark.parametrize(
    ("limit", "ratio", "met"),
    [({"at_least": 5}, 4.9, False), ({"at_least": 5}, 5.0, True),
     ({"at_most": 5}, 5.1, False), ({"at_most": 5}, 5.0, True)],
)  # fmt: skip
def test_a_limit_is_met_on_its_own_side(limit: dict[str, float], ratio: float, met: bool) -> None:
    benchmark = Benchmark("x", "f", "T", "A.", benches.FAST, **limit)
    assert benchmark.is_met(ratio) is met
    assert (benchmark.slack(ratio) >= 1) is met


def test_what_is_written_is_read_again_and_a_later_row_takes_the_earlier_ones_place(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bench.csv"
    assert benches.read(path) == []
    first, second = row("batch 20"), row("batch 100", ours_peak_mib=None)
    for one in (first, second):
        benches.write(one, path)
    assert benches.read(path) == [first, second]
    later = replace(first, ratio=7.0)
    benches.write(later, path)
    assert benches.read(path) == [later, second]


def test_rows_stand_in_the_order_of_the_benchmarks(tmp_path: Path) -> None:
    path = tmp_path / "bench.csv"
    benches.write(row(benchmark="ais"), path)
    benches.write(row(), path)
    assert [one.benchmark for one in benches.read(path)] == ["nade", "ais"]


def test_that_a_rival_is_missing_is_noted_until_it_was_measured(tmp_path: Path) -> None:
    path, gone = tmp_path / "bench.csv", benches.missing(FAST, "peer", made_by=MADE_BY)
    benches.write(gone, path)
    assert benches.read(path) == [gone]
    benches.write(row("batch 20"), path)
    assert benches.read(path) == [row("batch 20")]
    benches.write(gone, path)
    assert benches.read(path) == [row("batch 20")]


def test_a_file_that_is_no_such_table_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bench.csv"
    path.write_text("benchmark,case\nnade,x\n")
    with pytest.raises(ValueError, match=r"bench.csv, line 2: a row of the benchmarks has the"):
        benches.read(path)


def test_a_benchmark_has_one_limit_in_a_known_measure() -> None:
    with pytest.raises(ValueError, match="x: unknown measure 'times as fats'"):
        Benchmark("x", "f", "T", "A.", "times as fats", at_least=1)
    for limits in ({}, {"at_least": 1.0, "at_most": 2.0}):
        with pytest.raises(ValueError, match="benchmark x needs either at_least or at_most"):
            Benchmark("x", "f", "T", "A.", benches.FAST, **limits)


def test_every_benchmark_is_noted_by_its_file_and_every_note_is_of_a_benchmark() -> None:
    declared = {(one.file, key) for key, one in benches.benchmarks().items()}
    noted = {
        (path.name, key)
        for path in (ROOT / "tests" / "bench").glob("bench_*.py")
        for key in re.findall(r'note(?:_missing)?\(\s*"(\w+)"', path.read_text(encoding="utf-8"))
    }
    assert declared == noted


def test_a_bench_writes_into_the_table_that_is_named_and_into_none_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = spec_from_file_location("paired", ROOT / "tests" / "bench" / "paired.py")
    assert where is not None
    assert where.loader is not None
    paired = module_from_spec(where)
    where.loader.exec_module(paired)
    monkeypatch.delenv("DISTILLERY_BENCH", raising=False)
    paired.note("nade", OURS, PEER)
    paired.note_missing("dppy", "dppy")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("DISTILLERY_BENCH", str(tmp_path / "bench.csv"))
    paired.note("nade", OURS, PEER, replace(PEER, name="faster", taken=[2.0, 4.0, 8.0]))
    paired.note_missing("dppy", "dppy")
    nade, dppy = benches.read(tmp_path / "bench.csv")
    assert (nade.peer, nade.ratio, nade.met) == ("peer or faster", 2.0, "no")
    assert (dppy.peer, dppy.ratio, dppy.met) == ("dppy", None, "missing")


def test_what_the_rival_is_allowed_is_a_sentence() -> None:
    for benchmark in benches.benchmarks().values():
        assert benchmark.allowed.endswith("."), benchmark.key
        assert not benchmark.title.endswith("."), benchmark.key
