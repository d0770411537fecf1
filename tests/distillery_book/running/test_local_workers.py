from __future__ import annotations

import multiprocessing
import os
import signal

import psutil
import pytest

from distillery_book.running import local_workers
from tiny_studies import hold_a_pool, mishap, mishap_job, wait_for


def _ignore(job, done) -> None: ...


@pytest.fixture(scope="module")
def replies(tmp_path_factory):
    """One pool of two workers and six cells: three fine, one whose worker dies once, one twice, one
    always.
    """
    folder = tmp_path_factory.mktemp("pool")
    jobs = [
        mishap_job(folder / f"{i}-{dies}", dies=dies) for i, dies in enumerate((0, 1, 0, 99, 2, 0))
    ]
    heard: list[float] = []
    found = {
        job.identity: reply
        for job, reply in local_workers.run(
            jobs, lambda job, done: heard.append(done), workers=2, threads=3, work=mishap
        )
    }
    return found, heard, folder


def test_every_job_has_one_reply(replies):
    assert sorted(replies[0]) == ["0-0", "1-1", "2-0", "3-99", "4-2", "5-0"]


def test_the_cell_of_a_dying_worker_is_tried_again_in_a_new_process(replies):
    found, _, folder = replies
    assert [found[name].found["attempts"] for name in ("0-0", "1-1", "4-2")] == [1, 2, 3]
    assert len(set((folder / "4-2" / "attempts").read_text().split())) == 3


def test_a_cell_whose_workers_keep_dying_is_given_up_after_two_retries(replies):
    found, _, folder = replies
    assert found["3-99"].error == "its worker died 3 times, the last time by signal 9 (SIGKILL)"
    assert len((folder / "3-99" / "attempts").read_text().split()) == 3


def test_a_worker_starts_with_its_threads_set_and_ours_stay(replies):
    assert {reply.found["threads"] for reply in replies[0].values() if not reply.error} == {"3"}
    assert os.environ.get("OMP_NUM_THREADS") != "3"


def test_cells_say_how_far_they_are(replies):
    assert replies[1] == [0.5] * len(replies[1])
    assert len(replies[1]) == 1 + 2 + 1 + 3 + 3 + 1


def test_closing_the_iterator_stops_the_workers(tmp_path):
    jobs = [mishap_job(tmp_path / "quick"), mishap_job(tmp_path / "slow", sleeps=True)]
    pool = local_workers.run(jobs, _ignore, workers=2, work=mishap)
    next(pool)
    wait_for((tmp_path / "slow" / "attempts").exists)
    pid = int((tmp_path / "slow" / "attempts").read_text())
    assert psutil.pid_exists(pid)
    pool.close()
    assert not psutil.pid_exists(pid)


def test_workers_end_when_their_parent_is_killed(tmp_path):
    parent = multiprocessing.get_context("spawn").Process(target=hold_a_pool, args=(str(tmp_path),))
    parent.start()
    wait_for(lambda: all((tmp_path / name / "attempts").exists() for name in "01"))
    workers = [child.pid for child in psutil.Process(parent.pid).children(recursive=True)]
    assert {int((tmp_path / name / "attempts").read_text()) for name in "01"} <= set(workers)
    os.kill(parent.pid, signal.SIGKILL)
    parent.join()
    wait_for(lambda: not any(map(psutil.pid_exists, workers)), seconds=30)


def test_no_jobs_start_no_workers():
    assert list(local_workers.run([], _ignore, workers=2)) == []
