from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from distillery_book.results import records, repeated
from distillery_book.results.study import Cell, Study
from distillery_book.running import repeats, runner
from distillery_book.running.job import How
from distillery_book.running.progress import Progress
from tiny_studies import FAST, inline

HOW = How("tiny_studies:FAST", "smoke")


def with_seeds(count: int) -> Study:
    """A study of one setting."""
    cells = [Cell({"pause": 0.0, "width": 1.0}, seed) for seed in range(count)]
    return replace(FAST, cells=lambda profile: cells)


def recorded(results: Path, study: Study = FAST) -> None:
    found = runner.missing(study, study.cells("smoke"), results)
    jobs = runner.make_jobs(study, found, HOW, results=results)
    progress = Progress(study.name, len(jobs), io.StringIO())
    assert runner.execute(study, jobs, inline, results, progress=progress) == 0


def altered(results: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the lines of the records."""
    path = results / "fast.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        change(line)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def again(
    results: Path, study: Study = FAST, *, sample: int = 9, longest: float = 60.0
) -> list[repeated.Repeat]:
    own, fresh = repeats.choose(study, results, sample=sample, draw=0, longest=longest)
    return list(repeats.run_again([*own, *fresh], how=HOW, workers=inline, results=results))


def test_a_run_made_again_by_its_own_seed_is_identical_and_leaves_records_as_they_were(tmp_path):
    recorded(tmp_path)
    before = (tmp_path / "fast.jsonl").read_bytes()
    found = again(tmp_path)
    assert {each.verdict for each in found} == {repeated.IDENTICAL}
    assert len(found) == len(FAST.cells("smoke"))
    assert (tmp_path / "fast.jsonl").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] in ([], [".scratch"])


def test_a_record_that_no_run_gives_differs_and_names_the_metric(tmp_path):
    recorded(tmp_path)
    altered(tmp_path, lambda line: line["metrics"].update(at=line["metrics"]["at"] + 1e-9))
    found = again(tmp_path)
    assert {(each.verdict, each.worst) for each in found} == {(repeated.DIFFERS, "at")}


def test_where_versions_have_changed_near_is_enough_and_what_changed_is_named(tmp_path):
    def older(line: dict[str, Any]) -> None:
        line["metrics"]["at"] *= 1.001
        line["versions"]["torch"] = "0.1"

    recorded(tmp_path)
    altered(tmp_path, older)
    found = again(tmp_path)
    assert {each.verdict for each in found} == {repeated.NEAR}
    assert {tuple(each.changed) for each in found} == {("torch",)}


def test_times_are_not_compared(tmp_path):
    recorded(tmp_path)
    altered(tmp_path, lambda line: line["metrics"].update(training_seconds=1e9))

    def timed(jobs, report):
        for job, reply in inline(jobs, report):
            reply.found["metrics"]["training_seconds"] = 1.0
            yield job, reply

    own, _ = repeats.choose(FAST, tmp_path, sample=9, draw=0, longest=60.0)
    found = list(repeats.run_again(own, how=HOW, workers=timed, results=tmp_path))
    assert {each.verdict for each in found} == {repeated.IDENTICAL}


def test_another_processor_or_one_not_recorded_need_not_give_the_last_digit(tmp_path):
    def elsewhere(line: dict[str, Any]) -> None:
        line["metrics"]["at"] *= 1.001
        if line["seed"]:
            line["versions"]["processor"] = "another"
        else:
            del line["versions"]["processor"]

    recorded(tmp_path)
    altered(tmp_path, elsewhere)
    found = again(tmp_path)
    assert {each.verdict for each in found} == {repeated.NEAR}
    assert {tuple(each.changed) for each in found} == {("processor",)}


def test_a_fresh_seed_lies_within_the_spread_of_those_recorded(tmp_path):
    recorded(tmp_path, with_seeds(5))
    fresh = [each for each in again(tmp_path, with_seeds(5)) if each.is_fresh]
    assert [(each.verdict, each.seed) for each in fresh] == [(repeated.WITHIN, repeats.FRESH_SEED)]


def test_a_fresh_seed_lies_outside_a_spread_that_is_too_narrow(tmp_path):
    recorded(tmp_path, with_seeds(5))
    altered(tmp_path, lambda line: line["metrics"].update(at=1000.0 + line["seed"]))
    [fresh] = [each for each in again(tmp_path, with_seeds(5)) if each.is_fresh]
    assert (fresh.verdict, fresh.worst, fresh.recorded) == (repeated.OUTSIDE, "at", 1002)


def test_two_recorded_seeds_tell_no_spread(tmp_path):
    recorded(tmp_path, with_seeds(2))
    assert [each for each in again(tmp_path, with_seeds(2)) if each.is_fresh] == []


def test_a_study_without_a_short_enough_run_is_refused_in_one_sentence(tmp_path):
    recorded(tmp_path)
    with pytest.raises(ValueError, match="no recorded run of at most 0 seconds"):
        again(tmp_path, longest=0.0)


def test_a_run_that_fails_is_kept_as_failed(tmp_path):
    recorded(tmp_path)
    [run, *_] = records.read("fast", tmp_path)

    def broken(jobs, report):
        for job, reply in inline(jobs, report):
            yield job, replace(reply, error="RuntimeError: no", found={})

    [found] = repeats.run_again([repeats.Again(run)], how=HOW, workers=broken, results=tmp_path)
    assert (found.verdict, found.error) == (repeated.FAILED, "RuntimeError: no")
    path = repeated.append(found, tmp_path)
    assert json.loads(path.read_text())["verdict"] == "failed"


def test_outcomes_are_no_records(tmp_path):
    recorded(tmp_path)
    before = [run.identity for run in records.read(results=tmp_path)]
    for each in again(tmp_path):
        repeated.append(each, tmp_path)
    assert [run.identity for run in records.read(results=tmp_path)] == before
    assert len((tmp_path / "repeats" / "fast.jsonl").read_text().splitlines()) == 4


def test_a_metric_that_is_missing_now_is_no_match(tmp_path):
    recorded(tmp_path)
    [run, *_] = records.read("fast", tmp_path)

    def less(jobs, report):
        for job, reply in inline(jobs, report):
            kept = {"at": reply.found["metrics"]["at"]}
            yield job, replace(reply, found={**reply.found, "metrics": kept})

    [found] = repeats.run_again([repeats.Again(run)], how=HOW, workers=less, results=tmp_path)
    assert (found.verdict, "no metric 'steps'" in found.error) == (repeated.DIFFERS, True)
