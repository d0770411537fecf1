"""`distillery decompress FILE`: the pictures of a recollection file as plain arrays again."""

from __future__ import annotations

import argparse
from pathlib import Path

from distillery.support.outputs import check_writable

SUMMARY = "write the pictures of a recollection file as arrays"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help="a recollection file, written by distillery compress"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="DATA",
        help="an .npz file with x_train, y_train and card (default: NAME.again.npz beside FILE)",
    )


def run(args: argparse.Namespace) -> int:
    path = Path(args.output) if args.output else Path(args.file).with_suffix(".again.npz")
    if path.suffix != ".npz":
        raise ValueError(f"--output is {path}: a name that ends in .npz is needed")
    check_writable("--output", path, [Path(args.file)])
    from distillery.storage import Recollections
    from distillery.tools.compress.picture_files import write_pictures

    if not Path(args.file).is_file():
        raise FileNotFoundError(f"{args.file} is not there: a recollection file is needed")
    found = Recollections.load(args.file)
    write_pictures(path, found.pictures, found.labels, card=found.card)
    print(
        f"{found.card}\n{path}: x_train, {len(found):,}"
        f" pictures{', y_train' if found.labels is not None else ''} and card"
    )
    return 0
