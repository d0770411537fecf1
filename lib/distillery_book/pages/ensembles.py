"""What the page of chapter 6 shows of the recorded runs: what the thesis concludes, the better
students beside its own, and how students progressed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from distillery_book.chapters.ensembles.grid import GENERATORS, LOSSES, row, rungs
from distillery_book.chapters.ensembles.parts import BATCH, SHARES
from distillery_book.pages import notebook
from distillery_book.pages.beside import Claim
from distillery_book.results.published import Place

if TYPE_CHECKING:
    from torch import Tensor

VALUES, SLOPES = LOSSES
MEASURES = ("accuracy", "log probability (nats)")  # in the order in which curves hold them
Curves = Mapping[str, tuple[Any, Any]]
Runs = dict[str, Mapping[str, Any]]


def claims() -> dict[str, Claim]:
    """What the thesis concludes in section 2.2.4 from its tables, each as a difference.

    Values and slopes are compared image by image, as the runs recorded it.
    """
    concluded = {"a. data beat noise, all": Claim(_accuracy("mnist"), _accuracy("noise"))}
    for share in sorted(SHARES):
        gain = ("thesis_ensemble_logprob_gain_over_direct", "mnist", share, VALUES)
        concluded[f"b. teacher beats labels, {share}"] = Claim(gain)
    for generator in ("mnist", "nade"):
        title = f"c. values beat slopes, all, {generator}"
        concluded[title] = _paired(generator, "all", above=VALUES, below=SLOPES)
    for generator in ("mnist", "nade"):
        title = f"d. slopes beat values, 10pct, {generator}"
        concluded[title] = _paired(generator, "10pct", above=SLOPES, below=VALUES)
    of_nade = _accuracy("nade", "10pct")
    concluded["e. NADE beats data, 10pct"] = Claim(of_nade, _accuracy("mnist", "10pct"))
    return concluded


def ladder(share: str) -> pd.DataFrame:
    """Accuracy and log probability of the thesis' students of values and of the better ones."""
    tables = [
        notebook.beside(
            "ensembles",
            runs,
            {
                "accuracy (%)": (f"accuracy_{student}", 100, ".2f"),
                "log probability (nats)": (f"log_prob_{student}", 1, ".3f"),
            },
        )
        for student, runs in _students(share).items()
    ]
    return pd.concat(tables)


def ladder_dots(share: str) -> pd.DataFrame:
    """Their accuracies in per cent as `plots.intervals` takes them, the thesis' beside its own."""
    printed = {
        f"{generator}, as the thesis": _accuracy(generator, share)
        for generator in ("mnist", "nade")
    }
    students = _students(share)
    thesis = notebook.dots(
        "ensembles", students[VALUES], f"accuracy_{VALUES}", scale=100, printed=printed
    )
    better = notebook.dots("ensembles", students["student"], "accuracy_student", scale=100)
    return pd.concat([thesis, better])


def levels(measure: str, share: str) -> list[float]:
    """A measure of the teacher, and of the network that learned from labels."""
    where = row("mnist", share)
    metrics = (f"{measure}_teacher", f"{measure}_direct")
    return [notebook.value("ensembles", metric, **where) for metric in metrics]


def curves(share: str) -> dict[str, tuple[Tensor, Tensor]]:
    """For each generator that was run: steps (P,), and measures of both students at these,
    (P, 2, 2).
    """
    stored = {name: notebook.arrays("ensembles", **row(name, share)) for name in GENERATORS}
    return {name: (arrays["steps"], arrays["test"]) for name, arrays in stored.items() if arrays}


def progress(
    curves: Curves, *, levels: Sequence[Sequence[float]], limits: Sequence[Any], loc: str
) -> None:
    """A panel for each measure: students of values as lines, of slopes dashed, a colour for each
    generator; the two `levels` of a measure in grey.
    """
    import matplotlib.pyplot as plt

    size = (3.5 * len(levels), 2.6)
    _, axes = plt.subplots(1, len(levels), figsize=size, squeeze=False)
    panels = zip(axes[0], MEASURES, levels, limits, strict=False)
    for index, (axis, measure, grey, ends) in enumerate(panels):
        for color, (steps, measured) in enumerate(curves.values()):
            _draw(axis, steps, measured, color=f"C{color}", index=index)
        axis.axhline(grey[0], color="0.5", linestyle="-", linewidth=1)
        axis.axhline(grey[1], color="0.5", linestyle=":", linewidth=1)
        axis.set(xscale="log", xlabel="inputs seen", ylabel=measure, ylim=ends)
    names = list(curves) or ["not run"]
    axes[0, 0].legend(axes[0, 0].lines[: 2 * len(names) : 2], names, loc=loc)


def _draw(axis: Any, steps: Any, measured: Any, *, color: str, index: int) -> None:
    import torch

    inputs = BATCH * torch.as_tensor(steps)
    values, slopes = torch.as_tensor(measured)[:, :, index].T
    axis.plot(inputs, values, f"{color}-")
    axis.plot(inputs, slopes, f"{color}--")


def _students(share: str) -> dict[str, Runs]:
    """By the name under which records hold a student: where the runs are of the thesis' rows, also
    with another tenth and another start, and of the better students.
    """
    thesis: Runs = {}
    for generator in ("mnist", "nade"):
        thesis[f"{generator}, as the thesis"] = row(generator, share)
        if share == "10pct":
            thesis[f"{generator}, random tenth"] = row(generator, share, tenth=None)
        thesis[f"{generator}, He start"] = row(generator, share, start=None, tenth=None)
    return {VALUES: thesis, "student": dict(rungs(share))}


def _accuracy(generator: str, share: str = "all", loss: str = VALUES) -> Place:
    return ("thesis_ensemble_accuracy", generator, share, loss)


def _paired(generator: str, share: str, *, above: str, below: str) -> Claim:
    scale = 100.0 if above == SLOPES else -100.0  # the runs recorded what slopes gain
    return Claim(
        _accuracy(generator, share, above),
        _accuracy(generator, share, below),
        paired=("ensembles", "accuracy_gain_of_slopes", row(generator, share), scale),
    )
