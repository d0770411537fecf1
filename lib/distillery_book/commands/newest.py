"""`distillery newest`: run the book and its tests with the newest packages that are allowed, and
record which numbers, pages, warnings and tests moved.
"""

from __future__ import annotations

import argparse

from distillery_book.site import chapters
from distillery_book.site.newest import outcome
from distillery_book.site.newest import run as newest

SUMMARY = "run book and tests with the newest packages, and record what moved"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-record", action="store_true", help="print what moved, and record nothing"
    )


def run(args: argparse.Namespace) -> int:
    root = chapters.root()
    found = newest.newest(root)
    for name, (old, new) in found.versions.items():
        print(f"{name:32s} {old or 'absent'} → {new or 'absent'}")
    for one in found.moved:
        print(f"{one.kind:8s} {one.where}: {one.before} → {one.after}")
    print(f"{len(found.versions)} packages are newer, {len(found.moved)} things moved")
    if not args.no_record:
        path = root / "book" / "bench" / outcome.FILE
        outcome.write(found, path)
        print(path)
    return 0
