from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from distillery.models import files
from distillery.models.logistic import MeanOfLogistics
from distillery_book.results import registry, store
from distillery_book.results.study import Cell, Context, Outcome, Study
from distillery_book.running import job
from distillery_book.running.job import How, Job, Reply, perform
from tiny_studies import STEPS


def make(tmp_path, params, *, study: str = "tiny_studies:FAST", **more) -> Job:
    return Job(
        Cell(params, 0),
        "key",
        "none",
        How(study, "smoke", **more),
        scratch=str(tmp_path / "scratch" / "key"),
    )


def _study(monkeypatch, run) -> None:
    """The study that jobs find runs `run`."""
    monkeypatch.setattr(registry, "find", lambda name: Study("s", 1, "", lambda profile: [], run))


def test_a_job_and_a_reply_survive_the_wire(tmp_path):
    sent = make(tmp_path, {"width": 1.5, "deep": True, "name": "a"}, threads=3)
    assert Job.decoded(sent.encoded()).encoded() == sent.encoded()
    assert Job.decoded(sent.encoded()).cell == sent.cell
    reply = Reply({"metrics": {"a": 0.1}}, arrays=b"one\ntwo", weights=b"\n\n")
    back = Reply.decoded(reply.encoded())
    assert (back.found, back.error, back.arrays, back.weights) == (
        reply.found,
        "",
        b"one\ntwo",
        b"\n\n",
    )


def test_a_reply_holds_what_the_cell_found_and_where(tmp_path):
    reply = Reply.decoded(perform(make(tmp_path, {"pause": 0.0, "width": 1.0}).encoded()))
    found = reply.found
    assert (reply.error, found["metrics"]["steps"], found["departures"]) == (
        "",
        STEPS,
        {"steps": [1000, STEPS]},
    )
    assert (found["device"], found["precision"], found["threads"]) == ("cpu", "float32", 1)
    assert found["seconds"] >= 0
    assert found["peak_memory_mb"] > 10


def test_tensors_come_back_as_the_bytes_that_are_stored_and_models_under_their_header(tmp_path):
    reply = Reply.decoded(
        perform(make(tmp_path, {"size": 4}, study="tiny_studies:TENSORS").encoded())
    )
    assert reply.arrays == store.pack({"curve": torch.zeros(4)})
    assert reply.weights == files.packed([files.Named("units", MeanOfLogistics(torch.zeros(1, 4)))])
    assert reply.found["weights_name"] == "curve"


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("raises", "RuntimeError: the sky fell on two"),
        ("nan", "ValueError: metric 'accuracy' is nan; a record holds finite numbers alone"),
        ("exits", "SystemExit: early"),
    ],
)
def test_what_goes_wrong_in_a_cell_is_a_reply_with_the_tail_of_its_traceback(tmp_path, kind, error):
    reply = Reply.decoded(
        perform(make(tmp_path, {"kind": kind}, study="tiny_studies:FAIL").encoded())
    )
    assert (reply.found, reply.error) == ({}, error)
    assert "tiny_studies.py" in reply.traceback
    assert len(reply.traceback.splitlines()) <= job.TRACEBACK_LINES


def test_a_study_that_returns_no_outcome_is_told_so(tmp_path, monkeypatch):
    _study(monkeypatch, lambda cell, context: {"accuracy": 1.0})
    assert (
        "returned a dict; an Outcome is needed"
        in Reply.decoded(perform(make(tmp_path, {}).encoded())).error
    )


def test_the_context_carries_the_profile_the_device_the_threads_and_the_declared_data(
    tmp_path, monkeypatch
):
    seen: list[Context] = []
    _study(monkeypatch, lambda cell, context: seen.append(context) or Outcome({}))
    sent = replace(
        make(tmp_path, {}, precision="bfloat16", threads=1),
        cell=Cell({}, 0, "a+b"),
        fingerprint="1+2",
    )
    assert Reply.decoded(perform(sent.encoded())).error == ""
    (context,) = seen
    assert (context.profile, context.device, context.dtype, context.threads) == (
        "smoke",
        torch.device("cpu"),
        torch.bfloat16,
        1,
    )
    assert context.declared == {"a": "1", "b": "2"}
    assert context.scratch.is_dir()
    assert torch.get_num_threads() == 1


def test_in_a_cell_what_lies_below_the_normal_numbers_is_zero_and_afterwards_it_is_not(
    tmp_path, monkeypatch
):
    tiny, seen = torch.full((8,), 1e-30), list[bool]()
    _study(monkeypatch, lambda cell, context: seen.append(bool((tiny * 1e-9).any())) or Outcome({}))
    assert Reply.decoded(perform(make(tmp_path, {}).encoded())).error == ""
    assert (seen, bool((tiny * 1e-9).all())) == ([False], True)


def test_a_study_with_a_precision_of_its_own_is_recorded_with_it_and_never_autocast(tmp_path):
    sent = make(
        tmp_path, {"pause": 0.0, "width": 1.0}, study="tiny_studies:EXACT", precision="bfloat16"
    )
    assert Reply.decoded(perform(sent.encoded())).found["precision"] == "float64"


def _timed(monkeypatch, tmp_path, *, keep: bool, precision: str = "float32") -> float:
    """The seconds recorded by an attempt at a cell that may find or leave a checkpoint, and takes
    0.05 s or more.
    """

    def run(cell: Cell, context: Context) -> Outcome:
        time.sleep(0.05)
        if keep:
            (context.scratch / "checkpoint").write_text("")
        return Outcome({"found": float(any(context.scratch.iterdir()))})

    _study(monkeypatch, run)
    return Reply.decoded(perform(make(tmp_path, {}, precision=precision).encoded())).found[
        "seconds"
    ]


def test_the_seconds_of_a_continued_cell_include_those_of_its_earlier_attempts(
    monkeypatch, tmp_path
):
    _timed(monkeypatch, tmp_path, keep=True)
    notes = job.notes_path(tmp_path / "scratch" / "key")
    notes.write_text(json.dumps({**json.loads(notes.read_text()), "seconds": 1000.0}))
    assert _timed(monkeypatch, tmp_path, keep=True) > 1000


def test_a_cell_that_starts_anew_starts_its_clock_anew(monkeypatch, tmp_path):
    _timed(monkeypatch, tmp_path, keep=False)
    notes = job.notes_path(tmp_path / "scratch" / "key")
    notes.write_text(json.dumps({**json.loads(notes.read_text()), "seconds": 1000.0}))
    assert _timed(monkeypatch, tmp_path, keep=False) < 1000


def test_a_checkpoint_made_at_another_precision_is_not_continued(monkeypatch, tmp_path):
    _timed(monkeypatch, tmp_path, keep=True)
    checkpoint = Path(make(tmp_path, {}).scratch) / "checkpoint"
    assert checkpoint.exists()
    _timed(monkeypatch, tmp_path, keep=False, precision="bfloat16")
    assert not checkpoint.exists()


def test_reports_reach_whoever_listens_and_not_too_often(tmp_path, monkeypatch):
    def run(cell: Cell, context: Context) -> Outcome:
        for step in range(1000):
            context.report(step / 1000)
        time.sleep(0.25)
        context.report(0.9)
        return Outcome({})

    _study(monkeypatch, run)
    heard: list[float] = []
    perform(make(tmp_path, {}).encoded(), heard.append)
    assert heard[-1] == 0.9
    assert len(heard) < 50


def test_a_study_with_a_precision_of_its_own_computes_in_it_whatever_is_asked(
    tmp_path, monkeypatch
):
    seen = []

    def run(cell: Cell, context: Context) -> Outcome:
        seen.append(context.dtype)
        return Outcome({"x": 1.0})

    monkeypatch.setattr(
        registry,
        "find",
        lambda name: Study("s", 1, "", lambda profile: [], run, precision="float64"),
    )
    reply = Reply.decoded(perform(make(tmp_path, {"width": 1.0}, precision="bfloat16").encoded()))
    assert seen == [None]
    assert reply.found["precision"] == "float64"
