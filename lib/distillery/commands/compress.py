"""`distillery compress DATA`: pictures with their labels as a recollection file, decoder and all,
of the size that was asked for.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from distillery.support import settings
from distillery.support.inputs import check_readable, check_seed
from distillery.support.progress import Stages, duration

if TYPE_CHECKING:
    from distillery.tools.compress import Run

SUMMARY = "write pictures as a recollection file, a few bits each"
LONG_SECONDS = 600  # of training: from here on it is asked whether that is wanted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "data",
        metavar="DATA",
        help=(
            "an .npz file with x_train, x or images (N, 28, 28) or (N, 32, 32, 3) and, if there"
            " are, labels"
        ),
    )
    _add_budget(parser)
    add(
        "-o",
        "--output",
        metavar="FILE",
        help="the recollection file (default: beside the data, DATA.rec)",
    )
    add(
        "--passes",
        type=int,
        help=(
            "over the pictures (default: 20, 60 for codes of more than 150 bits, of a small set"
            " more)"
        ),
    )
    add(
        "--codes",
        default="argmax",
        help="argmax, the likeliest codes, or drawn from their probabilities (default: argmax)",
    )
    add(
        "--prior",
        action="store_true",
        help="code the codes by a learned prior, if the file becomes smaller",
    )
    add("--no-labels", action="store_true", help="leave labels out")
    add(
        "--yes",
        action="store_true",
        help="train even if that is expected to take more than ten minutes",
    )
    add("--seed", type=int, default=0, help="default: 0")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    add("--precision", default="auto", help="auto, float32 or bfloat16 (default: auto)")


def _add_budget(parser: argparse.ArgumentParser) -> None:
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--bits-per-image",
        type=float,
        metavar="B",
        help="what a code may take; decoder, labels and header come on top",
    )
    how.add_argument(
        "--times-smaller",
        type=float,
        metavar="T",
        help="the whole file, beside the pictures as bytes",
    )
    how.add_argument(
        "--budget-bytes",
        type=float,
        metavar="N",
        help="the whole file, decoder, labels and header included",
    )
    how.add_argument(
        "--code", metavar="CxL", help="C variables of L values, 38x2 say, whatever they take"
    )


def run(args: argparse.Namespace) -> int:
    _check(args)
    code, output = _code(args.code), _output(args)
    with Stages(left=True) as stages:
        work = _planned(args, code, output, stages)
        print(work, flush=True)
        _agree(args, work)
        try:
            compressed = work.finished()
        except KeyboardInterrupt:
            place = work.folder.place
            said = f"distillery: interrupted; the same command continues from {place}"
            print(said, file=sys.stderr)
            return 130
    print(compressed)
    return 0


def _check(args: argparse.Namespace) -> None:
    settings.check_device(args.device)
    settings.check_precision(args.precision)
    check_seed("--seed", args.seed)
    check_readable(args.data, "an .npz file with pictures")


def _planned(
    args: argparse.Namespace, code: tuple[int, int] | None, output: Path, stages: Stages
) -> Run:
    import torch

    from distillery.tools.compress import Budget, planned, read_pictures

    budget = Budget(args.bits_per_image, args.times_smaller, args.budget_bytes, code)
    device = settings.resolve(args.device, args.precision)
    pictures = read_pictures(args.data, labels=not args.no_labels)
    for note in pictures.notes:
        print(f"Note: {note}")
    return planned(
        pictures.x,
        output,
        budget,
        y=pictures.y,
        name=pictures.name,
        passes=args.passes,
        codes=args.codes,
        prior=args.prior,
        rng=torch.Generator(device.device).manual_seed(args.seed),
        dtype=device.dtype,
        progress=stages,
    )


def _agree(args: argparse.Namespace, work: Run) -> None:
    """Say how long the training will take, and train long only if that is wanted; what was begun
    was wanted.
    """
    seconds = work.expected_seconds()
    print(f"Time: about {duration(seconds)} of training", flush=True)
    if seconds <= LONG_SECONDS or args.yes or work.folder.begun:
        return
    if sys.stdin.isatty() and input("Train so long? [y/N] ").strip().lower() in ("y", "yes"):
        return
    raise ValueError(
        f"training is expected to take {duration(seconds)}, longer than"
        f" {duration(LONG_SECONDS)}: --yes trains all the same; a shorter code or fewer --passes"
        " take less"
    )


def _code(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    matched = re.fullmatch(r"(\d+)x(\d+)", text)
    if not matched:
        raise ValueError(
            f"--code is {text!r}: so many variables of so many values, such as 38x2, are needed"
        )
    return int(matched[1]), int(matched[2])


def _output(args: argparse.Namespace) -> Path:
    from distillery.support.outputs import check_writable

    path = Path(args.output) if args.output else Path(args.data).with_suffix(".rec")
    check_writable("--output", path, [Path(args.data)])
    return path
