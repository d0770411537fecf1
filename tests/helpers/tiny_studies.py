"""Studies small enough to kill: what they compute is known, and each step leaves a mark in the
folder `$TINY_MARKS`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from distillery_book.results.study import Answer, Cell, Context, Outcome, Study
from distillery_book.running.job import Job, Reply, perform

STEPS = 30


def mark(cell: Cell) -> None:
    """One line a step: the process that took it, and the cell's seed."""
    if folder := os.environ.get("TINY_MARKS"):
        with open(Path(folder) / "marks", "a") as file:
            file.write(f"{os.getpid()} {cell.seed}\n")


def marks(folder: Path) -> list[tuple[int, int]]:
    path = folder / "marks"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(int(line.split()[0]), int(line.split()[1])) for line in lines]


def wait_for(true: Callable[[], object], *, seconds: float = 180.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def walk(cell: Cell, context: Context) -> Outcome:
    """A random walk, a slow step at a time: a mark, then a checkpoint."""
    path, pause = context.scratch / "walk.json", float(cell.params["pause"])
    at, first = json.loads(path.read_text()) if path.exists() else (0.0, 0)
    for step in range(first, STEPS):
        at += random.Random(1000 * cell.seed + step).gauss(0, float(cell.params["width"]))
        time.sleep(pause)
        mark(cell)
        path.with_suffix(".part").write_text(json.dumps((at, step + 1)))
        path.with_suffix(".part").replace(path)
        context.report((step + 1) / STEPS)
    return Outcome({"at": at, "steps": STEPS}, departures={"steps": [1000, STEPS]})


def fail(cell: Cell, context: Context) -> Outcome:
    kind = cell.params["kind"]
    if kind == "raises":
        raise RuntimeError("the sky fell on two")
    if kind == "exits":
        sys.exit("early")
    return Outcome({"accuracy": float("nan") if kind == "nan" else 1.0})


def tensors(cell: Cell, context: Context) -> Outcome:
    import torch

    from distillery.models.files import Named
    from distillery.models.logistic import MeanOfLogistics

    curve = {"curve": torch.full((int(cell.params["size"]),), float(cell.seed))}
    models = [Named("units", MeanOfLogistics(curve["curve"][None]))]
    return Outcome(
        {"size": int(cell.params["size"])}, arrays=curve, models=models, weights_name="curve"
    )


def use(cell: Cell, context: Context) -> Outcome:
    """The sum of what another study recorded, where the cell needs it."""
    return Outcome(
        {
            "sum": context.models("curve")["units"].weights.sum().item()
            if cell.params["needs"]
            else 0
        }
    )


def _walks(pause: float, width: float) -> Callable[[str], Sequence[Cell]]:
    return lambda profile: [
        Cell({"pause": pause, "width": width * scale}, seed) for scale in (1, 2) for seed in (0, 1)
    ]


def _kinds(profile: str) -> Sequence[Cell]:
    return [Cell({"kind": kind}, 0) for kind in ("fine", "raises", "nan", "exits", "good")]


WALK = Study(
    "walk",
    1,
    "slow",
    _walks(0.02, 1.0),
    walk,
    answers=lambda: [Answer("table", {"width": 1.0}, "at", "at", {"width": 1.0})],
)
FAST = Study("fast", 1, "quick", _walks(0.0, 1.0), walk)
FAIL = Study("fail", 1, "mishaps", _kinds, fail)
EXACT = Study(
    "exact", 1, "quick and in double precision", _walks(0.0, 1.0), walk, precision="float64"
)
TENSORS = Study(
    "tensors", 1, "arrays", lambda profile: [Cell({"size": 1000}, seed) for seed in (0, 1)], tensors
)
USE = Study(
    "use",
    1,
    "builds on tensors",
    lambda profile: [Cell({"needs": True}, 0, "weights:curve"), Cell({"needs": False}, 0)],
    use,
)


def inline(
    jobs: Sequence[Job], on_progress: Callable[[Job, float], None]
) -> Iterator[tuple[Job, Reply]]:
    """Workers without processes: each job here and now."""
    for job in jobs:
        yield job, Reply.decoded(perform(job.encoded()))


def mishap(encoded: bytes, on_report: Callable[[float], None]) -> bytes:
    """A worker's work that needs no torch: the job's parameters say what goes wrong."""
    job = Job.decoded(encoded)
    on_report(0.5)
    with open(Path(job.scratch) / "attempts", "a") as file:
        file.write(f"{os.getpid()}\n")
    attempts = len((Path(job.scratch) / "attempts").read_text().splitlines())
    if job.cell.params["dies"] >= attempts:
        os.kill(os.getpid(), signal.SIGKILL)
    if job.cell.params["sleeps"]:
        time.sleep(60)
    return Reply(
        {"attempts": attempts, "pid": os.getpid(), "threads": os.environ["OMP_NUM_THREADS"]}
    ).encoded()


def hold_a_pool(folder: str) -> None:
    """A parent whose two workers sleep: something to kill."""
    from distillery_book.running import local_workers

    jobs = [mishap_job(Path(folder) / str(i), sleeps=True) for i in range(2)]
    list(local_workers.run(jobs, lambda job, done: None, workers=2, work=mishap))


def mishap_job(scratch: Path, *, dies: int = 0, sleeps: bool = False) -> Job:
    from distillery_book.running.job import How

    scratch.mkdir(parents=True, exist_ok=True)
    return Job(
        Cell({"dies": dies, "sleeps": sleeps}, 0),
        scratch.name,
        "none",
        How("tiny_studies:FAIL", "smoke"),
        scratch=str(scratch),
    )


def invoke(arguments: Sequence[str], log: str) -> None:
    """The command line in a process that has torch already; what it says goes to `log`, and the
    marks of its steps beside that.
    """
    from distillery.commands.main import main

    os.environ["TINY_MARKS"] = str(Path(log).parent)
    with open(log, "a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.exit(main(arguments))
