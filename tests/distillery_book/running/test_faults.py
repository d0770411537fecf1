"""A study killed at random moments, in the middle of cells too, ends where an undisturbed one ends,
and so does one whose cells are run one by one.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

import tiny_studies
from distillery_book.results import records
from distillery_book.running import runner
from distillery_book.running.job import How
from distillery_book.running.progress import Progress
from tiny_studies import STEPS, WALK, inline, invoke, marks, wait_for

KILLS = 10
ROOM = Path(__file__).parent


def _arguments(folder: Path) -> list[str]:
    return ["study", "tiny_studies:WALK", "--workers", "1", "--results", str(folder / "results")]


def _start(folder: Path, *more: str) -> ForkServerProcess:
    """The command in a process of its own, forked from one that has torch already: its start takes
    no time, its worker's does.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["distillery_book.commands.study", "torch", "tiny_studies"])
    arguments = [*_arguments(folder), *more]
    process = context.Process(target=invoke, args=(arguments, str(folder / "log")))
    process.start()
    return process


def _kill(process: ForkServerProcess) -> None:
    """SIGKILL to the command alone; what it started must end by itself."""
    try:
        below = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        below = []
    process.kill()
    process.join()
    wait_for(
        lambda: (
            not any(
                child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in below
            )
        ),
        seconds=30,
    )


def _found(results: Path) -> dict:
    return {
        one.identity: (one.cell, dict(one.metrics), dict(one.departures))
        for one in records.read("walk", results)
    }


def _undisturbed(results: Path, monkeypatch) -> dict:
    """What the study finds here and now, without a process and without a pause."""
    missing = runner.missing(WALK, WALK.cells("smoke"), results)
    how = How("tiny_studies:WALK", "smoke")
    jobs = runner.make_jobs(WALK, missing, how, results=results)
    with monkeypatch.context() as patches:
        patches.setattr(tiny_studies, "time", SimpleNamespace(sleep=lambda seconds: None))
        runner.execute(WALK, jobs, inline, results, progress=Progress("walk", 4, io.StringIO()))
    return _found(results)


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory):
    """The folder of a study that was killed ten times and then left alone, and how many steps each
    kill had seen.
    """
    folder = tmp_path_factory.mktemp("faults")
    moments, seen = random.Random(0), []
    for number in range(KILLS):
        before = len(marks(folder))
        process = _start(folder)
        if number % 2:  # in the middle of a cell; else at any moment from the first on
            wait_for(lambda before=before: len(marks(folder)) > before)
        time.sleep(moments.uniform(0, 0.25 if number % 2 else 1.5))
        _kill(process)
        seen.append(len(marks(folder)))
    last = _start(folder)
    last.join(300)
    return folder, seen, last.exitcode


def test_a_study_killed_ten_times_ends_with_the_records_of_an_undisturbed_one(
    disturbed, tmp_path, monkeypatch
):
    folder, _, code = disturbed
    assert code == 0, (folder / "log").read_text()
    assert _found(folder / "results") == _undisturbed(tmp_path, monkeypatch)
    assert len(_found(folder / "results")) == 4
    assert len((folder / "results" / "walk.jsonl").read_text().splitlines()) == 4


def test_the_kills_met_it_in_the_middle_of_cells_and_each_cost_a_step_at_most(disturbed):
    folder, seen, _ = disturbed
    assert sum(count % STEPS != 0 for count in seen) >= KILLS // 2
    assert seen[-1] < 4 * STEPS <= len(marks(folder)) <= 4 * STEPS + KILLS


def test_nothing_is_left_of_the_checkpoints_nor_of_unfinished_files(disturbed):
    folder, _, _ = disturbed
    assert list((folder / "results" / ".scratch" / "walk").iterdir()) == []
    assert not list(folder.rglob("*.part"))


def test_two_processes_at_once_that_run_a_cell_each_both_record(tmp_path, monkeypatch):
    processes = [_start(tmp_path, "--cell", number) for number in ("1", "4")]
    for process in processes:
        process.join(300)
    assert [process.exitcode for process in processes] == [0, 0], (tmp_path / "log").read_text()
    undisturbed = _undisturbed(tmp_path / "undisturbed", monkeypatch)
    assert list(_found(tmp_path / "results").values()) in (
        [list(undisturbed.values())[number] for number in order] for order in ([0, 3], [3, 0])
    )


def test_two_commands_of_one_study_at_once_record_every_run_once(tmp_path, monkeypatch):
    """The second is refused while the first is at work, or comes late and finds nothing to do."""
    processes = [_start(tmp_path) for _ in range(2)]
    for process in processes:
        process.join(300)
    codes = sorted(process.exitcode for process in processes)
    assert codes in ([0, 2], [0, 0]), (tmp_path / "log").read_text()
    assert _found(tmp_path / "results") == _undisturbed(tmp_path / "undisturbed", monkeypatch)
    assert len((tmp_path / "results" / "walk.jsonl").read_text().splitlines()) == 4


def test_a_cell_run_by_its_number_and_killed_in_the_middle_ends_as_in_the_whole_study(
    tmp_path, monkeypatch
):
    for _ in range(3):
        before = len(marks(tmp_path))
        process = _start(tmp_path, "--cell", "2")
        wait_for(lambda before=before: len(marks(tmp_path)) > before + 3)
        _kill(process)
    assert _found(tmp_path / "results") == {}
    last = _start(tmp_path, "--cell", "2")
    last.join(300)
    assert last.exitcode == 0, (tmp_path / "log").read_text()
    assert STEPS <= len(marks(tmp_path)) <= STEPS + 3
    second = list(_undisturbed(tmp_path / "undisturbed", monkeypatch).items())[1]
    assert list(_found(tmp_path / "results").items()) == [second]
    assert list((tmp_path / "results" / ".scratch" / "walk").iterdir()) == []


def test_ctrl_c_ends_cleanly_with_exit_code_130_and_keeps_what_is_recorded(tmp_path):
    """Ctrl-C goes to the whole group, workers included, as a terminal sends it."""
    place = {
        **os.environ,
        "TINY_MARKS": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    command = subprocess.Popen(
        [sys.executable, "-m", "distillery", *_arguments(tmp_path)],
        cwd=ROOM,
        env=place,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(lambda: len(marks(tmp_path)) > STEPS + 2)
    worker = psutil.Process(marks(tmp_path)[0][0])
    os.killpg(command.pid, signal.SIGINT)
    said = command.communicate(timeout=60)[1]
    assert command.returncode == 130
    assert "Traceback" not in said
    assert (
        said.splitlines()[-1]
        == "distillery: interrupted; what is recorded stays, and the same command continues"
    )
    assert len(_found(tmp_path / "results")) == 1
    assert not worker.is_running()
