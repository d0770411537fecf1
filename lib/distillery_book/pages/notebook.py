"""What a chapter imports: its settings, its data, and the recorded runs beside what it has just
computed and what was published.

Nothing here runs a study. A number that is not recorded reads "not run", so that a chapter is whole
before any run.
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
from distillery.support.nearest import unknown
from distillery_book.pages.beside import Claim, beside, concluded, dots
from distillery_book.pages.intervals import estimates, intervals, printed
from distillery_book.pages.summaries import NOT_RUN, series, shown, spread
from distillery_book.results import published, records, registry, status, store, verdicts
from distillery_book.results.records import Record
from distillery_book.results.status import Status
from distillery_book.results.study import PROFILES, Cell, Profile, check_profile

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from distillery.data import Images

__all__ = [
    "Claim",
    "Setup",
    "aims",
    "arrays",
    "beside",
    "concluded",
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
    "value",
]

Here = float | str | tuple[float, float] | metrics.Estimate


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
    chosen = settings.resolve(device, precision, portable=known == "smoke")
    if known == "smoke":
        torch.set_num_threads(1)
    _set_style()
    rng = torch.Generator(chosen.device).manual_seed(seed)
    pictures = "embedded data wherever data is used" if known == "smoke" else "real data"
    return Setup(
        known,
        chosen.device,
        chosen.dtype,
        rng,
        f"profile {known}: {pictures}, {chosen.precision} on {chosen.device}, seed {seed}",
    )


def table(
    name: str,
    here: Mapping[tuple[Any, ...], Here] | None = None,
    *,
    rows: Mapping[str, Any] | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """A published table, a line for each number: here, recorded (value ± spread), published,
    verdict; then n, data, profile, seconds.

    `here` maps (key, ..., column) to a number, a number and its spread, or a text. `rows` keeps the
    lines whose keys are as given (a value, or several); `columns` keeps these value columns.
    Departures from the published protocol have a column of their own, if there are any.
    """
    source = published.table(name)
    computed = {_place(source, place): value for place, value in (here or {}).items()}
    wanted = [one for one in status.table(name) if _is_wanted(source, one, rows or {}, columns)]
    lines = [_line(source, one, computed.get((*one.row.values(), one.column))) for one in wanted]
    if not any(line["departures"] for line in lines):
        lines = [
            {title: text for title, text in line.items() if title != "departures"} for line in lines
        ]
    several = len({one.column for one in wanted}) > 1
    return _indexed(
        lines, [*source.keys, *(["column"] if several else [])], drop=[] if several else ["column"]
    )


def aims() -> pd.DataFrame:
    """What the book aims at: published, aim, recorded, verdict."""
    return _indexed([_aim_line(one) for one in status.aims()], ["aim"])


def recorded(study: str, /, **where: Any) -> pd.DataFrame:
    """The recorded runs of a study on real data, one a line, as its cells are ordered: parameters,
    seed, data, profile, metrics and so on.

    `where` fixes parameters, `seed`, `data` or `profile`; with a profile given, runs on stand-ins
    are shown too.
    """
    known = registry.find(study)
    runs = [
        run
        for run in records.current(known)
        if run.fits(where) and ("profile" in where or _is_real(run))
    ]
    if not runs:
        params = dict.fromkeys(name for cell in known.cells("laptop") for name in cell.params)
        return pd.DataFrame(columns=[*params, "seed", "data", "profile", "departures", "seconds"])
    places = {_key(cell): i for profile in PROFILES for i, cell in enumerate(known.cells(profile))}
    return pd.DataFrame(
        [_run_line(run) for run in sorted(runs, key=lambda run: places.get(_key(run), len(places)))]
    )


def value(study: str, metric: str, /, **where: Any) -> float:
    """The mean of a metric over the seeds recorded, on real data at the best profile; not a number
    when there are none.
    """
    found = estimate(study, metric, **where)
    return math.nan if found is None else found.value


def estimate(study: str, metric: str, /, **where: Any) -> verdicts.Recorded | None:
    """The mean of a metric over the seeds recorded, with spread, error, n, data, profile and
    departures; None when there are none.
    """
    return verdicts.recorded(records.current(registry.find(study)), metric, where=where)


def arrays(study: str, /, **where: Any) -> dict[str, Tensor]:
    """The pictures' data of the run that `where` describes (of several seeds the lowest that stored
    any); empty when there is none.
    """
    runs = (run for run in records.current(registry.find(study)) if run.arrays)
    found = verdicts.chosen(runs, where)
    return store.arrays(found[0]) if found else {}


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
    glue_into_page(name, _said(shown, form), display=False)


def provenance(*names: str) -> pd.DataFrame:
    """Where the recorded numbers of these studies come from: a line for each commit, device and
    precision, with runs and seconds.
    """
    lines: dict[tuple[str, ...], list[Record]] = {}
    for name in names:
        study = registry.find(name)
        for run in [run for run in records.current(study) if _is_real(run)]:
            lines.setdefault(_origin(run), []).append(run)
        if not any(origin[0] == name for origin in lines):
            lines[(name, *[NOT_RUN] * 6)] = []
    titles = ["study", "profile", "data", "device", "precision", "versions", "commit"]
    rows = [
        [*origin, str(len(runs)), f"{sum(run.seconds for run in runs):.0f}"]
        for origin, runs in lines.items()
    ]
    return pd.DataFrame(rows, columns=[*titles, "runs", "seconds"]).set_index("study")


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


def _place(source: published.Table, place: tuple[Any, ...]) -> tuple[Any, ...]:
    """A key of `here`, checked against the table."""
    if not isinstance(place, tuple) or len(place) != len(source.keys) + 1:
        raise ValueError(
            f"here has the key {place!r}: ({', '.join(source.keys)}, column) is needed for"
            f" {source.name}"
        )
    row = dict(zip(source.keys, place[:-1], strict=True))
    source.cell(row, place[-1])
    return place


def _is_wanted(
    source: published.Table, one: Status, rows: Mapping[str, Any], columns: Sequence[str] | None
) -> bool:
    for key in rows:
        if key not in source.keys:
            raise ValueError(unknown(f"key of {source.name}", key, source.keys))
    for column in columns or ():
        if column not in source.columns:
            raise ValueError(unknown(f"column of {source.name}", column, source.columns))
    fits = all(
        one.row[key] in (wanted if isinstance(wanted, (list, tuple, set, range)) else [wanted])
        for key, wanted in rows.items()
    )
    return fits and (columns is None or one.column in columns)


def _line(source: published.Table, one: Status, here: Here | None) -> dict[str, Any]:
    form = source.columns[one.column].format
    printed = str(source.cell(one.row, one.column))
    told, about = _found(one.recorded, form)
    compared = {
        "here": "" if here is None else _said(here, form),
        "recorded": told,
        "published": printed,
        "verdict": one.verdict,
    }
    return {**one.row, "column": one.column, **compared, **about}


def _aim_line(one: Status) -> dict[str, Any]:
    aim = published.aims()[str(one.row["key"])]
    before = "" if aim.published is None else aim.text(aim.published)
    goal = (
        f"{'at least' if aim.direction == 'higher' else 'at most'} {aim.text(aim.aim)} {aim.unit}"
    )
    named = {"aim": f"{aim.capability}: {aim.metric}", "published": before, "goal": goal}
    told, about = _found(one.recorded, aim.format)
    return {**named, "recorded": told, "verdict": one.verdict, **about}


def _found(found: verdicts.Recorded | None, form: str) -> tuple[str, dict[str, str]]:
    """The recorded number as text, and what is told beside it; departures first, since they qualify
    the verdict.
    """
    if found is None:
        return NOT_RUN, dict.fromkeys(("departures", "n", "data", "profile", "seconds"), "")
    departures = "; ".join(
        f"{name} {theirs} → {ours}" for name, (theirs, ours) in found.departures.items()
    )
    about = {
        "n": str(found.n),
        "data": found.data,
        "profile": found.profile,
        "seconds": f"{found.seconds:.0f}",
    }
    return found.text(form), {"departures": departures, **about}


def _said(shown: Here, form: str) -> str:
    if isinstance(shown, str):
        return shown
    if isinstance(shown, metrics.Estimate):
        shown = shown.value if math.isnan(shown.error) else (shown.value, shown.error)
    numbers = shown if isinstance(shown, tuple) else (shown,)
    return (
        NOT_RUN
        if math.isnan(numbers[0])
        else " ± ".join(format(float(number), form) for number in numbers)
    )


def _key(run: Record | Cell) -> tuple[Any, ...]:
    return tuple(sorted(run.params.items())), run.seed, run.data


def _run_line(run: Record) -> dict[str, Any]:
    departures = "; ".join(
        f"{name} {theirs} → {ours}" for name, (theirs, ours) in run.departures.items()
    )
    own = {**run.params, "seed": run.seed, "data": run.data, "profile": run.profile, **run.metrics}
    return {**own, "departures": departures, "seconds": run.seconds}


def _origin(run: Record) -> tuple[str, ...]:
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    commit = (
        "unknown" if run.commit is None else run.commit[:10] + (" and changes" if run.dirty else "")
    )
    return run.study, run.profile, run.data, run.device, run.precision, versions, commit


def _is_real(run: Record) -> bool:
    return run.profile in verdicts.RANKS and not verdicts.is_stand_in(run.data)


def _indexed(
    lines: list[dict[str, Any]], index: list[str], drop: Sequence[str] = ()
) -> pd.DataFrame:
    return (
        pd.DataFrame(lines).drop(columns=list(drop)).set_index(index)
        if lines
        else pd.DataFrame(columns=index).set_index(index)
    )
