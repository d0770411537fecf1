from __future__ import annotations

import io
import re

import pytest

from distillery_book.running.progress import Progress, duration
from tiny_studies import mishap_job


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def jobs(tmp_path):
    return [mishap_job(tmp_path / name, dies=number) for number, name in enumerate("abc")]


def test_away_from_a_terminal_each_finished_cell_is_a_line_with_its_metrics_and_the_time_left(jobs):
    stream = io.StringIO()
    progress = Progress("walk", 2, stream)
    progress.share(jobs[0], 0.5)
    progress.finished(jobs[0], {"loss": 0.12344})
    progress.finished(jobs[1], {"loss": 2.0})
    first, second = stream.getvalue().splitlines()
    assert re.fullmatch(
        r"\[1/2\] dies=0 sleeps=False seed=0 data=none: loss=0\.1234; about \d+ s left", first
    )
    assert second == "[2/2] dies=1 sleeps=False seed=0 data=none: loss=2"


def test_a_failed_cell_is_named_with_its_parameters_after_its_traceback(jobs):
    stream = io.StringIO()
    Progress("walk", 1, stream).failed(jobs[2], "ValueError: no", "line one\nline two")
    assert stream.getvalue().splitlines() == [
        "    line one",
        "    line two",
        "[1/1] FAILED dies=2 sleeps=False seed=0 data=none: ValueError: no",
    ]


def test_on_a_terminal_a_bar_counts_cells_under_way_by_their_share(jobs):
    stream = Terminal()
    progress = Progress("walk", 4, stream)
    progress.finished(jobs[0], {})
    progress.share(jobs[1], 0.5)
    progress.share(jobs[2], 0.25)
    progress.close()
    last = stream.getvalue().split("\r")[-1]
    assert last.startswith("walk  44% |")
    assert "1.8 of 4 cells" in last
    assert "left" in last


def test_durations_are_said_in_the_unit_that_fits():
    assert [duration(seconds) for seconds in (3, 600, 7200)] == ["3 s", "10 min", "2.0 h"]
