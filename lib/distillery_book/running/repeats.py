"""Recorded runs made again: by the same seed, which must give the same numbers, and by a seed that
was never recorded, whose numbers must lie where the recorded ones say.

A repeat changes no record. On the device, processor, threads and versions of the record every
metric has to be equal to its last digit; elsewhere within `TOLERANCE` of its size. A fresh seed is
compared with the recorded seeds of the same setting: each metric has to lie where one more draw of
a normal distribution would (Student's t), all metrics together with probability `SURE`. Times are
left out.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from scipy.stats import t as student_t

from distillery_book.results import records
from distillery_book.results.index import Index
from distillery_book.results.records import Record
from distillery_book.results.repeated import (
    DIFFERS,
    FAILED,
    IDENTICAL,
    NEAR,
    OUTSIDE,
    WITHIN,
    Repeat,
)
from distillery_book.results.study import Study
from distillery_book.running.job import How, Job, Reply
from distillery_book.running.runner import Workers

TOLERANCE = 0.02  # of a metric's size, where device, threads or versions are others
SURE = 0.99
FEWEST_SEEDS = 3  # recorded, for a spread to be known
FRESH_SEED = 1000  # that no study records


@dataclass(frozen=True, eq=False)
class Again:
    """A recorded run to be made again: by its own seed, or by a fresh one beside `others`, the
    recorded runs of its setting.
    """

    run: Record
    others: Sequence[Record] = ()

    @property
    def is_fresh(self) -> bool:
        return bool(self.others)

    def job(self, how: How, scratch: Path, results: Path) -> Job:
        seed = FRESH_SEED if self.is_fresh else self.run.seed
        cell = replace(self.run.cell, seed=seed)
        same = replace(how, profile=self.run.profile, threads=self.run.threads)
        folder = scratch / f"{self.run.identity}-{seed}"
        return Job(
            cell,
            folder.name,
            self.run.fingerprint,
            same,
            scratch=str(folder),
            results=str(results.absolute()),
        )


def choose(
    study: Study, results: Path, *, sample: int, draw: int, longest: float
) -> tuple[list[Again], list[Again]]:
    """Recorded runs drawn at random among those of `longest` seconds at most: some to be made again
    by their own seed, and some, of settings with enough seeds, by a fresh one.
    """
    counted = Index(study, records.read(study.name, results)).records
    runs = [run for run in counted if run.seconds <= longest]
    if not runs:
        raise ValueError(
            f"study {study.name!r} has no recorded run of at most {longest:g} seconds;"
            " run the study, or raise --longest"
        )
    settings: dict[Any, list[Record]] = {}
    for run in runs:
        settings.setdefault(run.setting, []).append(run)
    spread = [group for group in settings.values() if len(group) >= FEWEST_SEEDS]
    stream = random.Random(draw)
    own = stream.sample(runs, min(sample, len(runs)))
    fresh = stream.sample(spread, min(sample, len(spread)))
    return [Again(run) for run in own], [Again(group[0], group) for group in fresh]


def run_again(
    asked: Sequence[Again], *, how: How, workers: Workers, results: Path
) -> Iterator[Repeat]:
    """Run each again in a folder that is thrown away; the outcomes in the order they finish."""
    with tempfile.TemporaryDirectory() as scratch:
        by_job = {each.job(how, Path(scratch), results): each for each in asked}
        for job, reply in workers(list(by_job), lambda job, done: None):
            yield _outcome(by_job[job], job, reply)


def _outcome(again: Again, job: Job, reply: Reply) -> Repeat:
    """What a reply says beside the record."""
    run, found = again.run, reply.found
    about: dict[str, Any] = {
        "study": run.study,
        "params": dict(run.params),
        "seed": job.cell.seed,
        "data": run.data,
        "is_fresh": again.is_fresh,
        "metrics": len(run.metrics),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if reply.error:
        return Repeat(**about, **_NOTHING, verdict=FAILED, error=reply.error)
    measured = found["metrics"]
    if missing := sorted(run.metrics.keys() - measured.keys()):
        error = f"the run has no metric {missing[0]!r} any more"
        return Repeat(**about, **_NOTHING, verdict=DIFFERS, error=error)
    changed = _changed(run, found)
    judge = _beside_others if again.is_fresh else _beside_itself
    return Repeat(
        **about,
        **judge(again, measured, changed),
        seconds=found["seconds"],
        changed=changed,
        versions=found["versions"],
        commit=found["commit"],
    )


_NOTHING: dict[str, Any] = {
    "worst": "",
    "recorded": None,
    "found": None,
    "allowed": None,
    "seconds": None,
    "changed": (),
    "versions": {},
    "commit": None,
}


def _changed(run: Record, found: Mapping[str, Any]) -> list[str]:
    """What decides last digits and is not as it was, or was not recorded: device, precision,
    threads, versions, processor.
    """
    names = [
        name for name in ("device", "precision", "threads") if getattr(run, name) != found[name]
    ]
    before, now = run.versions, found["versions"]
    return names + sorted(
        name for name in before.keys() | now.keys() if before.get(name) != now.get(name)
    )


def _beside_itself(
    again: Again, measured: Mapping[str, float], changed: Sequence[str]
) -> dict[str, Any]:
    """The same seed: equal to the last digit, or near where something has changed."""
    recorded = {name: again.run.metrics[name] for name in _repeatable(again.run.metrics)}
    share = TOLERANCE if changed else 0.0
    allowed = {name: share * abs(value) for name, value in recorded.items()}
    line = _worst(recorded, measured, allowed)
    is_equal = recorded == {name: measured[name] for name in recorded}
    is_near = bool(changed) and abs(line["found"] - line["recorded"]) <= line["allowed"]
    return {**line, "verdict": IDENTICAL if is_equal else NEAR if is_near else DIFFERS}


def _beside_others(
    again: Again, measured: Mapping[str, float], changed: Sequence[str]
) -> dict[str, Any]:
    """A fresh seed: every metric in the interval of one more draw, all with probability `SURE`."""
    count = len(again.others)
    names = set.intersection(*(_repeatable(run.metrics) for run in again.others))
    means = {name: fmean(run.metrics[name] for run in again.others) for name in names}
    spreads = {name: stdev(run.metrics[name] for run in again.others) for name in names}
    tail = (1 - SURE) / (2 * max(1, len(names)))
    widths = student_t.ppf(1 - tail, count - 1) * (1 + 1 / count) ** 0.5
    allowed = {name: float(widths * spread) for name, spread in spreads.items()}
    line = _worst(means, measured, allowed)
    is_within = abs(line["found"] - line["recorded"]) <= line["allowed"]
    return {**line, "verdict": WITHIN if is_within else OUTSIDE}


def _repeatable(metrics: Mapping[str, float]) -> set[str]:
    """All but times, which are never the same twice."""
    return {name for name in metrics if "seconds" not in name.split("_")}


def _worst(
    recorded: Mapping[str, float], measured: Mapping[str, float], allowed: Mapping[str, float]
) -> dict[str, Any]:
    """The metric that exceeds most what is allowed, by its share."""

    def excess(name: str) -> float:
        off = abs(measured[name] - recorded[name])
        return off / allowed[name] if allowed[name] else (float("inf") if off else 0.0)

    worst = max(sorted(recorded), key=excess)
    return {
        "worst": worst,
        "recorded": recorded[worst],
        "found": measured[worst],
        "allowed": allowed[worst],
    }
