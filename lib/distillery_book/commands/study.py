"""`distillery study NAME`: run what is missing of a study and record it; the same command continues
after any interruption.

For job arrays, `--list` numbers the cells and `--cell K` runs one of them.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from distillery.support import settings
from distillery_book.results import records, registry, trained
from distillery_book.results.study import Cell, Profile, Study, check_profile
from distillery_book.running import claims, runner
from distillery_book.running.job import How, Job
from distillery_book.running.progress import Progress
from distillery_book.running.runner import Workers

SUMMARY = "run what is missing of a study, and record it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name",
        metavar="NAME",
        help="a study of the book, or one of your own as package.module:ATTRIBUTE",
    )
    parser.add_argument(
        "--profile", default="smoke", help="smoke, laptop or paper (default: smoke)"
    )
    parser.add_argument(
        "--results", help="the results folder (default: $DISTILLERY_RESULTS, else the book's)"
    )
    _add_which(parser)
    _add_where(parser)


def _add_which(parser: argparse.ArgumentParser) -> None:
    """The arguments that choose cells."""
    parser.add_argument(
        "--only",
        metavar="KEY=VALUE",
        nargs="+",
        action="extend",
        default=[],
        help="only cells with these parameters",
    )
    parser.add_argument(
        "--seeds",
        metavar="0,1,2",
        nargs="+",
        action="extend",
        default=[],
        help="only cells with these seeds",
    )
    single = parser.add_mutually_exclusive_group()
    single.add_argument(
        "--list", action="store_true", help="number the cells, say which are recorded, run none"
    )
    single.add_argument(
        "--cell", type=int, metavar="K", help="only the cell of this number, beside other such runs"
    )


def _add_where(parser: argparse.ArgumentParser) -> None:
    """The arguments that say on what the cells run."""
    workers = parser.add_mutually_exclusive_group()
    workers.add_argument(
        "--workers",
        type=int,
        help="processes, sharing the cores (default: one a core; one on a GPU); 0: this one alone",
    )
    workers.add_argument(
        "--scheduler", metavar="ADDRESS", help="run the cells on the Dask cluster at this address"
    )
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)"
    )
    parser.add_argument(
        "--precision", default="auto", help="auto, float32 or bfloat16 (default: auto)"
    )


def run(args: argparse.Namespace) -> int:
    asked = _asked(args)
    if args.list:
        _print_list(asked)
        return 0
    how, workers = _where(args, asked)
    runner.check_writable(asked.study, asked.results)
    with _claim(args, asked):
        return _run_missing(asked, how, workers)


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is asked for: cells of a study, by their numbers at a profile, and a results folder."""

    study: Study
    profile: Profile
    results: Path
    cells: dict[int, Cell]


def _asked(args: argparse.Namespace) -> _Asked:
    study, profile = _find(args.name), check_profile(args.profile)
    grid = runner.grid(study, profile)
    if args.cell is None:
        chosen = {id(cell) for cell in runner.select(grid, _only(args.only), _seeds(args.seeds))}
        cells = {number: cell for number, cell in enumerate(grid, 1) if id(cell) in chosen}
    else:
        cells = {args.cell: _numbered(args, grid)}
    return _Asked(study, profile, records.results_folder(args.results), cells)


def _numbered(args: argparse.Namespace, grid: Sequence[Cell]) -> Cell:
    """The cell that `--cell` names."""
    if args.only or args.seeds:
        raise ValueError("--cell names one cell; leave --only and --seeds out")
    if not 1 <= args.cell <= len(grid):
        raise ValueError(
            f"--cell is {args.cell}; the cells of {args.name} at profile {args.profile} are"
            f" numbered from 1 to {len(grid)}"
        )
    return grid[args.cell - 1]


def _print_list(asked: _Asked) -> None:
    states = runner.states(asked.study, list(asked.cells.values()), asked.results)
    width = len(str(max(asked.cells)))
    for (number, cell), state in zip(asked.cells.items(), states, strict=True):
        print(f"{number:{width}d} {state:8s} {cell}")


def _where(args: argparse.Namespace, asked: _Asked) -> tuple[How, Workers]:
    """How the cells run, and the workers that run them."""
    _check_settings(args, asked.study)
    workers = _worker_count(args, asked.profile)
    threads = 1 if asked.profile == "smoke" else max(1, settings.cores() // max(1, workers))
    how = How(
        args.name,
        asked.profile,
        device=args.device,
        precision=args.precision,
        threads=0 if args.scheduler else threads,
    )
    return how, _workers(args.scheduler, workers, threads)


def _claim(args: argparse.Namespace, asked: _Asked) -> AbstractContextManager[None]:
    if args.cell is None:
        return claims.whole(asked.study, asked.results)
    return claims.single(asked.study, asked.cells[args.cell], asked.results)


def _run_missing(asked: _Asked, how: How, workers: Workers) -> int:
    """Run what is missing and can run, and say what waits; the command's exit code."""
    runner.tidy(asked.study, asked.results)
    cells, awaited = runner.runnable(list(asked.cells.values()), asked.results)
    missing = runner.missing(asked.study, cells, asked.results)
    jobs = runner.make_jobs(asked.study, missing, how, results=asked.results)
    code = _execute(asked, jobs, workers, recorded=len(cells) - len(missing))
    if not awaited:
        return code
    waiting = f"{len(asked.cells) - len(cells)} of {len(asked.cells)} cells wait"
    _say(f"{waiting}: {trained.missing(awaited, asked.profile)}")
    return code or 1


def _execute(asked: _Asked, jobs: list[Job], workers: Workers, *, recorded: int) -> int:
    """Run the jobs and say what came of them; the command's exit code."""
    study, results = asked.study, asked.results
    progress = Progress(study.name, len(jobs))
    try:
        failed = runner.execute(study, jobs, workers, results, progress=progress) if jobs else 0
    except KeyboardInterrupt:
        progress.close()
        _say("interrupted; what is recorded stays, and the same command continues")
        return 130
    finally:
        progress.close()
    counts = f"{len(jobs) - failed} cells run, {recorded} recorded before, {failed} failed"
    print(f"{study.name}: {counts}; {results / study.name}.jsonl")
    return 1 if failed else 0


def _find(name: str) -> Study:
    module, _, attribute = name.partition(":")
    if module and attribute:
        _import_own(name, module)
    try:
        return registry.find(name)
    except ImportError as error:
        raise ValueError(f"study {name!r} fails when it is imported: {error}") from error


def _import_own(name: str, module: str) -> None:
    """Import the module of a study of your own, which lies where you are or is installed."""
    if not all(part.isidentifier() for part in module.split(".")):
        raise ValueError(
            f"the study is {name!r}: a name of the book, or package.module:ATTRIBUTE, is needed"
        )
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
            return  # there is no such module, which is said where studies are found
        raise ValueError(
            f"module {module!r} of study {name!r} fails when it is imported:"
            f" {type(error).__name__}: {error}"
        ) from error


def _check_settings(args: argparse.Namespace, study: Study) -> None:
    settings.check_device(args.device)
    settings.check_precision(args.precision)
    if study.precision != "auto" and args.precision not in ("auto", study.precision):
        raise ValueError(
            f"--precision is {args.precision}, but study {study.name!r} computes in"
            f" {study.precision}; leave it out"
        )
    if args.scheduler is not None and not args.scheduler.strip():
        raise ValueError(
            f"--scheduler is {args.scheduler!r};"
            " the address of a Dask scheduler, such as tcp://localhost:8786, is needed"
        )


def _worker_count(args: argparse.Namespace, profile: Profile) -> int:
    """From the command alone, never from what is missing: threads are cores // workers, and a
    continued run needs the same threads.
    """
    if args.workers is not None and args.workers < 0:
        raise ValueError(
            f"--workers is {args.workers}; 1 or more are needed, or 0 for this process alone"
        )
    if args.scheduler:
        return 1
    device = settings.resolve(args.device, args.precision, portable=profile == "smoke").device
    cores = settings.cores()
    if args.workers is None:
        return 1 if device.type == "cuda" else cores
    if args.workers > cores:
        _say(f"--workers is {args.workers}; there are {cores} cores, so {cores} workers run")
    return min(args.workers, cores)


def _workers(scheduler: str | None, workers: int, threads: int) -> Workers:
    if scheduler:
        from distillery_book.running import dask_workers

        return functools.partial(dask_workers.run, address=scheduler)
    if workers == 0:
        from distillery_book.running import here

        return here.run
    from distillery_book.running import local_workers

    return functools.partial(local_workers.run, workers=workers, threads=threads)


def _only(pairs: Sequence[str]) -> dict[str, list[object]]:
    chosen: dict[str, list[object]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise ValueError(f"--only is {pair!r}; KEY=VALUE is needed")
        chosen.setdefault(key, []).append(_scalar(value))
    return chosen


def _scalar(text: str) -> object:
    """A value as json reads it, else the text itself; Python's True and False count as json's."""
    try:
        return json.loads({"True": "true", "False": "false"}.get(text, text))
    except ValueError:
        return text


def _seeds(texts: Sequence[str]) -> list[int] | None:
    parts = [part for text in texts for part in text.split(",") if part]
    try:
        return [int(part) for part in parts] or None
    except ValueError as error:
        raise ValueError(
            f"--seeds is {','.join(parts)!r}; whole numbers such as 0,1,2 are needed"
        ) from error


def _say(sentence: str) -> None:
    print(f"distillery: {sentence}", file=sys.stderr)
