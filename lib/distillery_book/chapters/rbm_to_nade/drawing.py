"""How chapter 9 draws images in rows, and students beside their machine, image by image."""

from __future__ import annotations

import math
from collections.abc import Mapping

import matplotlib.pyplot as plt
from torch import Tensor

from distillery import plots
from distillery_book.chapters.rbm_to_nade import rbm

# the divergence, the square error, a student from the machine's weights
COLOURS = {"kl": "C0", "square_error": "C1", "from machine": "C2"}
MACHINE = "C5"
GREYS = 14  # few, so that the picture is a small file


def gallery(rows: Mapping[str, Tensor], across: int = 12, size: float = 0.5) -> None:
    """Some images or features of 784 pixels, a named row each; empty ones are left out."""
    parts = {name: row[:across].float() for name, row in rows.items() if len(row)}
    axis = plots.images(
        [_rounded(part / part.max()) for part in parts.values()],
        columns=across,
        rows=list(parts),
        size=size,
    )
    axis.images[0].set_interpolation("nearest")  # bits stay black and white


def in_order(
    machine: Tensor, students: Mapping[str, Tensor], *, colours: Mapping[str, str], columns: int = 2
) -> None:
    """The images sorted by the machine's log probability (line), each student's (dots) in a panel
    of its own under its name; all panels share the names of their axes.
    """
    order = machine.argsort(descending=True)
    rows = math.ceil(len(students) / columns)
    wide, high = (3.3, 2.2) if rows == 1 else (2.5, 1.25)
    low = min(float(log_probs.quantile(0.002)) for log_probs in students.values())
    figure, axes = plt.subplots(
        rows,
        columns,
        sharex=True,
        sharey=True,
        squeeze=False,
        figsize=(wide * columns, 0.4 + high * rows),
    )
    for axis, (name, log_probs) in zip(axes.flat, students.items(), strict=True):
        axis.plot(
            log_probs[order], ".", color=colours[name], markersize=wide - 0.3, markeredgewidth=0
        )
        axis.plot(machine[order], color=MACHINE, linewidth=1.4)
        axis.annotate(name, (0.04, 0.06), xycoords="axes fraction")
        axis.set_ylim(low, float(machine.max()) + 10)
    size = plt.rcParams["axes.labelsize"]
    figure.supxlabel("images, sorted by the machine", fontsize=size)
    figure.supylabel("log probability (nats)", fontsize=size)


def _rounded(images: Tensor) -> Tensor:
    return (GREYS * images.view(-1, 28, 28)).round() / GREYS


def by_width(curves: Mapping[str, Mapping[str, Tensor]], machine: Tensor | None) -> None:
    """Training curves of two losses, a panel for each width; dashed, the mean of the machine's log
    probabilities.
    """
    _, axes = plt.subplots(2, 2, sharex=True, sharey=True, figsize=(6.2, 4.2))
    for number, (axis, units) in enumerate(zip(axes.flat, rbm.HIDDEN, strict=True)):
        for colour, (name, curve) in zip(("C0", "C1"), curves.items(), strict=True):
            if curve:
                line = curve["log_prob"][:, number]
                axis.plot(curve["steps"] / 1000, line, colour, label=name, linewidth=1)
        if machine is not None:
            axis.axhline(float(machine.mean()), color=MACHINE, linestyle="--")
        axis.annotate(f"{units} units", (0.97, 0.06), xycoords="axes fraction", ha="right")
        axis.set(ylim=(-101, -85.5), xlabel="thousand minibatches")
        axis.set_ylabel("log probability (nats)")
        axis.label_outer()
    axes[0, 0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
