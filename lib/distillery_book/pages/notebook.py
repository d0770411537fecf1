"""What a chapter imports: its settings, its data, and the recorded runs beside what it has just
computed and what was published.

Nothing here runs a study. A number that is not recorded reads "not run", so that a chapter is whole
before any run. Tables are texts; `Results` holds the numbers they are made of.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from distillery import metrics, plots
from distillery.support import settings
from distillery.support.nearest import chosen
from distillery_book.pages import texts
from distillery_book.pages.beside import beside, dots
from distillery_book.pages.conclusions import WithTests, conclusions, tally
from distillery_book.pages.intervals import estimates, intervals, printed
from distillery_book.pages.summaries import series, shown, spread
from distillery_book.pages.texts import NOT_RUN
from distillery_book.results import published
from distillery_book.results.results import Results
from distillery_book.results.study import Profile, check_profile
from distillery_book.results.verdicts import Recorded

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from distillery.data import Images

__all__ = [
    "Results",
    "Setup",
    "WithTests",
    "aims",
    "arrays",
    "beside",
    "conclusions",
    "dots",
    "estimate",
    "estimates",
    "glue",
    "intervals",
    "printed",
    "provenance",
    "recorded",
    "series",
    "shown",
    "spread",
    "start",
    "table",
    "tally",
    "value",
]

ORIGIN = ["study", "profile", "data", "device", "precision", "versions", "commit"]
EVIDENCE = ["departures", "n", "data", "profile", "seconds"]
LINE = ["column", "recorded", "published", "verdict", *EVIDENCE]


@dataclass(frozen=True, eq=False)
class Setup:
    """How a chapter runs: `dtype` is the autocast type (None for float32), `rng` its source of
    randomness, `note` says it in a sentence.
    """

    profile: Profile
    device: torch.device
    dtype: torch.dtype | None
    rng: torch.Generator
    note: str

    def data(self, name: str) -> Images:
        """The data set `name`, or at the smoke profile the embedded one that stands in for it."""
        from distillery import data

        return data.load(data.for_profile(name, self.profile))


def start(profile: str, *, device: str = "auto", precision: str = "auto", seed: int = 0) -> Setup:
    """Choose device and precision, set the book's style, and make the chapter's generator; the
    smoke profile runs on one thread.
    """
    import torch

    # torch's own derivatives in forward mode still call what torch deprecates
    warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)
    known = check_profile(profile)
    where = settings.resolve(device, precision, portable=known == "smoke")
    if known == "smoke":
        torch.set_num_threads(1)
    _set_style()
    pictures = "embedded data wherever data is used" if known == "smoke" else "real data"
    note = f"profile {known}: {pictures}, {where.precision} on {where.device}, seed {seed}"
    rng = torch.Generator(where.device).manual_seed(seed)
    return Setup(known, where.device, where.dtype, rng, note)


def table(
    name: str,
    *,
    rows: Mapping[str, Any] | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """A published table, a line for each number: recorded (± two standard errors over seeds, or as
    the one run measured them itself), published, verdict; then n, data, profile, seconds.

    `rows` keeps the lines whose keys are as given (a value, or several); `columns` keeps these
    value columns. What the page itself computes at the smoke profile never stands in it.
    Departures from the published protocol have a column of their own, if there are any.
    """
    source = published.table(name)
    cells = Results.open().table(name)
    for key, wanted in (rows or {}).items():
        place = list(source.keys).index(chosen(f"key of {name}", key, list(source.keys)))
        cells = cells[cells["keys"].str[place].isin(_several(wanted))]
    if columns is not None:
        kept = [chosen(f"column of {name}", column, list(source.columns)) for column in columns]
        cells = cells[cells["column"].isin(kept)]
    lines = [_line(cell, list(source.keys)) for cell in cells.itertuples()]
    return _terse(pd.DataFrame(lines, columns=[*source.keys, *LINE]), list(source.keys))


def aims() -> pd.DataFrame:
    """What the book aims at: published, aim, recorded, verdict."""
    cells = Results.open().table(published.AIMS)
    return pd.DataFrame([_aim(cell) for cell in cells.itertuples()]).set_index("aim")


def recorded(study: str, /, **where: Any) -> pd.DataFrame:
    """The recorded runs of a study on real data, one a line, as its cells are ordered: parameters,
    seed, data, profile, metrics and so on.

    `where` fixes parameters, `seed`, `data` or `profile`; with a profile given, runs on stand-ins
    are shown too.
    """
    runs = Results.open().runs(study, where, all_data="profile" in where)
    return runs.assign(departures=runs["departures"].map(texts.departures))


def value(study: str, metric: str, /, **where: Any) -> float:
    """The mean of a metric over the seeds recorded, on real data at the best profile; not a number
    when there are none.
    """
    mean = estimate(study, metric, **where)
    return math.nan if mean is None else mean.value


def estimate(study: str, metric: str, /, **where: Any) -> Recorded | None:
    """The mean of a metric over the seeds recorded, with spread, error, n, data, profile and
    departures; None when there are none.
    """
    return Results.open().mean(study, metric, where)


def arrays(study: str, /, **where: Any) -> dict[str, Tensor]:
    """The pictures' data of the run that `where` describes (of several seeds the lowest that stored
    any); empty when there is none.
    """
    return Results.open().arrays(study, where)


def glue(name: str, shown: float | str | metrics.Estimate, form: str = ".4g") -> None:
    """Let the prose show a number or text as <span data-glue="name"></span>; what is not a number
    reads "not run".

    `distillery book` puts it there, so that JupyterLab shows it as the site does;
    {glue:text}`NN_chapter.ipynb::name:s` is for other pages.
    """
    try:
        from myst_nb import glue as glue_into_page
    except ModuleNotFoundError:
        return  # a notebook outside the book has no prose that waits for the number
    glue_into_page(name, texts.shown(shown, form), display=False)


def provenance(*names: str) -> pd.DataFrame:
    """Where the recorded numbers of these studies come from: a line for each commit, device and
    precision, with runs and seconds.
    """
    return pd.concat([_origins(name) for name in names]).set_index("study")


def _origins(study: str) -> pd.DataFrame:
    runs = Results.open().origins(study)
    if runs.empty:
        line = [study, *[NOT_RUN] * (len(ORIGIN) - 1), "0", "0"]
        return pd.DataFrame([line], columns=[*ORIGIN, "runs", "seconds"])
    runs["versions"] = [", ".join(map(" ".join, each.items())) for each in runs["versions"]]
    commits = zip(runs["commit"], runs["dirty"], strict=True)
    runs["commit"] = [_commit(commit, is_dirty) for commit, is_dirty in commits]
    groups = runs.groupby(ORIGIN, sort=False)["seconds"]
    lines = groups.agg(runs="size", seconds="sum").reset_index()
    return lines.assign(runs=lines["runs"].map(str), seconds=lines["seconds"].map("{:.0f}".format))


def _commit(commit: str | None, is_dirty: bool | None) -> str:
    if commit is None:
        return "unknown"
    return commit[:10] + (" and changes" if is_dirty else "")


def _set_style() -> None:
    import matplotlib.pyplot as plt

    plt.style.use(plots.STYLE)
    # Text outputs are compared, so they must not depend on the width of a terminal.
    for option, setting in {
        "width": 160,
        "max_columns": None,
        "max_colwidth": None,
        "max_rows": 200,
        "show_dimensions": False,
    }.items():
        pd.set_option(f"display.{option}", setting)


def _several(wanted: Any) -> list[Any]:
    return list(wanted) if isinstance(wanted, (list, tuple, set, range)) else [wanted]


def _line(cell: Any, keys: Sequence[str]) -> dict[str, Any]:
    return {
        **dict(zip(keys, cell.keys, strict=True)),
        "column": cell.column,
        "recorded": texts.give_or_take(cell.value, 2 * cell.error, cell.format),
        "published": cell.printed,
        "verdict": cell.verdict,
        **texts.evidence(cell),
    }


def _terse(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The lines without what says nothing: departures where there are none, one column's name."""
    if not any(frame["departures"]):
        frame = frame.drop(columns="departures")
    if frame["column"].nunique() > 1:
        return frame.set_index([*keys, "column"])
    return frame.drop(columns="column").set_index(keys)


def _aim(cell: Any) -> dict[str, Any]:
    (key,) = cell.keys
    return {
        "aim": f"{published.aims()[key].capability}: {cell.column}",
        "published": cell.printed,
        "goal": texts.goal(cell),
        "recorded": texts.give_or_take(cell.value, 2 * cell.error, cell.format),
        "verdict": cell.verdict,
        **texts.evidence(cell),
    }
