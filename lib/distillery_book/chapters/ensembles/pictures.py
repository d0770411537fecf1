"""What the pictures of chapter 6 show: samples of the generators, and what slopes say where the
teacher hesitates.

About 60 kB a run, so that the runs of all profiles together stay within a study's 2 MB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from distillery import metrics
from distillery.generators import Generator
from distillery.generators.resample import as_unit
from distillery.models.slopes import log_slopes
from distillery.protocols import Batch
from distillery.teachers import Average
from distillery_book.chapters.ensembles.grid import seen
from distillery_book.chapters.ensembles.parts import Parts
from distillery_book.results.study import Scalar

MEASURED, SHOWN, DRAWN = 1000, 6, 10


@torch.no_grad()
def slopes(
    teacher: Average, networks: Mapping[str, nn.Module], x: Tensor
) -> tuple[dict[str, float], dict[str, Tensor]]:
    """How far the networks' slopes lie from the teacher's, and at the images of its greatest doubts
    what they are.

    Metrics, over the first 1000 images: the derivative square error (thesis, 2.18), that of a
    network without slopes, called flat, and the cosine between all ten slopes of network and
    teacher. Arrays: `images` (N, …), `choices` (N, 2), the teacher's first and second choice there,
    and `slopes` (1 + networks, N, …), those of log second - log first, the teacher's first.
    """
    x = as_unit(x[:MEASURED])
    known = teacher.log_slopes(Batch(x))
    assert known is not None
    log_probs, theirs = known
    choices, doubtful = _doubts(log_probs)
    errors = _apart("flat", torch.zeros_like(theirs), theirs)
    maps = [_between(theirs, choices, doubtful)]
    for name, network in networks.items():
        mine = log_slopes(network, x)[1]
        errors |= _apart(name, mine, theirs)
        errors[f"slope_cosine_{name}"] = _cosine(mine, theirs)
        maps.append(_between(mine, choices, doubtful))
    shown = {
        "images": (255 * x[doubtful]).round().to(torch.uint8),
        "choices": choices[doubtful].to(torch.uint8),
        "slopes": torch.stack(maps).half(),
    }
    return errors, shown


def samples(
    source: Generator,
    params: Mapping[str, Scalar],
    *,
    x: Tensor,
    parts: Parts,
    rng: torch.Generator,
) -> dict[str, Tensor]:
    """Ten inputs as the students saw them; of a NADE also the bits that were drawn with these
    probabilities (thesis, Figures 2.4, 2.5).
    """
    if params["generator"] != "nade":
        return {"samples": source.draw(DRAWN).x.half()}
    nade, shape = parts.nade(x, seen(params)), x.shape[1:]
    bits, probs = nade.sample_with_conditionals(DRAWN, rng=rng)
    return {
        "samples": probs.view(DRAWN, *shape).half(),
        "bits": bits.view(DRAWN, *shape).to(torch.uint8),
    }


def maps(kept: Mapping[str, Tensor], names: Sequence[str]) -> tuple[dict[str, Tensor], list[str]]:
    """What `slopes` found as rows of pictures, the images first, then a row for teacher and each
    network; and the choices in words.
    """
    from distillery import plots  # here, for a run of the study needs no matplotlib

    rows = {"image": grey(kept["images"])}
    for name, differences in zip(("teacher", *names), kept["slopes"], strict=True):
        rows[name] = plots.tinted(differences.squeeze(1))
    return rows, [f"{first} or {second}" for first, second in kept["choices"].tolist()]


def drawn(kept: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The rows of `samples` of several runs, those of a NADE with its bits above."""
    rows: dict[str, Tensor] = {}
    for name, arrays in kept.items():
        if "bits" in arrays:
            rows[f"{name}, bits"] = grey(arrays["bits"])
        if "samples" in arrays:
            rows[name] = grey(arrays["samples"])
    return rows


def wandered(kept: Mapping[str, Tensor], names: Sequence[str], last: int = 6) -> dict[str, str]:
    """Between which accuracies, in per cent, each student moved over the `last` points of its
    curve: six are most of a run.
    """
    if "test" not in kept:
        return dict.fromkeys(names, "not run")
    lows, highs = (100 * kept["test"][-last:, :, 0]).aminmax(dim=0)
    return {
        name: f"{low:.0f} and {high:.0f}"
        for name, low, high in zip(names, lows.tolist(), highs.tolist(), strict=True)
    }


def grey(x: Tensor) -> Tensor:
    """Pictures (N, 28, 28) in fifteen shades, from bytes, bits or numbers in [0, 1]; of normal
    noise zero is grey and three white.
    """
    levels = x.view(-1, 28, 28).float()
    if x.dtype == torch.uint8 and bool(x.max() > 1):
        levels = levels / 255
    elif bool(levels.min() < -1):
        levels = 0.5 + levels / 6
    return (14 * levels.clamp(0, 1)).round() / 14


def _doubts(log_probs: Tensor) -> tuple[Tensor, Tensor]:
    """The first and second choice for every picture, and which pictures they are nearest for."""
    choices = log_probs.topk(2).indices
    leads = torch.tensor([1.0, -1.0], device=log_probs.device)
    return choices, (log_probs.gather(1, choices) @ leads).argsort()[:SHOWN]


def _apart(name: str, mine: Tensor, theirs: Tensor) -> dict[str, float]:
    off = metrics.mean_and_error(0.5 * (mine - theirs).flatten(2).square().sum(-1).mean(-1))
    return {f"slope_error_{name}": off.value, f"slope_error_{name}_se": off.error}


def _cosine(mine: Tensor, theirs: Tensor) -> float:
    return float(F.cosine_similarity(mine.flatten(1), theirs.flatten(1)).mean())


def _between(slopes: Tensor, choices: Tensor, at: Tensor) -> Tensor:
    """The slopes of log second - log first."""
    first, second = choices[at].T
    return slopes[at, second] - slopes[at, first]
