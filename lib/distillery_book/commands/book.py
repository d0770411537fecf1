"""`distillery book`: run the chapters that are not fresh, then build the site."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from distillery_book.site import chapters
from distillery_book.site.parameters import assignments

SUMMARY = "run the book's chapters and build its site"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--profile",
        default="smoke",
        help=(
            "smoke (embedded data, seconds; the default), laptop (real data) or paper (the"
            " published protocol)"
        ),
    )
    add(
        "--chapters", nargs="+", default=[], metavar="NAME", help="names or numbers; all by default"
    )
    add(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change a parameter of the chapters",
    )
    add("--force", action="store_true", help="run chapters that are fresh too")
    add(
        "--refresh",
        action="store_true",
        help="write the smoke outputs back into the committed notebooks",
    )
    add("--no-site", action="store_true", help="run the chapters only")


def run(args: argparse.Namespace) -> int:
    root = chapters.root()
    wanted = chapters.chapters(
        root, profile=args.profile, only=args.chapters, changed=assignments(args.parameter)
    )
    if args.refresh and any(chapter.passed for chapter in wanted):
        raise ValueError(
            "--refresh writes smoke outputs back: it goes with neither --profile nor -p"
        )
    failed = [
        run for run in chapters.run_all(wanted, force=args.force, report=_report) if run.error
    ]
    if failed:
        print(
            f"distillery book: {len(failed)} of {len(wanted)} chapters failed; the site was not"
            " built",
            file=sys.stderr,
        )
        return 1
    if args.refresh:
        _refresh(wanted)
    return 0 if args.no_site else build_site(root, args.profile)


def build_site(root: Path, profile: str) -> int:
    """jupyter-book with every warning an error, from the executed copies of one profile; prints the
    page to open.
    """
    command = [
        sys.executable,
        "-c",
        "from jupyter_book.cli.main import main; main()",
        "build",
        ".",
        "-W",
        "--keep-going",
        "-n",
        "--quiet",
    ]
    environment = os.environ | {"DISTILLERY_BOOK_PROFILE": profile, "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    page = root / "_build" / "html" / "book" / "index.html"
    if done.returncode or not page.is_file():
        shutil.rmtree(
            root / "_build" / ".doctrees", ignore_errors=True
        )  # pages read once warn once: the next build reads them again
        print(done.stdout[-4000:] + done.stderr[-8000:], file=sys.stderr)
        print(
            f"distillery book: the site was not built (exit code {done.returncode})",
            file=sys.stderr,
        )
        return 1
    print(f"open {page}")
    return 0


def _refresh(wanted: list[chapters.Chapter]) -> None:
    for chapter in wanted:
        print(
            f"{chapter.name:32s}"
            f" {'outputs written back' if chapters.refresh(chapter) else 'outputs as committed'}",
            flush=True,
        )


def _report(run: chapters.Run) -> None:
    if run.error:
        print(
            f"{run.chapter.name:32s} FAILED after {run.seconds:.1f} s\n{run.error}",
            file=sys.stderr,
            flush=True,
        )
    else:
        print(
            f"{run.chapter.name:32s} {'fresh' if run.skipped else f'{run.seconds:.1f} s'}",
            flush=True,
        )
