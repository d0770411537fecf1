"""`distillery repeat STUDY`: run some recorded cells again, by their own seeds and by fresh ones,
and say whether the same numbers come out.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Sequence
from pathlib import Path

from distillery_book.results import records, registry, repeated
from distillery_book.results.repeated import Repeat
from distillery_book.running import local_workers, repeats
from distillery_book.running.job import How
from distillery_book.running.repeats import Again

SUMMARY = "run recorded cells again, and compare what comes out"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="STUDY", help="a study of the book")
    parser.add_argument(
        "--sample", type=int, default=3, help="how many runs of each kind (default: 3)"
    )
    parser.add_argument("--draw", type=int, default=0, help="the seed that draws them (default: 0)")
    parser.add_argument(
        "--longest",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="leave out runs that took longer (default: 600)",
    )
    parser.add_argument(
        "--results", help="the results folder (default: $DISTILLERY_RESULTS, else the book's)"
    )
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)"
    )


def run(args: argparse.Namespace) -> int:
    if args.sample < 1:
        raise ValueError(f"--sample is {args.sample}; 1 or more are needed")
    study = registry.find(args.name)
    results = records.results_folder(args.results)
    own, fresh = repeats.choose(
        study, results, sample=args.sample, draw=args.draw, longest=args.longest
    )
    how = How(args.name, "paper", device=args.device)
    return _compare([*own, *fresh], how, results)


def _compare(asked: Sequence[Again], how: How, results: Path) -> int:
    """Run them, print and keep each outcome; exit code 1 if one is not as recorded."""
    workers = functools.partial(local_workers.run, workers=1)
    code, path = 0, results
    for repeat in repeats.run_again(asked, how=how, workers=workers, results=results):
        path = repeated.append(repeat, results)
        print(_sentence(repeat), flush=True)
        code = code if repeat.verdict in repeated.GOOD else 1
    print(f"{len(asked)} runs made again; {path}")
    return code


def _sentence(repeat: Repeat) -> str:
    params = " ".join(f"{name}={value}" for name, value in repeat.params.items())
    head = f"{repeat.verdict}: {params} seed={repeat.seed}"
    if repeat.error:
        return f"{head}: {repeat.error}"
    if repeat.verdict == repeated.IDENTICAL:
        return f"{head}: all of {repeat.metrics} metrics, to the last digit"
    changed = f"; changed since: {', '.join(repeat.changed)}" if repeat.changed else ""
    return (
        f"{head}: {repeat.worst} is {repeat.found:.6g}, recorded {repeat.recorded:.6g},"
        f" allowed ±{repeat.allowed:.2g}{changed}"
    )
