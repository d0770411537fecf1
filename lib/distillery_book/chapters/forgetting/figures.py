"""What the figures and tables of chapter 5 are made of: recorded runs, as frames of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from distillery.metrics import Estimate
from distillery.storage.budgets import capacity_bits
from distillery_book.chapters.forgetting import answers, claims, grid
from distillery_book.chapters.forgetting.setting import CANDIDATES, Setting
from distillery_book.results import published
from distillery_book.results.claims import Mean
from distillery_book.results.published import Place
from distillery_book.results.results import Results
from distillery_book.results.study import Answer
from distillery_book.results.verdicts import NOT_RUN, Recorded

IMAGE_BITS = 8 * 3 * 32 * 32
FULL: dict[str, Any] = {"images": grid.IMAGES, "counts": "full"}
LABELS = {  # of the rows of Table 5
    "replay": "200 photographs",
    "gem": "GEM",
    "icarl": "iCaRL",
    "categorical_76x2": "recollections, autoencoder untrained",
    "categorical_76x2_pretrained_cifar10": "recollections, autoencoder from CIFAR-10",
}
RIVALS = {
    "JPEG copies of quality 10": "jpeg 10",
    "WebP, quality 10": "webp 10",
    "GEM": "gem",
    "A-GEM": "agem",
    "iCaRL": "icarl",
    "DER++": "derpp",
    "MER": "mer",
    "rates that learn": "own rates",
}


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


def lead(first: Mean, second: Mean) -> Estimate | float:
    """How many points the first lies above the second, seed by seed, not a number where they share
    none; of one seed alone its error is not known.
    """
    gaps = claims.above(first, second)(Results.open())
    if not gaps:
        return math.nan
    return gaps[0] if gaps[0].n > 1 else gaps[0].value


def held(method: str, **more: Any) -> float:
    """How many examples the memory held at the end, not a number where it was not run."""
    mean = percent(Mean(claims.STUDY, "held", grid.where(method, **more)))
    return math.nan if mean is None else mean.value


def runs(table: str) -> dict[str, Mapping[str, Any]]:
    """Where the runs of the rows of Table 4 or 5 are, by what a picture calls them."""
    return {_label(each): each.where for each in answers.published() if each.table == table}


def places(table: str) -> dict[str, Place]:
    """Where the numbers of these rows are printed."""
    return {
        _label(each): (table, *each.row.values(), each.column)
        for each in answers.published()
        if each.table == table
    }


def calibration() -> pd.DataFrame:
    """What each candidate setting makes of the rows without a code, and what is printed."""
    lines = {}
    for how in CANDIDATES:
        replayed = {
            f"{size} photographs": _shown(claims.retained("replay", how=how, images=size))
            for size in (grid.IMAGES, 10)
        }
        alone = _shown(claims.retained("online", how=replace(how, times=1)))
        if any(replayed.values()) or (alone and how.times == 1):
            lines[in_words(how)] = {"no memory": alone, **replayed}
    table = answers.TABLE_4
    printed = {
        "no memory": ("online", 0),
        "200 photographs": ("replay", 200),
        "10 photographs": ("replay", 10),
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


def in_the_same_bits() -> pd.DataFrame:
    """How many examples each memory holds in the bits of ten and of 200 photographs, and what is
    retained, between nothing kept and all groups at once.
    """
    few = {"images": 10}
    start: dict[str, Any] = {"start": "cifar10"}
    retained = claims.retained
    rows = {
        ("none", "nothing"): retained("online"),
        ("10 photographs", "photographs"): retained("replay", **few),
        ("10 photographs", "recollections, autoencoder not counted"): claims.recollections(10),
        ("10 photographs", "JPEG copies"): retained("jpeg 25", **few, counts="full"),
        ("200 photographs", "photographs"): retained("replay", images=grid.IMAGES),
        ("200 photographs", "recollections, 32 bits a parameter"): claims.counted(**start),
        ("200 photographs", "recollections, 16 bits a parameter"): retained(
            "recollections", **start, **grid.halved()
        ),
        ("200 photographs", "JPEG copies"): retained("jpeg 25", **FULL),
        ("no limit", "all groups at once"): retained("joint"),
    }
    index = pd.MultiIndex.from_tuples(rows, names=["in the bits of", "kept"])
    return pd.DataFrame([_line(mean) for mean in rows.values()], index=index)


def against_bits(split: str = "superclass") -> dict[str, tuple[np.ndarray, ...]]:
    """For each way of remembering that was run: in how many photographs' bits it fits, everything
    counted, and what it retains as a share of joint training in as many steps, between two standard
    errors to either side (of one run alone those over test images), as `plots.lines` takes them.
    """
    joint = percent(claims.retained("joint", split=split))
    drawn = {}
    for label, means in remembered(split).items():
        points = [_share(mean, joint) for mean in means]
        known = sorted(point for point in points if not math.isnan(point[0]))
        if known:
            drawn[label] = tuple(np.array(known).T)
    return drawn


def remembered(split: str) -> dict[str, list[Mean]]:
    """The runs of each way of remembering, by what a picture calls it."""

    def runs(method: str, *told: Mapping[str, Any]) -> list[Mean]:
        return [claims.retained(method, split=split, **each) for each in told]

    start, few = {"start": "cifar10"}, {"images": 10}
    return {
        "photographs": runs("replay", few, {"images": grid.IMAGES}),
        "recollections": runs("recollections", grid.recollections(10), {**start, **grid.total()}),
        "the same, half precision": runs("recollections", {**start, **grid.halved()}),
        "JPEG copies": runs("jpeg 25", {**few, "counts": "full"}, FULL),
        **{label: runs(method, FULL) for label, method in RIVALS.items()},
    }


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


def _label(answer: Answer) -> str:
    if answer.table == answers.TABLE_5:
        return LABELS[answer.row["model"]]
    size = answer.row["effective_buffer"]
    if answer.row["model"] == "recollection":
        bits = capacity_bits(*(int(answer.where[name]) for name in ("variables", "values")))
        return f"5,000 recollections of {bits:.0f} bits"
    return f"{size} photographs" if size else "no memory"


def _line(mean: Mean) -> dict[str, str]:
    """How many examples runs held, what they retained with two standard errors, and how many."""
    recorded = percent(mean)
    if recorded is None:
        return {"examples": "", "retained (%)": NOT_RUN, "runs": ""}
    held = percent(Mean(mean.study, "held", mean.where))
    away = "" if recorded.error is None else f" ± {2 * recorded.error:.1f}"
    return {
        "examples": "" if held is None else f"{held.value:,.0f}",
        "retained (%)": f"{recorded.value:.1f}{away}",
        "runs": f"{recorded.n}",
    }


def _shown(mean: Mean) -> str:
    recorded = percent(mean)
    return "" if recorded is None else f"{recorded.value:.1f}"


def _share(own: Mean, joint: Recorded | None) -> tuple[float, float, float, float]:
    """Images' worth of bits, then the share of joint training with two standard errors."""
    mean = percent(own)
    if mean is None or joint is None:
        return (math.nan,) * 4
    bits = percent(Mean(own.study, "bits_full", own.where))
    images = 0.0 if bits is None else bits.value / IMAGE_BITS
    share = mean.value / joint.value
    relative = [
        math.nan if each.error is None else each.error / each.value for each in (mean, joint)
    ]
    away = 2 * share * math.hypot(*relative)
    return images, share, share - away, share + away
