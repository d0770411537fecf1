"""What was found about log Z: as an object, as a page of text, as json, as a picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from distillery.support.extras import extra

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from torch import Tensor

    from distillery.partition.estimate import Estimate

METHODS = ("auto", "ais", "bridge", "importance", "bounds")
_SAID = {
    "enumeration": "Every state was added up: this is exact to rounding.",
    "both ways": "Annealed importance sampling in both directions, met by a bridge.",
    "bridge": "A bridge between the machine and a NADE distilled from it.",
    "importance": "Importance sampling from a NADE distilled from the machine.",
    "bounds": (
        "Between two Kullback-Leibler bounds, from a NADE distilled from the machine; the error is"
        " a sixth of the interval."
    ),
}
_PATHS = ("forward paths", "reverse paths", "log weight of a path, nats")
_DRAWS = (
    "drawn from the student",
    "drawn from the machine",
    "log density less the student's log probability, nats",
)


@dataclass(frozen=True, eq=False)
class Report:
    """What was found: `estimate`, the one chosen of all the `estimates`; `bracket`; the doubts.

    An estimate's interval reaches three standard errors to either side, and further where there is
    doubt. The bracket reaches from three errors below the lower bound to three above the upper one,
    since bounds hold on average. `run` says what was run. `ratios` holds the log ratios that
    everything was read from: `below`, whose mean is the lower bound, and `above`; it is empty after
    enumeration.
    """

    method: str
    choice: str
    estimates: Mapping[str, Estimate]
    bracket: tuple[float, float]
    warnings: tuple[str, ...]
    seconds: float
    run: Mapping[str, int | float | str]
    ratios: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def estimate(self) -> Estimate:
        return self.estimates[self.choice]

    @property
    def trusted(self) -> bool:
        """Whether no diagnostic objects to the estimate that was chosen."""
        return not self.warnings

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    def as_json(self) -> dict[str, Any]:
        """Numbers, lists and words alone; what is infinite is null."""
        return {
            "method": self.method,
            "chosen": self.choice,
            **_plain(self.estimate),
            "bracket": [_finite(end) for end in self.bracket],
            "trusted": self.trusted,
            "warnings": list(self.warnings),
            "estimates": {
                name: {**_plain(one), "warnings": list(one.warnings)}
                for name, one in self.estimates.items()
            },
            "run": dict(self.run),
            "seconds": round(self.seconds, 3),
        }


def figure(report: Report) -> Figure:
    """Every estimate with its interval on one axis; above it the log ratios of both sides, on whose
    overlap the bridge stands.
    """
    with extra("pictures", "the picture of log Z"):
        import matplotlib.pyplot as plt

    from distillery import plots

    frame = _frame(report)
    high = 0.9 + 0.3 * len(frame)
    if not report.ratios:
        picture, axis = plt.subplots(figsize=(6.4, high + 0.3), layout="constrained")
    else:
        picture, (top, axis) = plt.subplots(
            2, 1, figsize=(6.4, 2.6 + high), height_ratios=(2.6, high), layout="constrained"
        )
        _draw_ratios(top, report)
    plots.intervals(frame, xlabel="log Z, nats", reference=report.estimate.value, ax=axis)
    axis.ticklabel_format(axis="x", useOffset=False)
    return picture


def spread(one: Estimate) -> str:
    """The value ± two standard errors, in as many digits as the error deserves."""
    return f"{_number(one.value, one.error)} ± {_number(2 * one.error, one.error)}"


def _draw_ratios(axis: Any, report: Report) -> None:
    import numpy as np

    sides = [
        value[value.isfinite()].numpy()
        for value in (report.ratios["below"], report.ratios["above"])
    ]
    left, right = np.quantile(np.concatenate(sides), [0.002, 0.998])
    few = min(40, 2 * math.isqrt(len(sides[0])) + 1)
    edges = (
        np.linspace(left, right, few) if right > left else np.linspace(left - 0.5, left + 0.5, few)
    )
    *names, label = _PATHS if report.method == "ais" else _DRAWS
    for name, values in zip(names, sides, strict=True):
        axis.hist(values, edges, density=True, histtype="stepfilled", alpha=0.45, label=name)
    axis.axvline(report.estimate.value, color="0.35", linewidth=0.9, linestyle="--", label="log Z")
    axis.set(xlabel=label, ylabel="density, 1/nat")
    axis.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, borderaxespad=0.2)


def _frame(report: Report) -> pd.DataFrame:
    """The rows of the picture; an interval without an end reaches a little beyond all others."""
    with extra("tables", "the picture of log Z"):
        import pandas as pd

    shown = {name: one for name, one in report.estimates.items() if math.isfinite(one.value)}
    ends = [
        end for one in shown.values() for end in (one.value, *one.interval) if math.isfinite(end)
    ]
    low, high = min(ends), max(ends)
    beyond = {-math.inf: low - 0.1 * (high - low), math.inf: high + 0.1 * (high - low)}
    named = {report.choice: f"{report.choice} (chosen)"}
    rows = [
        (named.get(name, name), "here", one.value, *(beyond.get(end, end) for end in one.interval))
        for name, one in shown.items()
    ]
    return pd.DataFrame(rows, columns=["label", "kind", "value", "low", "high"])


def _lines(report: Report) -> Iterator[str]:
    one = report.estimate
    exact = one.error == 0 and math.isfinite(one.value)
    yield (
        f"log Z = {_number(one.value, one.error)}"
        if exact
        else f"log Z = {spread(one)} (two standard errors); interval: {_interval(one)}"
    )
    yield _SAID[report.choice]
    if not exact:
        yield (
            f"Bracket: {_ends(report)}, from three standard errors below the lower bound to three"
            " above the upper."
        )
        yield ""
        yield from _table(report)
    yield ""
    yield "Run: " + ", ".join(
        f"{name.replace('_', ' ')} {_said(value)}" for name, value in report.run.items()
    )
    yield f"Time: {report.seconds:,.1f} s"
    yield from (f"In doubt: {warning}" for warning in report.warnings)
    if report.trusted:
        yield "No diagnostic casts doubt on it." if not exact else "Nothing to diagnose."


def _table(report: Report) -> Iterator[str]:
    rows = [("", "log Z", "standard error", "interval", "effective draws")]
    for name, one in report.estimates.items():
        mark = "(chosen)" if name == report.choice else "!" if one.warnings else ""
        rows.append(
            (
                f"{name} {mark}",
                _number(one.value, one.error),
                _number(one.error, one.error),
                _interval(one),
                f"{one.effective_samples:,.0f}",
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(
            [
                row[0].ljust(widths[0]),
                *(text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True)),
            ]
        ).rstrip()
    for name, one in report.estimates.items():
        if name != report.choice:
            yield from (f"! {name}: {warning}" for warning in one.warnings)


def _number(value: float, error: float) -> str:
    """With two digits of its error."""
    if not math.isfinite(value):
        return f"{value}"
    digits = (
        6
        if error == 0
        else 2
        if not math.isfinite(error)
        else min(max(1 - math.floor(math.log10(error)), 1), 6)
    )
    return f"{value:.{digits}f}"


def _interval(one: Estimate) -> str:
    low, high = (_number(end, one.error) for end in one.interval)
    return f"{low} to {high}"


def _ends(report: Report) -> str:
    low, high = (_number(end, report.estimate.error) for end in report.bracket)
    return f"{low} to {high}"


def _said(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def _plain(one: Estimate) -> dict[str, Any]:
    return {
        "log_z": _finite(one.value),
        "error": _finite(one.error),
        "interval": [_finite(end) for end in one.interval],
        "effective_samples": _finite(one.effective_samples),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
