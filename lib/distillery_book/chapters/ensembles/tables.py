"""The tables of chapter 6: which tenth and which first weights, and what does better than the
thesis.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from distillery.metrics import Estimate
from distillery_book.chapters.ensembles import figures, improvements
from distillery_book.chapters.ensembles.claims import accuracy
from distillery_book.chapters.ensembles.figures import SEEN, each_run
from distillery_book.chapters.ensembles.grid import row, rungs
from distillery_book.results import published
from distillery_book.results.claims import Mean, above
from distillery_book.results.results import Results
from distillery_book.results.verdicts import NOT_RUN

# Which tenth of the images, and from which weights: what `row` is asked for.
FIRST, RANDOM, LARGER = "first tenth", "random tenth", "random tenth, larger weights"
STARTS: Mapping[str, Mapping[str, None]] = {
    FIRST: {},
    RANDOM: {"tenth": None},
    LARGER: {"tenth": None, "start": None},
}


def started(who: str, way: str) -> Mean:
    """The accuracy of a row of the thesis' table, with another tenth or other first weights."""
    _, mean = figures.printed("10pct")[who]
    return replace(mean, where=row(str(mean.where["generator"]), "10pct", **STARTS[way]))


def starts() -> pd.DataFrame:
    """What the runs of each row of the thesis' table got right with a tenth of the images, by which
    tenth it was and from which weights they started: lowest to highest, and how many.
    """
    lines = {
        who: {"published": cell.printed.replace(" (2 sd)", "")}
        | {way: _range(each_run(started(who, way))) for way in STARTS}
        for who, (cell, _) in figures.printed("10pct").items()
    }
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("accuracy (%)")


def gain_of_nade(way: str) -> Estimate | None:
    """What students of values learn more on a NADE's pictures than on the images of a tenth, in
    points, seed by seed; None where it was not run.
    """
    test = above(started("NADE, values", way), started("images, values", way))
    return next(iter(test(Results.open())), None)


def short_of_goal(key: str) -> tuple[float, int]:
    """How many points the recorded accuracy lies below a goal of this book (less than none where it
    is met), and on how many runs that rests; not a number, and none, where nothing is recorded.
    """
    goals = Results.open().table(published.AIMS).set_index("keys")
    goal = goals.loc[[(key,)]].iloc[0]
    gap = float(goal["aim"] - goal["value"])
    return gap, 0 if math.isnan(gap) else int(goal["n"])


def better() -> pd.DataFrame:
    """The thesis' students beside ours that do better, and their teachers: mean accuracy, and the
    number of runs.
    """
    shares = tuple(SEEN)
    lines = {
        "labels alone": [each_run(accuracy("mnist", share, "direct")) for share in shares],
        "a NADE, as in the thesis": [each_run(accuracy("nade", share)) for share in shares],
        "moved images, trained by Adam": [each_run(_moved(share)) for share in shares],
        "many more steps, larger batches": [each_run(_longest(share)) for share in shares],
        "thirty networks": [each_run(_thirty(share)) for share in shares],
    }
    texts = {who: [_mean(runs) for runs in columns] for who, columns in lines.items()}
    return pd.DataFrame.from_dict(texts, orient="index", columns=list(SEEN.values())).rename_axis(
        "accuracy (%)"
    )


def _moved(share: str) -> Mean:
    return Mean("ensembles", "accuracy_student", rungs(share)["jitter, cross entropy"], 100.0)


def _longest(share: str) -> Mean:
    return list(improvements.ladder(share).values())[-1]


def _thirty(share: str) -> Mean:
    return Mean("ensembles", "accuracy_teacher", row("mnist", share), 100.0)


def _mean(runs: Sequence[float]) -> str:
    return f"{statistics.fmean(runs):.2f} ({_count(runs)})" if runs else NOT_RUN


def _range(runs: Sequence[float]) -> str:
    if not runs:
        return NOT_RUN
    low, high = min(runs), max(runs)
    reach = f"{low:.1f}" if len(runs) == 1 else f"{low:.1f} to {high:.1f}"
    return f"{reach} ({_count(runs)})"


def _count(runs: Sequence[float]) -> str:
    return f"{len(runs)} run{'s' * (len(runs) > 1)}"
