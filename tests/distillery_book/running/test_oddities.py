"""Neither the clock nor the place, its language and its time, decides what a run is."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from distillery_book.results import records
from distillery_book.running import runner
from distillery_book.running.job import How
from distillery_book.running.progress import Progress
from made_records import record
from tiny_studies import FAST, inline

LETTERS = "Iı iİ ß ä"  # lower and upper case differ from one language to another
SCRIPT = """
import sys
from pathlib import Path
from made_records import record
from distillery_book.results import records
made = record(params={"name": sys.argv[2].encode("ascii").decode("unicode-escape"), "width": 8})
records.append(made, Path(sys.argv[1]))
[kept] = records.read("walk", Path(sys.argv[1]))
print(kept.identity, made.identity)
"""


def test_language_and_time_zone_change_neither_a_record_nor_its_identity(tmp_path: Path) -> None:
    places = [
        {"LC_ALL": "C", "LANG": "tr_TR", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "tr_TR.UTF-8", "TZ": "Pacific/Kiritimati"},
    ]
    here = record(params={"name": LETTERS, "width": 8})
    records.append(here, tmp_path)
    as_here = (tmp_path / "walk.jsonl").read_bytes()
    for number, place in enumerate(places):
        folder = tmp_path / str(number)
        folder.mkdir()
        said = in_another_place(place, folder)
        assert said.split() == [here.identity, here.identity]
        assert (folder / "walk.jsonl").read_bytes() == as_here


def in_another_place(place: dict[str, str], folder: Path) -> str:
    escaped = LETTERS.encode("unicode-escape").decode()
    path = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), escaped],
        env={**os.environ, "PYTHONPATH": path, **place},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("year", [1, 1969, 9999])
def test_a_clock_that_is_wrong_changes_when_a_run_ended_and_nothing_else(
    year: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(folder: Path) -> records.Record:
        how = How("tiny_studies:FAST", "smoke")
        cells = runner.missing(FAST, FAST.cells("smoke")[:1], folder)
        jobs = runner.make_jobs(FAST, cells, how, results=folder)
        runner.execute(FAST, jobs, inline, folder, progress=Progress("fast", 1, io.StringIO()))
        [made] = records.read("fast", folder)
        return made

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime(year, 1, 1, tzinfo=UTC)

    right = run(tmp_path / "right")
    monkeypatch.setattr(runner, "datetime", Clock)
    wrong = run(tmp_path / "wrong")
    assert datetime.fromisoformat(wrong.finished).year == year
    assert (wrong.identity, wrong.metrics) == (right.identity, right.metrics)
    assert runner.missing(FAST, FAST.cells("smoke")[:1], tmp_path / "wrong") == []
