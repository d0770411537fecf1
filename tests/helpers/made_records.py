"""Records as a study might have left them, and a study whose answers they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from distillery_book.results import records
from distillery_book.results.records import Record
from distillery_book.results.repeated import NEAR, Repeat
from distillery_book.results.study import Answer, Cell, Outcome, Study

TABLE = "recollections_cnn_student_random"

_BASE = Record(
    study="made",
    version=1,
    profile="paper",
    params={"inputs": "real"},
    seed=0,
    data="mnist",
    fingerprint="0123456789abcdef",
    metrics={"accuracy": 0.9851},
    departures={},
    seconds=10.0,
    peak_memory_mb=100.0,
    device="cpu",
    precision="bfloat16",
    threads=1,
    versions={"python": "3.11", "torch": "2.15.0"},
    commit="0123456789abcdef0123",
    dirty=False,
    arrays=None,
    weights=None,
    finished="2024-01-01T00:00:00+00:00",
)


_AGAIN = Repeat(
    study="walk",
    params={"width": 8},
    seed=3,
    data="none",
    is_fresh=False,
    verdict=NEAR,
    metrics=3,
    worst="loss",
    recorded=1.0,
    found=1.01,
    allowed=0.02,
    seconds=3.5,
    changed=["torch"],
    versions={"torch": "2.15.0"},
    commit=None,
    finished="2024-01-01T00:00:00+00:00",
)


def outcome(**changes: Any) -> Repeat:
    """What came of a run that was made again, changed as asked."""
    return replace(_AGAIN, **changes)


def record(**changes) -> Record:
    base = Record(
        study="walk",
        version=1,
        profile="smoke",
        params={"width": 8},
        seed=0,
        data="none",
        fingerprint="none",
        metrics={"loss": 0.125},
        departures={"passes": [500, 20]},
        seconds=1.5,
        peak_memory_mb=100.0,
        device="cpu",
        precision="float32",
        threads=1,
        versions={"python": "3.11"},
        commit=None,
        dirty=None,
        arrays=None,
        weights=None,
        finished="2024-01-01T00:00:00+00:00",
    )
    return replace(base, **changes)


def made(**changes: Any) -> Record:
    return replace(_BASE, **changes)


def seeds(*accuracies: float, **changes: Any) -> list[Record]:
    """One record a seed, with these accuracies as fractions."""
    return [
        made(seed=seed, metrics={"accuracy": accuracy}, **changes)
        for seed, accuracy in enumerate(accuracies)
    ]


def keep(found: Iterable[Record], results: Path) -> None:
    for record in found:
        records.append(record, results)


def _cells(profile: str) -> list[Cell]:
    return [
        Cell({"inputs": "real"}, seed, "embedded:digits" if profile == "smoke" else "mnist")
        for seed in range(3)
    ]


def _answers() -> list[Answer]:
    return [
        Answer(TABLE, {"episodes": 100000}, "real", "accuracy", {"inputs": "real"}, scale=100),
        Answer(
            "aims", {"key": "distillation_100x"}, "aim", "accuracy", {"inputs": "real"}, scale=100
        ),
    ]


STUDY = Study(
    "made",
    1,
    "made up",
    _cells,
    lambda cell, context: Outcome({"accuracy": 0.5}),
    _answers,
    aims=[("logz_error", "error", {"inputs": "real"})],
)
