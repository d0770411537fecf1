"""One cell as a worker sees it: a job of plain json in, a reply of json and safetensors bytes out,
wherever the worker lives.

`perform` never raises: what went wrong inside the cell travels back in the reply, and other cells
go on.
"""

from __future__ import annotations

import json
import shutil
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from distillery.models import files
from distillery.support import settings
from distillery.support.versions import versions
from distillery_book.results import registry, store
from distillery_book.results.study import Cell, Context, Outcome, Profile, Study, check_profile
from distillery_book.running import provenance

OnReport = Callable[[float], None]
TRACEBACK_LINES = 16


@dataclass(frozen=True)
class How:
    """How to run the cells of a study, which `registry.find` finds by the name `study`.

    `threads` 0 leaves the number to the worker.
    """

    study: str
    profile: str
    device: str = "auto"
    precision: str = "auto"
    threads: int = 1


@dataclass(frozen=True, eq=False)
class Job:
    """A cell, the fingerprint of its data, where it keeps its checkpoints, and the results folder
    that holds the weights it needs.
    """

    cell: Cell
    identity: str
    fingerprint: str
    how: How
    scratch: str
    results: str = ""

    def encoded(self) -> bytes:
        return json.dumps(asdict(self), allow_nan=False).encode()

    @classmethod
    def decoded(cls, encoded: bytes) -> Job:
        plain = json.loads(encoded)
        cell, how = Cell(**plain.pop("cell")), How(**plain.pop("how"))
        return cls(cell=cell, how=how, **plain)


@dataclass(frozen=True, eq=False)
class Reply:
    """What came of a job: `found` holds the record's fields that the worker knows, or `error` (and
    `traceback`) says why there are none.
    """

    found: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    traceback: str = ""
    arrays: bytes = b""
    weights: bytes = b""

    def encoded(self) -> bytes:
        head = {
            "found": self.found,
            "error": self.error,
            "traceback": self.traceback,
            "sizes": {"arrays": len(self.arrays), "weights": len(self.weights)},
        }
        line = json.dumps(head, allow_nan=False).encode()
        return line + b"\n" + self.arrays + self.weights

    @classmethod
    def decoded(cls, encoded: bytes) -> Reply:
        head, _, rest = encoded.partition(b"\n")
        parsed = json.loads(head)
        cut = parsed.pop("sizes")["arrays"]
        return cls(**parsed, arrays=rest[:cut], weights=rest[cut:])


def perform(encoded: bytes, on_report: OnReport | None = None) -> bytes:
    """Run the cell of an encoded job; the encoded reply says what came of it."""
    try:
        return _run(Job.decoded(encoded), on_report).encoded()
    except (Exception, SystemExit) as error:
        tail = traceback.format_exc().splitlines()[-TRACEBACK_LINES:]
        return Reply(error=f"{type(error).__name__}: {error}", traceback="\n".join(tail)).encoded()


def notes_path(scratch: str | Path) -> Path:
    """What earlier attempts at a cell left beside its scratch folder: seconds and settings."""
    return Path(scratch).with_suffix(".json")


def _run(job: Job, on_report: OnReport | None) -> Reply:
    import torch

    study = registry.find(job.how.study)
    profile = check_profile(job.how.profile)
    if job.how.threads:
        torch.set_num_threads(job.how.threads)
    chosen, precision = _resolved(study, job, profile)
    meter = provenance.Meter(str(chosen.device))
    made_by = {"device": chosen.device.type, "precision": precision}
    notes = _Notes(job.scratch, made_by, meter, on_report)
    context = Context(
        profile=profile,
        device=chosen.device,
        dtype=chosen.dtype,
        scratch=Path(job.scratch),
        threads=torch.get_num_threads(),
        declared=declared(job.cell.data, job.fingerprint),
        on_report=notes.report,
        read_models=partial(store.read_models, results=Path(job.results)),
    )
    outcome = _outcome(study, job.cell, context)
    measured = {
        "seconds": round(notes.seconds(), 3),
        "peak_memory_mb": round(meter.peak_memory_mb(), 1),
        "threads": context.threads,
        **made_by,
    }
    return _reply(outcome, measured)


def _outcome(study: Study, cell: Cell, context: Context) -> Outcome:
    with _tiny_numbers_as_zero():
        outcome = study.run(cell, context)
    if not isinstance(outcome, Outcome):
        raise TypeError(
            f"the study's run returned a {type(outcome).__name__}; an Outcome is needed"
        )
    return outcome


@contextmanager
def _tiny_numbers_as_zero() -> Iterator[None]:
    """In this thread what lies below 1e-38 in float32 is zero: down there a product takes many
    times as long.

    An optimizer's averages of the squares of gradients that are hardly ever anything fade so far,
    and slow the training of small networks by half.
    """
    import torch

    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _resolved(study: Study, job: Job, profile: Profile) -> tuple[settings.Settings, str]:
    """Device and autocast type, and the precision to record: the study's own where it has one."""
    if study.precision == "auto":
        chosen = settings.resolve(job.how.device, job.how.precision, portable=profile == "smoke")
        return chosen, chosen.precision
    return settings.resolve(job.how.device, "float32", portable=profile == "smoke"), study.precision


def _reply(outcome: Outcome, measured: Mapping[str, Any]) -> Reply:
    commit, dirty = provenance.commit()
    found = {
        "metrics": {name: float(value) for name, value in outcome.metrics.items()},
        "departures": {name: list(pair) for name, pair in outcome.departures.items()},
        **measured,
        "versions": versions(),
        "commit": commit,
        "dirty": dirty,
        "weights_name": outcome.weights_name,
    }
    weights = files.packed(outcome.models) if outcome.models else b""
    return Reply(found, arrays=store.pack(outcome.arrays), weights=weights)


def declared(data: str, fingerprint: str) -> dict[str, str]:
    """The data sets of a cell and their fingerprints, joined by plus signs; none for `"none"`."""
    return {} if data == "none" else dict(zip(data.split("+"), fingerprint.split("+"), strict=True))


class _Notes:
    """The seconds of a cell over all its attempts.

    A checkpoint made on another device or precision is not continued.
    """

    def __init__(
        self,
        scratch: str,
        made_by: Mapping[str, str],
        meter: provenance.Meter,
        on_report: OnReport | None,
    ) -> None:
        self._path = notes_path(scratch)
        self._made_by = dict(made_by)
        self._meter = meter
        self._on_report = on_report
        self._earlier = self._take_up(Path(scratch))
        self._write()

    def _take_up(self, scratch: Path) -> float:
        """The seconds of the earlier attempts whose checkpoint can be continued.

        A cell without a checkpoint starts from nothing, and so does its clock.
        """
        old = _json(self._path)
        if old and old.get("made_by") != self._made_by:
            shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True, exist_ok=True)
        return float(old["seconds"]) if old and any(scratch.iterdir()) else 0.0

    def seconds(self) -> float:
        return self._earlier + self._meter.seconds()

    def report(self, done: float) -> None:
        now = time.monotonic()
        if now - self._written >= 0.2:
            self._write()
            if self._on_report is not None:
                self._on_report(done)

    def _write(self) -> None:
        temporary = self._path.with_suffix(".part")
        temporary.write_text(json.dumps({"made_by": self._made_by, "seconds": self.seconds()}))
        temporary.replace(self._path)
        self._written = time.monotonic()


def _json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return None
    is_whole = isinstance(content, dict) and isinstance(content.get("seconds"), (int, float))
    return content if is_whole else None
