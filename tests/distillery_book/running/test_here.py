from __future__ import annotations

import os

from distillery_book.running import here, runner
from distillery_book.running.job import How
from tiny_studies import FAST, marks


def test_jobs_are_answered_in_their_order_by_this_process(tmp_path, monkeypatch):
    monkeypatch.setenv("TINY_MARKS", str(tmp_path))
    missing = runner.missing(FAST, runner.grid(FAST, "smoke"), tmp_path)
    jobs = runner.make_jobs(FAST, missing, How("tiny_studies:FAST", "smoke"), results=tmp_path)
    shares: list[float] = []
    replies = list(here.run(jobs, lambda job, done: shares.append(done)))
    assert [(job, reply.error) for job, reply in replies] == [(job, "") for job in jobs]
    assert {process for process, _ in marks(tmp_path)} == {os.getpid()}
    assert all(0 < share <= 1 for share in shares)
