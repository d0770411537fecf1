"""`distillery status`: what is recorded, how it stands to what was published, what is missing."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from distillery_book.results.results import Results
from distillery_book.site.scores import listing

SUMMARY = "show what is recorded, and how it stands to what was published"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "tables",
        nargs="*",
        metavar="TABLE",
        help="show every number of these tables (or of: aims); without, a summary of all",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--json",
        action="store_true",
        help="one json object for every published number and every aim",
    )
    form.add_argument("--csv", action="store_true", help="the same as lines of csv")
    form.add_argument("--markdown", action="store_true", help="tables in Markdown")
    parser.add_argument(
        "--results",
        metavar="FOLDER",
        help="where the records are; default: $DISTILLERY_RESULTS, else book/results",
    )


def run(args: argparse.Namespace) -> int:
    results = Results.open(args.results)
    if not results.folder.is_dir():
        raise ValueError(
            f"results folder {results.folder} does not exist; name one by --results or by"
            " $DISTILLERY_RESULTS"
        )
    for line in _lines(args, results):
        print(line)
    return 0


def _lines(args: argparse.Namespace, results: Results) -> Iterator[str]:
    if args.json:
        return listing.as_json(args.tables, results)
    if args.csv:
        return listing.as_csv(args.tables, results)
    return listing.as_tables(
        args.tables, results, listing.piped if args.markdown else listing.aligned
    )
