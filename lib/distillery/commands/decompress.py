"""`distillery decompress FILE`: the pictures of a recollection file as plain arrays again."""

from __future__ import annotations

import argparse
from pathlib import Path

from distillery.support.inputs import check_readable
from distillery.support.outputs import check_writable

SUMMARY = "write the pictures of a recollection file as arrays"
ARRAYS = (
    "an .npz file with x_train, bytes from 0 to 255 (uint8), (N, H, W) where pictures are grey and"
    " (N, H, W, 3), channels last, where they have colours; y_train, int64 (N,), if the file has"
    " labels; and card, its description as a string"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help="a recollection file, written by distillery compress"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="DATA",
        help=f"{ARRAYS} (default: NAME.again.npz beside FILE)",
    )


def run(args: argparse.Namespace) -> int:
    source = check_readable(args.file, "a recollection file")
    path = Path(args.output) if args.output else source.with_suffix(".again.npz")
    if path.suffix != ".npz":
        raise ValueError(f"--output is {path}: a name that ends in .npz is needed")
    check_writable("--output", path, [source])
    from distillery.storage import Recollections
    from distillery.tools.compress.picture_files import write_pictures

    recollections = Recollections.load(source)
    labels, card = recollections.labels, recollections.card
    write_pictures(path, recollections.pictures, labels, card=card)
    named = "" if labels is None else ", y_train"
    print(f"{card}\n{path}: x_train, {len(recollections):,} pictures{named} and card")
    return 0
