"""`distillery book`: run the chapters that are not fresh, then build the site."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from distillery.support.progress import duration
from distillery_book.results.results import Results
from distillery_book.site import chapters, printed
from distillery_book.site.parameters import assignments
from distillery_book.site.scores import standing

SUMMARY = "run the book's chapters and build its site"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    profiles = (
        "smoke (embedded data; the default), laptop (real data) or paper (published protocol)"
    )
    parser.add_argument("--profile", default="smoke", help=profiles)
    parser.add_argument(
        "--chapters", nargs="+", default=[], metavar="NAME", help="names or numbers; all by default"
    )
    parser.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change a parameter of the chapters",
    )
    parser.add_argument("--force", action="store_true", help="run chapters that are fresh too")
    parser.add_argument(
        "--refresh",
        action="store_true",
        help="write the smoke outputs back into the committed notebooks",
    )
    parser.add_argument("--no-site", action="store_true", help="run the chapters only")
    parser.add_argument(
        "--pdf", action="store_true", help="print the built site into one PDF, by Chromium"
    )


def run(args: argparse.Namespace) -> int:
    root = chapters.root()
    changed = assignments(args.parameter)
    wanted = chapters.chapters(root, profile=args.profile, only=args.chapters, changed=changed)
    _check_options(args, wanted)
    with chapters.claimed(root):
        failed = _execute(wanted, force=args.force)
        if args.refresh:
            _refresh([chapter for chapter in wanted if chapter not in failed])
            standing.refresh(root / "README.md", Results.open())
        if failed:
            return 1
        code = 0 if args.no_site else build_site(root, args.profile)
        if args.pdf and not code:
            print(f"open {printed.write_pdf(root)}")
        return code


def build_site(root: Path, profile: str) -> int:
    """jupyter-book with every warning an error, from the executed copies of one profile; prints the
    page to open.
    """
    start = "from jupyter_book.cli.main import main; main()"
    strictly = ["-W", "--keep-going", "-n", "--quiet"]
    built = subprocess.run(
        [sys.executable, "-c", start, "build", ".", *strictly],
        cwd=root,
        env=os.environ | {"DISTILLERY_BOOK_PROFILE": profile, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    page = root / "_build" / "html" / "book" / "index.html"
    if built.returncode or not page.is_file():
        # pages read once warn once: the next build reads them again
        shutil.rmtree(root / "_build" / ".doctrees", ignore_errors=True)
        print(built.stdout[-4000:] + built.stderr[-8000:], file=sys.stderr)
        _complain(f"the site was not built (exit code {built.returncode})")
        return 1
    print(f"open {page}")
    return 0


def _check_options(args: argparse.Namespace, wanted: Sequence[chapters.Chapter]) -> None:
    """What does not go together is said, and a browser that is missing, before chapters run."""
    if args.refresh and any(chapter.passed for chapter in wanted):
        raise ValueError(
            "--refresh writes smoke outputs back: it goes with neither --profile nor -p"
        )
    if args.pdf and args.no_site:
        raise ValueError("--pdf prints the site, which --no-site does not build")
    if args.pdf:
        printed.chromium()


def _execute(wanted: Sequence[chapters.Chapter], *, force: bool) -> list[chapters.Chapter]:
    """Run what has to run of the chapters, saying how long it will take; those that failed."""
    waiting = chapters.stale(wanted, force=force)
    if waiting:
        print(_expectation(waiting), flush=True)
    executions = chapters.run_all(wanted, force=force, report=_report)
    failed = [execution.chapter for execution in executions if execution.error]
    if failed:
        _complain(f"{len(failed)} of {len(wanted)} chapters failed; the site was not built")
    return failed


def _expectation(waiting: Sequence[chapters.Chapter]) -> str:
    """What is known of the time that the chapters will take."""
    if len(waiting) == 1:
        start, each = "1 chapter to run", ""
    else:
        start, each = f"{len(waiting)} chapters to run, two at a time", " each"
    seconds = chapters.expected_seconds(waiting)
    if seconds is not None:
        return f"{start}: about {duration(seconds)}, if it goes as last time"
    if waiting[0].profile == "smoke":
        return f"{start}: half a minute to a minute and a half{each} on two cores"
    return f"{start}; not all of them have run here before"


def _refresh(wanted: Sequence[chapters.Chapter]) -> None:
    for chapter in wanted:
        outcome = "outputs written back" if chapters.refresh(chapter) else "outputs as committed"
        print(f"{chapter.name:32s} {outcome}", flush=True)


def _report(execution: chapters.Execution) -> None:
    name, seconds = f"{execution.chapter.name:32s}", f"{execution.seconds:.1f} s"
    if execution.error:
        print(f"{name} FAILED after {seconds}\n{execution.error}", file=sys.stderr, flush=True)
    else:
        print(f"{name} {'fresh' if execution.skipped else seconds}", flush=True)


def _complain(sentence: str) -> None:
    print(f"distillery book: {sentence}", file=sys.stderr)
