"""What the figures and tables of chapter 5 are made of: recorded runs, as frames of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from distillery_book.chapters.forgetting import claims, grid
from distillery_book.chapters.forgetting.setting import CANDIDATES, SPLITS, Setting
from distillery_book.results import published
from distillery_book.results.claims import Mean
from distillery_book.results.results import Results
from distillery_book.results.verdicts import Recorded

IMAGE_BITS = 8 * 3 * 32 * 32
CHANCE = 20.0  # of five classes
FULL: dict[str, Any] = {"images": grid.IMAGES, "counts": "full"}
# The rows of Table 4 and of Table 5: what they are called there, and where their runs are.
TABLE_4: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "no memory": ({"model": "online", "effective_buffer": 0}, grid.params("online")),
    **{
        f"{size} images": (
            {"model": "replay", "effective_buffer": size},
            grid.params("replay", images=size),
        )
        for size in grid.CODES
    },
    **{
        f"codes of {variables} variables, bits of {size} images": (
            {"model": "recollection", "effective_buffer": size},
            grid.params("recollections", **grid.recollections(size)),
        )
        for size, (variables, _) in grid.CODES.items()
    },
}
TABLE_5: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "200 images": ({"model": "replay"}, grid.params("replay", images=grid.IMAGES)),
    "GEM": ({"model": "gem"}, grid.params("gem", images=grid.IMAGES)),
    "iCaRL": ({"model": "icarl"}, grid.params("icarl", images=grid.IMAGES)),
    "codes, autoencoder untrained": (
        {"model": "categorical_76x2"},
        grid.params("recollections", **grid.total()),
    ),
    "codes, autoencoder from CIFAR-10": (
        {"model": "categorical_76x2_pretrained_cifar10"},
        grid.params("recollections", start="cifar10", **grid.total()),
    ),
}
METHODS = {
    "images": "replay",
    "JPEG, quality 25": "jpeg 25",
    "JPEG, quality 10": "jpeg 10",
    "WebP, quality 10": "webp 10",
    "GEM": "gem",
    "A-GEM": "agem",
    "iCaRL": "icarl",
    "DER++": "derpp",
    "MER": "mer",
    "rates that learn": "own rates",
}
_INTERVAL = ["label", "kind", "value", "low", "high"]


def matrix(where: Mapping[str, Any]) -> np.ndarray:
    """The accuracy matrix of a recorded run in points, (T, T): row i after task i, column j task j;
    not a number where nothing was measured or recorded.
    """
    seen = Results.open().arrays(claims.STUDY, where).get("accuracy")
    if seen is None:
        return np.full((grid.CIFAR_TASKS, grid.CIFAR_TASKS), np.nan)
    return 100 * seen[1:].double().numpy()


def percent(mean: Mean) -> Recorded | None:
    """The mean over the recorded seeds, None where there are none."""
    return Results.open().mean(mean.study, mean.metric, mean.where, scale=mean.scale)


def retained(method: str, **more: Any) -> float:
    """What is answered rightly at the end, in points, not a number where it was not run."""
    mean = percent(claims.retained(method, **more))
    return math.nan if mean is None else mean.value


def beside_published(
    rows: Mapping[str, tuple[dict[str, Any], dict[str, Any]]], table: str
) -> pd.DataFrame:
    """A published table's rows: recorded, with two standard errors, and printed."""
    lines = []
    for label, (place, where) in rows.items():
        printed = published.at(table, *place.values(), "retention").value
        mean = percent(Mean(claims.STUDY, "retained", where, 100.0))
        lines.append(_interval(label, "recorded", mean))
        lines.append((label, "published", printed, math.nan, math.nan))
    return pd.DataFrame(lines, columns=_INTERVAL)


def calibration() -> pd.DataFrame:
    """What each candidate setting makes of the rows without a code, and what is printed."""
    lines = {}
    for how in CANDIDATES:
        replayed = {
            f"{size} images": _shown(claims.retained("replay", how=how, images=size))
            for size in (grid.IMAGES, 10)
        }
        alone = _shown(claims.retained("online", how=_once(how)))
        if any(replayed.values()) or (alone and how.times == 1):
            lines[in_words(how)] = {"no memory": alone, **replayed}
    table = "recollections_cifar100_incremental_storage"
    printed = {
        "no memory": ("online", 0),
        "200 images": ("replay", 200),
        "10 images": ("replay", 10),
    }
    lines["published"] = {
        name: published.at(table, *place, "retention").printed for name, place in printed.items()
    }
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("setting")


def in_words(how: Setting) -> str:
    """A setting as a table names it."""
    rule, rate = how.rule.split()
    name = {"sgd": "SGD", "adam": "Adam"}[rule]
    steps = "" if how.times == 1 else f", each {how.times} times"
    head = "" if how.head == "masked" else ", one head"
    return f"{name} at {rate}, {how.new} at a time{steps}{head}"


def against_bits(split: str) -> pd.DataFrame:
    """Every method at the bits of 200 images, everything counted: what it takes, in images, and
    what it retains as a share of joint training with as many steps.
    """
    joint = percent(claims.retained("joint", split=split))
    lines = []
    for label, method in METHODS.items():
        lines.append((label, *_share(claims.retained(method, split=split, **FULL), joint)))
    own = claims.retained("recollections", split=split, start="cifar10", **grid.total("full"))
    lines.append(("recollections", *_share(own, joint)))
    lines.append(("no memory", *_share(claims.retained("online", split=split), joint)))
    return pd.DataFrame(lines, columns=["method", "images", "share", "low", "high"])


def shares() -> pd.DataFrame:
    """The shares of joint training on each split, as intervals."""
    frames = [against_bits(split).assign(kind=split) for split in SPLITS]
    whole = pd.concat(frames).rename(columns={"method": "label", "share": "value"})
    known = whole[whole["value"].notna()]
    return known[_INTERVAL]


def pictures(where: Mapping[str, Any]) -> dict[str, Tensor]:
    """The first task's pictures, and what the autoencoder made of them after some of the tasks;
    blank where nothing is recorded.
    """
    kept = Results.open().arrays(claims.STUDY, where)
    if "pictures" not in kept:
        return {"pictures": torch.zeros(8, 3, 32, 32)}
    pages = sorted(
        (name for name in kept if name.startswith("after_")), key=lambda n: int(n.split("_")[1])
    )
    return {name: kept[name] for name in ("pictures", *pages)}


def recalled(where: Mapping[str, Any]) -> Tensor:
    """Some of what the memory of a recorded run held at the end, blank where nothing is."""
    kept = Results.open().arrays(claims.STUDY, where).get("recalled")
    return torch.zeros(16, 3, 32, 32) if kept is None else kept


def distortions(where: Mapping[str, Any]) -> np.ndarray:
    """The mean distortion of the tasks seen so far, after each task of a recorded run."""
    seen = Results.open().arrays(claims.STUDY, where).get("distortion")
    if seen is None:
        return np.full(grid.CIFAR_TASKS, np.nan)
    rows = seen[1:].double().numpy()
    return np.array([np.nanmean(row[: number + 1]) for number, row in enumerate(rows)])


def _once(how: Setting) -> Setting:
    return Setting(how.rule, how.new, 1, how.head)


def _shown(mean: Mean) -> str:
    recorded = percent(mean)
    return "" if recorded is None else f"{recorded.value:.1f}"


def _interval(label: str, kind: str, mean: Recorded | None) -> tuple[str, str, float, float, float]:
    if mean is None:
        return label, kind, math.nan, math.nan, math.nan
    error = math.nan if mean.error is None else 2 * mean.error
    return label, kind, mean.value, mean.value - error, mean.value + error


def _share(own: Mean, joint: Recorded | None) -> tuple[float, float, float, float]:
    """Images' worth of bits, then the share of joint training with two standard errors."""
    mean = percent(own)
    if mean is None or joint is None:
        return (math.nan,) * 4
    bits = percent(Mean(own.study, "bits_full", own.where))
    images = 0.0 if bits is None else bits.value / IMAGE_BITS
    share = mean.value / joint.value
    errors = [0.0 if each.error is None else each.error / each.value for each in (mean, joint)]
    away = 2 * share * math.hypot(*errors)
    return images, share, share - away, share + away
