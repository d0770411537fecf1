"""What cells of a study are missing, and their running: skip what is recorded, run the rest on
workers, write each record as it comes.

The parent alone writes, a line a cell, so whatever kills it loses only the cells under way; those
continue from their scratch folders.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from distillery.support.nearest import unknown
from distillery_book.results import records, store
from distillery_book.results.index import Index
from distillery_book.results.records import Place, Record, identity, place, same
from distillery_book.results.study import WEIGHTS, Cell, Profile, Study
from distillery_book.running.job import How, Job, Reply, declared, notes_path
from distillery_book.running.progress import Progress

Workers = Callable[[Sequence[Job], Callable[[Job, float], None]], Generator[tuple[Job, Reply]]]


@dataclass(frozen=True)
class Missing:
    """A cell without a record, and the fingerprint of its data."""

    cell: Cell
    fingerprint: str


def grid(study: Study, profile: Profile) -> list[Cell]:
    """The cells of a study at a profile, each once, in the order that numbers them."""
    return list({identity(study, cell, cell.data): cell for cell in study.cells(profile)}.values())


def missing(study: Study, cells: Sequence[Cell], results: Path) -> list[Missing]:
    """The cells that no record answers, each once."""
    names = dict.fromkeys(cell.data for cell in cells)
    fingerprints = {name: fingerprint(name, results) for name in names}
    recorded = {record.identity for record in records.read(study.name, results)}
    asked = [Missing(cell, fingerprints[cell.data]) for cell in cells]
    by_identity = {identity(study, each.cell, each.fingerprint): each for each in asked}
    return [each for key, each in by_identity.items() if key not in recorded]


def states(study: Study, cells: Sequence[Cell], results: Path) -> list[str]:
    """Of each cell whether it is "recorded", "missing", or "waiting" for weights that are not
    recorded yet.

    A record counts whatever the fingerprint of its data, which need not be on this machine.
    """
    known = store.recorded_weights(results)
    counted = Index(study, records.read(study.name, results)).records
    places = {run.place for run in counted if _has_present_weights(run, known)}
    return [_state(cell, places, known) for cell in cells]


def runnable(cells: Sequence[Cell], results: Path) -> tuple[list[Cell], list[str]]:
    """The cells that can run now, and the names of the weights, not yet recorded, that the others
    wait for.
    """
    known = store.recorded_weights(results)
    waits = [[name for name in _needed(cell) if name not in known] for cell in cells]
    awaited = list(dict.fromkeys(name for names in waits for name in names))
    return [cell for cell, names in zip(cells, waits, strict=True) if not names], awaited


def execute(
    study: Study, jobs: Sequence[Job], workers: Workers, results: Path, *, progress: Progress
) -> int:
    """Run the jobs and record what they find; the number of cells that failed, each reported with
    its parameters.
    """
    failed = 0
    with closing(workers(jobs, progress.share)) as finished:
        for job, reply in finished:
            try:
                record = _record(study, job, reply, results)
                records.append(record, results)
            except ValueError as error:
                failed += 1
                progress.failed(job, str(error), reply.traceback)
                continue
            _clear(Path(job.scratch))
            progress.finished(job, record.metrics)
    return failed


def tidy(study: Study, results: Path) -> None:
    """Remove what a kill may leave: half a line of records, and checkpoints of cells that are
    recorded.
    """
    records.mend(study.name, results)
    folder = scratch_folder(results) / study.name
    if folder.is_dir():
        recorded = {record.identity for record in records.read(study.name, results)}
        for key in recorded & {path.stem for path in folder.iterdir()}:
            _clear(folder / key)


def select(
    cells: Sequence[Cell], only: Mapping[str, Sequence[object]], seeds: Sequence[int] | None = None
) -> list[Cell]:
    """The cells whose parameters (or data) take one of the values named for each key, and whose
    seed is among `seeds`.
    """
    for key, values in only.items():
        _check_key(cells, key, values)
    if seeds is not None:
        _check_seeds(cells, seeds)
    chosen = [
        cell
        for cell in cells
        if all(_takes(cell, key, values) for key, values in only.items())
        and (seeds is None or cell.seed in seeds)
    ]
    if not chosen:
        raise ValueError("no cell fits all of --only and --seeds together, though each fits some")
    return chosen


def make_jobs(study: Study, asked: Sequence[Missing], how: How, *, results: Path) -> list[Job]:
    """The jobs of missing cells, to be run as `how` says."""
    return [_job(study, each, how, results) for each in asked]


def fingerprint(name: str, results: Path | None = None) -> str:
    """The fingerprint of a cell's data; those of several sets are joined as their names are.

    That of recorded weights is their hash.
    """
    if name == "none":
        return "none"
    from distillery import data

    known = store.recorded_weights(records.results_folder(results)) if WEIGHTS in name else {}
    parts = name.split("+")
    return "+".join(
        known[part.removeprefix(WEIGHTS)] if part.startswith(WEIGHTS) else data.fingerprint(part)
        for part in parts
    )


def check_writable(study: Study, results: Path) -> None:
    """Refuse a folder that cannot take the records, before anything is computed."""
    try:
        results.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=results):
            pass
        path = results / f"{study.name}.jsonl"
        if path.exists():
            path.open("r+b").close()
    except OSError as error:
        raise ValueError(
            f"results folder {results} cannot be written ({error.strerror});"
            " name another by --results"
        ) from error


def scratch_folder(results: Path) -> Path:
    """Where cells keep checkpoints: the repository's `_build/scratch` for the book's own results,
    `.scratch` inside any other folder.
    """
    book = results.resolve().parent
    is_named_so = results.name == "results" and book.name == "book"
    if is_named_so and (book.parent / "_config.yml").is_file():
        return book.parent / "_build" / "scratch"
    return results / ".scratch"


def _job(study: Study, asked: Missing, how: How, results: Path) -> Job:
    key = identity(study, asked.cell, asked.fingerprint)
    return Job(
        asked.cell,
        key,
        asked.fingerprint,
        how,
        scratch=str(scratch_folder(results) / study.name / key),
        results=str(results.absolute()),
    )


def _record(study: Study, job: Job, reply: Reply, results: Path) -> Record:
    if reply.error:
        raise ValueError(reply.error)
    found = dict(reply.found)
    name = found.pop("weights_name") or study.name
    arrays = (
        store.put_arrays(reply.arrays, study=study.name, version=study.version, results=results)
        if reply.arrays
        else None
    )
    record = Record(
        study=study.name,
        version=study.version,
        profile=job.how.profile,
        params=dict(job.cell.params),
        seed=job.cell.seed,
        data=job.cell.data,
        fingerprint=job.fingerprint,
        arrays=arrays,
        weights=None,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        **found,
    )
    if not reply.weights:
        return record
    about = store.provenance(record)
    key = store.put_weights(reply.weights, results=results, about=about)
    return replace(record, weights={"name": name, "hash": key})


def _clear(scratch: Path) -> None:
    """Remove a cell's checkpoints and the notes beside them."""
    shutil.rmtree(scratch, ignore_errors=True)
    for path in (notes_path(scratch), notes_path(scratch).with_suffix(".part")):
        path.unlink(missing_ok=True)


def _needed(cell: Cell) -> list[str]:
    """The names of the recorded weights among a cell's data."""
    return [part.removeprefix(WEIGHTS) for part in cell.data.split("+") if part.startswith(WEIGHTS)]


def _has_present_weights(run: Record, known: Mapping[str, str]) -> bool:
    """Whether the recorded weights that a run was made with are those recorded now."""
    used = declared(run.data, run.fingerprint)
    return all(used[WEIGHTS + name] == known.get(name) for name in _needed(run.cell))


def _state(cell: Cell, recorded: Set[Place], known: Mapping[str, str]) -> str:
    if not all(name in known for name in _needed(cell)):
        return "waiting"
    return "recorded" if place(cell) in recorded else "missing"


def _check_key(cells: Sequence[Cell], key: str, values: Sequence[object]) -> None:
    keys = sorted({"data", *(name for cell in cells for name in cell.params)})
    if key not in keys:
        raise ValueError(unknown("key of --only", key, keys))
    taken = sorted({str(_value(cell, key)) for cell in cells if _value(cell, key) is not None})
    for value in values:
        if not any(_takes(cell, key, [value]) for cell in cells):
            raise ValueError(f"no cell has {key}={value}; it takes {', '.join(taken)}")


def _check_seeds(cells: Sequence[Cell], seeds: Sequence[int]) -> None:
    known = sorted({cell.seed for cell in cells})
    strange = sorted(set(seeds) - set(known))
    if strange:
        listed = ", ".join(map(str, known))
        raise ValueError(f"no cell has seed {strange[0]}; the seeds are {listed}")


def _takes(cell: Cell, key: str, values: Sequence[object]) -> bool:
    return any(same(_value(cell, key), value) for value in values)


def _value(cell: Cell, key: str) -> object:
    return cell.data if key == "data" else cell.params.get(key)
