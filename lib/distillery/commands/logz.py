"""`distillery logz MODEL`: the partition function of anybody's restricted Boltzmann machine, with a
report, a figure and json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distillery.support import extras, settings
from distillery.support.inputs import check_readable, check_seed
from distillery.support.nearest import chosen
from distillery.support.outputs import check_writable
from distillery.support.progress import Stages
from distillery.tools.logz.report import METHODS, Report, figure

if TYPE_CHECKING:
    from torch import Tensor

    from distillery.tools.logz.machine_files import Found

FORMATS = (".png", ".pdf", ".svg")
FILES = "an .npz or .safetensors file"
SUMMARY = "estimate log Z of a restricted Boltzmann machine"
CAPTION = (
    "log ratios from both sides above, which should overlap; every estimate with its interval below"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "model",
        metavar="MODEL",
        help=(
            "an .npz or .safetensors file with weights and two biases: W, a, b or other common"
            " names"
        ),
    )
    add(
        "--method",
        default="auto",
        help="auto (enumeration where it is possible, else ais), ais, bridge, importance or bounds",
    )
    add(
        "--error",
        type=float,
        default=0.05,
        help="the standard error to reach, in nats (default: 0.05)",
    )
    add(
        "--data",
        metavar="FILE",
        help=(
            "binary training data, from x_train, x or data in an .npz: a better base and better"
            " starts"
        ),
    )
    add("--minutes", type=float, help="begin no round of work that would outlast these")
    add(
        "--temperatures",
        type=int,
        default=200,
        help="of the first round of annealing (default: 200)",
    )
    add("--chains", type=int, default=100, help="of the first round (default: 100)")
    add("--seed", type=int, default=0, help="default: 0")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    add(
        "--figure",
        metavar="PATH",
        help=(
            "where the figure goes (default: beside the model, MODEL.logz.png); none for no figure"
        ),
    )
    add("-o", "--json", metavar="PATH", help="write what was found as json too")


def run(args: argparse.Namespace) -> int:
    _check(args)
    picture, words = _outputs(args)
    found, data = _read(args)
    report = _estimate(args, found.machine, data)
    written: list[str] = []
    try:  # what took long is on disk before a line is printed, and printed whatever becomes of it
        for line in _written(args, report, found, picture, words):
            written.append(line)
    finally:
        print("\n".join([*_said(args, report, found), *written]))
    return 0


def _check(args: argparse.Namespace) -> None:
    chosen("method", args.method, METHODS)
    settings.check_device(args.device)
    check_seed("--seed", args.seed)
    _check_packages(args)
    for path in (args.model, args.data):
        if path is not None:
            check_readable(path, FILES)


def _said(args: argparse.Namespace, report: Report, found: Found) -> Iterator[str]:
    yield from (f"Note: {note}" for note in found.notes)
    yield (
        f"{args.model}: {found.machine.visible:,} visible and {found.machine.hidden:,} hidden units"
    )
    yield f"{report}"


def _estimate(args: argparse.Namespace, machine: Any, data: Tensor | None) -> Report:
    import torch

    from distillery.tools.logz.estimate import log_z

    device = settings.resolve(args.device, "float32").device
    rng = torch.Generator(device).manual_seed(args.seed)
    with Stages() as stages:
        return log_z(
            machine.to(device),
            args.method,
            error=args.error,
            rng=rng,
            data=data,
            minutes=args.minutes,
            temperatures=args.temperatures,
            chains=args.chains,
            progress=stages,
        )


def _read(args: argparse.Namespace) -> tuple[Found, Tensor | None]:
    from distillery.tools.logz import machine_files

    data = machine_files.read_bits(args.data) if args.data else None
    found = machine_files.read_machine(args.model, visible=None if data is None else data.shape[1])
    if data is not None and data.shape[1] != found.machine.visible:
        raise ValueError(
            f"--data {args.data} has {data.shape[1]} bits a row; the machine has"
            f" {found.machine.visible} visible units"
        )
    return found, data


def _outputs(args: argparse.Namespace) -> tuple[Path | None, Path | None]:
    """Where figure and json go, tried before anything is computed."""
    beside = Path(args.model).with_suffix(".logz.png")
    picture = None if args.figure == "none" else Path(args.figure) if args.figure else beside
    words = Path(args.json) if args.json else None
    inputs = [Path(name) for name in (args.model, args.data) if name]
    for option, path in (("--figure", picture), ("--json", words)):
        if path is not None:
            _check_writable(option, path, inputs)
    if picture is not None and words is not None and picture.resolve() == words.resolve():
        raise ValueError(f"--figure and --json are both {picture}: give them different names")
    return picture, words


def _check_packages(args: argparse.Namespace) -> None:
    if args.figure != "none":
        for name in ("pictures", "tables"):
            extras.check(name, "the figure (--figure none does without)")


def _check_writable(option: str, path: Path, inputs: list[Path]) -> None:
    if option == "--figure" and path.suffix not in FORMATS:
        raise ValueError(
            f"{option} is {path}: a name that ends in {', '.join(FORMATS)} is needed, or none"
        )
    check_writable(option, path, inputs)


def _written(
    args: argparse.Namespace, report: Report, found: Found, picture: Path | None, words: Path | None
) -> Iterator[str]:
    """A line for each file, once it is written."""
    from distillery.support.atomic import write_atomically

    if words is not None:
        content = json.dumps(_words(args, report, found), indent=1, allow_nan=False) + "\n"
        write_atomically(words, content.encode())
        yield f"Json: {words}"
    if picture is not None:
        write_atomically(picture, _drawn(report, picture))
        yield f"Figure: {picture} ({CAPTION})"


def _words(args: argparse.Namespace, report: Report, found: Found) -> dict[str, Any]:
    from distillery.support.versions import versions

    made = {
        "visible": found.machine.visible,
        "hidden": found.machine.hidden,
        "notes": list(found.notes),
    }
    digest = hashlib.sha256(Path(args.model).read_bytes()).hexdigest()
    asked = {
        "seed": args.seed,
        "device": found.machine.W.device.type,
        "error_asked": args.error,
        "versions": versions(),
    }
    return {"model": Path(args.model).name, "sha256": digest, **made, **report.as_json(), **asked}


def _drawn(report: Report, path: Path) -> bytes:
    """The picture's bytes, in the book's style where the book is, in the format that the name asks
    for.
    """
    import matplotlib

    from distillery import plots

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    content = BytesIO()
    with plt.style.context([]):
        with suppress(FileNotFoundError):
            plt.style.use(plots.STYLE)
        picture = figure(report)
        picture.savefig(content, format=path.suffix[1:], dpi=200)
        plt.close(picture)
    return content.getvalue()
