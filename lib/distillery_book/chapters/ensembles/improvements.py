"""What the second page of chapter 6 shows: the students that came after the thesis', one change
after another, each in words, with every run and what a change is worth.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from distillery_book.chapters.ensembles.claims import VALUES, accuracy
from distillery_book.chapters.ensembles.figures import COLOURS, INPUTS, SEEN, each_run
from distillery_book.chapters.ensembles.grid import row, rungs
from distillery_book.results.claims import Mean, above
from distillery_book.results.results import Results
from distillery_book.results.verdicts import ENOUGH, NOT_RUN

WORDS = {
    "recollections": "recollections",
    "jitter": "moved images",
    "mnist": "images",
    "nade": "NADE",
    "noise": "noise",
}
# One change at a time: for each share the names of the student after it and before it.
MOVED, POOL = "Adam: moved images", "Adam: moved images, of a pool"
CHANGES: dict[str, dict[str, tuple[str, str]]] = {
    "a random tenth in place of the first": {
        "10pct": ("images, random tenth", "images, as in the thesis")
    },
    "the start of He et al. in place of the thesis'": {
        "all": ("images, He start", "images, as in the thesis"),
        "10pct": ("images, He start", "images, random tenth"),
    },
    "Adam in place of ADADELTA": dict.fromkeys(SEEN, ("Adam: images", "images, He start")),
    "a NADE in place of images": dict.fromkeys(SEEN, ("Adam: NADE", "Adam: images")),
    "recollections in place of images": {"all": ("Adam: recollections", "Adam: images")},
    "moved images in place of images": dict.fromkeys(SEEN, (MOVED, "Adam: images")),
    "a pool of 240,000 in place of new ones": {"all": (POOL, MOVED)},
    "slopes in place of values, on images": {"10pct": ("Adam: images, slopes", "Adam: images")},
    "slopes in place of values, on moved images": {
        "all": ("Adam: moved images, slopes, of a pool", POOL),
        "10pct": ("Adam: moved images, slopes", MOVED),
    },
    "both in place of values, on moved images": {
        "all": ("Adam: moved images, both, of a pool", POOL),
        "10pct": ("Adam: moved images, both", MOVED),
    },
    "a temperature of 3 in place of 1": {"all": ("Adam: moved images, temperature 3", MOVED)},
    "many more steps, on moved images": dict.fromkeys(
        SEEN, ("Adam: moved images, many more steps", MOVED)
    ),
}


def ladder(share: str) -> dict[str, Mean]:
    """The students of the second page, in words: those of the thesis, with another tenth and
    another start, and those trained by Adam.
    """
    students = {}
    for name in ("mnist", "nade"):
        students[f"{INPUTS[name]}, as in the thesis"] = accuracy(name, share)
        if share == "10pct":
            students[f"{INPUTS[name]}, random tenth"] = _values(row(name, share, tenth=None))
        students[f"{INPUTS[name]}, He start"] = _values(row(name, share, start=None, tenth=None))
    return students | {
        f"Adam: {_worded(title)}": Mean("ensembles", "accuracy_student", where, 100.0)
        for title, where in rungs(share).items()
    }


def _worded(title: str) -> str:
    """A rung's name in the words of the pages; values are what is asked for where none is named."""
    for name, word in {**WORDS, ", cross entropy": ""}.items():
        title = title.replace(name, word)
    title = re.sub(r", pool of 1,200,000, [\d,]+ passes", ", many more steps", title)
    return title.replace(", pool of 240,000", ", of a pool")


def ladder_colours(titles: Sequence[str]) -> dict[str, str]:
    """The colour of each of these students: that of its inputs."""
    by_word = {word: COLOURS[name] for name, word in WORDS.items()}
    return {
        title: next(color for word, color in by_word.items() if f" {word}" in f" {title}")
        for title in titles
    }


def changes() -> pd.DataFrame:
    """What one change is worth in points of accuracy, for all images and for a tenth of them: ±
    two standard errors, and what fewer than three runs cannot tell.
    """
    lines = {
        change: {SEEN[share]: _worth(share, *pairs.get(share, ())) for share in SEEN}
        for change, pairs in CHANGES.items()
    }
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("gain in points")


def _worth(share: str, *pair: str) -> str:
    if not pair:
        return ""
    students = ladder(share)
    after, before = (students[title] for title in pair)
    gap = next(iter(above(after, before)(Results.open())), None)
    if gap is None:
        return NOT_RUN
    if gap.n < ENOUGH:
        return f"{gap.value:+.2f} ({gap.n} run{'s' * (gap.n > 1)})"
    return f"{gap.value:+.2f} ± {2 * gap.error:.2f} ({gap.n} runs)"


def _values(where: Mapping[str, Any]) -> Mean:
    return Mean("ensembles", f"accuracy_{VALUES}", where, 100.0)


def ladder_table(share: str) -> pd.DataFrame:
    """Accuracy and log probability of these students in every run, and minutes of one."""
    results, lines = Results.open(), {}
    for title, mean in ladder(share).items():
        runs = mean.runs(results)
        nats = Mean("ensembles", mean.metric.replace("accuracy", "log_prob"), mean.where)
        log_probs = [nats.value(runs[seed]) for seed in sorted(runs)]
        minutes = [runs[seed].seconds / 60 for seed in runs]
        lines[title] = {
            "accuracy of each run (%)": _texts(each_run(mean), ".2f"),
            "log probability (nats)": _texts(log_probs, ".3f"),
            "minutes": f"{np.mean(minutes):.0f}" if minutes else "",
        }
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis(SEEN[share])


def _texts(values: Sequence[float], form: str) -> str:
    return ", ".join(format(value, form) for value in values) or NOT_RUN


__all__ = ["CHANGES", "MOVED", "changes", "ladder", "ladder_colours", "ladder_table"]
