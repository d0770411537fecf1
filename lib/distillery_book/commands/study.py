"""`distillery study NAME`: run what is missing of a study and record it; the same command continues
after any interruption.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from distillery.support import settings
from distillery_book.results import records, registry, trained
from distillery_book.results.study import Profile, Study, check_profile
from distillery_book.running import runner
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
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers",
        type=int,
        help="processes, sharing the cores (default: one a core; one on a GPU)",
    )
    where.add_argument(
        "--scheduler", metavar="ADDRESS", help="run the cells on the Dask cluster at this address"
    )
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)"
    )
    parser.add_argument(
        "--precision", default="auto", help="auto, float32 or bfloat16 (default: auto)"
    )
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
    parser.add_argument(
        "--results", help="the results folder (default: $DISTILLERY_RESULTS, else the book's)"
    )


def run(args: argparse.Namespace) -> int:
    study, profile = _find(args.name), check_profile(args.profile)
    settings.check_device(args.device)
    settings.check_precision(args.precision)
    if study.precision != "auto" and args.precision not in ("auto", study.precision):
        raise ValueError(
            f"--precision is {args.precision}, but study {study.name!r} computes in"
            f" {study.precision}; leave it out"
        )
    workers = _worker_count(args, profile)
    results = records.results_folder(args.results)
    chosen = runner.select(list(study.cells(profile)), _only(args.only), _seeds(args.seeds))
    runner.check_writable(study, results)
    with runner.claimed(study, results):
        runner.tidy(study, results)
        cells, awaited = runner.runnable(chosen, results)
        missing = runner.missing(study, cells, results)
        threads = 1 if profile == "smoke" else max(1, settings.cores() // workers)
        how = How(
            args.name,
            profile,
            device=args.device,
            precision=args.precision,
            threads=0 if args.scheduler else threads,
        )
        jobs = runner.make_jobs(study, missing, how, results=results)
        code = _execute(
            study,
            jobs,
            _workers(args.scheduler, workers, threads),
            results,
            before=len(cells) - len(missing),
        )
    if awaited:
        waiting = f"{len(chosen) - len(cells)} of {len(chosen)} cells wait"
        print(f"distillery: {waiting}: {trained.missing(awaited, profile)}", file=sys.stderr)
    return code or int(bool(awaited))


def _execute(study: Study, jobs: list[Job], workers: Workers, results: Path, *, before: int) -> int:
    progress = Progress(study.name, len(jobs))
    try:
        failed = runner.execute(study, jobs, workers, results, progress=progress) if jobs else 0
    except KeyboardInterrupt:
        progress.close()
        print(
            "distillery: interrupted; what is recorded stays, and the same command continues",
            file=sys.stderr,
        )
        return 130
    finally:
        progress.close()
    print(
        f"{study.name}: {len(jobs) - failed} cells run, {before} recorded before, {failed} failed;"
        f" {results / study.name}.jsonl"
    )
    return 1 if failed else 0


def _find(name: str) -> Study:
    if ":" in name and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # a study of your own lies where you are
    return registry.find(name)


def _worker_count(args: argparse.Namespace, profile: Profile) -> int:
    """From the command alone, never from what is missing: threads are cores // workers, and a
    continued run needs the same threads.
    """
    if args.workers is not None and args.workers < 1:
        raise ValueError(f"--workers is {args.workers}; 1 or more are needed")
    if args.scheduler:
        return 1
    device = settings.resolve(args.device, args.precision, portable=profile == "smoke").device
    return args.workers or (1 if device.type == "cuda" else settings.cores())


def _workers(scheduler: str | None, workers: int, threads: int) -> Workers:
    if scheduler:
        from distillery_book.running import dask_workers

        return functools.partial(dask_workers.run, address=scheduler)
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
