"""`distillery compress DATA`: pictures with their labels as a recollection file, decoder and all,
of the size that was asked for.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from distillery.support import settings
from distillery.support.progress import Stages

SUMMARY = "write pictures as a recollection file, a few bits each"


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
    add("--seed", type=int, default=0, help="default: 0")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    add("--precision", default="auto", help="auto, float32 or bfloat16 (default: auto)")


def run(args: argparse.Namespace) -> int:
    settings.check_device(args.device)
    settings.check_precision(args.precision)
    if not 0 <= args.seed < 2**63:
        raise ValueError(f"--seed is {args.seed}: a whole number from 0, below 2^63, is needed")
    code, output = _code(args.code), _output(args)
    import torch

    from distillery.tools.compress.budget import Budget
    from distillery.tools.compress.picture_files import read_pictures
    from distillery.tools.compress.run import planned

    budget = Budget(args.bits_per_image, args.times_smaller, args.budget_bytes, code)
    chosen = settings.resolve(args.device, args.precision)
    pictures = read_pictures(args.data, labels=not args.no_labels)
    for note in pictures.notes:
        print(f"Note: {note}")
    with Stages(left=True) as stages:
        how = {
            "passes": args.passes,
            "codes": args.codes,
            "prior": args.prior,
            "dtype": chosen.dtype,
            "progress": stages,
        }
        rng = torch.Generator(chosen.device).manual_seed(args.seed)
        work = planned(pictures.x, output, budget, y=pictures.y, name=pictures.name, rng=rng, **how)
        print(work, flush=True)
        try:
            found = work.finished()
        except KeyboardInterrupt:
            print(
                f"distillery: interrupted; the same command continues from {work.folder}",
                file=sys.stderr,
            )
            return 130
    print(found)
    return 0


def _code(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if not found:
        raise ValueError(
            f"--code is {text!r}: so many variables of so many values, such as 38x2, are needed"
        )
    return int(found[1]), int(found[2])


def _output(args: argparse.Namespace) -> Path:
    from distillery.support.outputs import check_writable

    path = Path(args.output) if args.output else Path(args.data).with_suffix(".rec")
    check_writable("--output", path, [Path(args.data)])
    return path
