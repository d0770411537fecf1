"""How a recorded value stands to a published one: agrees, beats, misses, or not run.

Agrees: within 2 combined standard errors, or within the tolerance that the schema declares,
whichever is wider. Beats: better by more than that, with no departure that may help us. Misses:
anything else that was run. Where the runs depart from the published protocol, the verdict adds
"reduced"; a value that is better with a helping departure can at most agree.

Stand-in data and the smoke profile answer no published number, and the best profile is shown: paper
before laptop.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distillery import metrics
from distillery_book.results import published
from distillery_book.results.published import Aim
from distillery_book.results.records import Record

VERDICTS = ("agrees", "beats", "misses", "not run")
RANKS = {"paper": 0, "laptop": 1}
STAND_IN = "embedded:"


@dataclass(frozen=True, eq=False)
class Recorded:
    """A mean over the n recorded runs that differ in nothing but the seed; `seconds` is what they
    took together.

    `spread` is the standard deviation over seeds (None for one), `error` the standard error of the
    mean: the spread over the root of n, or the recorded `<metric>_se` where that is larger; None
    when neither is known.
    """

    value: float
    spread: float | None
    error: float | None
    n: int
    profile: str
    data: str
    seconds: float
    departures: Mapping[str, Sequence[Any]]
    study: str

    def text(self, form: str) -> str:
        """Value and spread, in the format of a column: `97.75 ± 0.06`."""
        return format(self.value, form) + (
            f" ± {format(self.spread, form)}" if self.spread is not None else ""
        )


def judge(cell: published.Cell, found: Recorded | None) -> str:
    """The verdict on one published number."""
    if found is None:
        return "not run"
    gap = found.value - cell.value
    if abs(gap) <= margin(cell, found) + 1e-12:
        verdict = "agrees"
    elif cell.column.direction == "none" or (gap > 0) != (cell.column.direction == "higher"):
        verdict = "misses"
    else:
        verdict = "agrees" if may_help(found.departures) else "beats"
    return f"{verdict}, reduced" if found.departures else verdict


def judge_aim(aim: Aim, found: Recorded | None) -> str:
    """Whether an aim is met, not met, or not run; reduced where something was spared, since an aim
    may be reached by all that helps.
    """
    if found is None:
        return "not run"
    is_met = found.value >= aim.aim if aim.direction == "higher" else found.value <= aim.aim
    ways = published.helps()
    spared = [
        name for name, pair in found.departures.items() if not _may_help(ways.get(name), *pair)
    ]
    return ("met" if is_met else "not met") + (", reduced" if spared else "")


def margin(cell: published.Cell, found: Recorded) -> float:
    """How far from the published number a recorded one may lie and still agree.

    Where a paper prints no error but says how many runs it averages, its runs are taken to scatter
    as ours do.
    """
    theirs = cell.error_towards(found.value)
    if theirs is None and cell.runs is not None and found.spread is not None:
        theirs = found.spread / math.sqrt(cell.runs)
    return max(2 * math.hypot(theirs or 0.0, found.error or 0.0), cell.tolerance)


def may_help(departures: Mapping[str, Sequence[Any]]) -> bool:
    """Whether any departure, [published, here], may help us; one that is not in the schema may."""
    ways = published.helps()
    return any(_may_help(ways.get(name), *pair) for name, pair in departures.items())


def recorded(
    records: Iterable[Record], metric: str, *, where: Mapping[str, Any], scale: float = 1.0
) -> Recorded | None:
    """The mean of `metric` times `scale` over the runs that `where` describes, None when there are
    none.
    """
    runs = chosen((run for run in records if metric in run.metrics), where)
    if not runs:
        return None
    over_seeds = metrics.mean_and_error([run.metrics[metric] * scale for run in runs])
    within = [
        abs(scale) * run.metrics[f"{metric}_se"] for run in runs if f"{metric}_se" in run.metrics
    ]
    several = over_seeds.n > 1
    errors = ([over_seeds.error] if several else []) + (
        [sum(within) / len(within)] if within else []
    )
    return Recorded(
        value=over_seeds.value,
        spread=over_seeds.spread if several else None,
        error=max(errors, default=None),
        n=over_seeds.n,
        profile=min((run.profile for run in runs), key=RANKS.__getitem__),
        data=runs[0].data,
        seconds=sum(run.seconds for run in runs),
        departures={name: pair for run in runs for name, pair in run.departures.items()},
        study=runs[0].study,
    )


def chosen(records: Iterable[Record], where: Mapping[str, Any]) -> list[Record]:
    """The runs on real data that `where` describes, at the best profile, by seed: alike in all but
    the seed, else refused.
    """
    groups: dict[str, list[Record]] = {}
    for run in records:
        if run.profile in RANKS and not is_stand_in(run.data) and run.fits(where):
            groups.setdefault(_setting(run), []).append(run)
    best = min((_rank(group) for group in groups.values()), default=0)
    top = [group for group in groups.values() if _rank(group) == best]
    if len(top) > 1:
        raise ValueError(_ambiguous(top, where))
    return sorted(top[0], key=lambda run: run.seed) if top else []


def is_stand_in(data: str) -> bool:
    """Whether any of the data sets named (joined by +) is an embedded one."""
    return any(name.startswith(STAND_IN) for name in data.split("+"))


def _may_help(way: str | None, theirs: Any, ours: Any) -> bool:
    if way == "never" or theirs == ours:
        return False
    if way in (None, "either") or not (_is_number(theirs) and _is_number(ours)):
        return True
    return bool(ours > theirs) if way == "more" else bool(ours < theirs)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _rank(group: Sequence[Record]) -> int:
    return min(RANKS[run.profile] for run in group)


def _setting(run: Record) -> str:
    return json.dumps([run.study, dict(run.params), run.data, run.fingerprint], sort_keys=True)


def _ambiguous(groups: Sequence[Sequence[Record]], where: Mapping[str, Any]) -> str:
    first = [group[0] for group in groups]
    own = [
        {"study": run.study, "data": run.data, "fingerprint": run.fingerprint, **run.params}
        for run in first
    ]
    differing = [
        name
        for name in sorted({name for each in own for name in each})
        if len({json.dumps(each.get(name)) for each in own}) > 1
    ]
    shown = ", ".join(
        f"{name} ({', '.join(dict.fromkeys(str(each.get(name)) for each in own))})"
        for name in differing
    )
    return (
        f"where is {dict(where)}: it fits runs that differ in {shown}; name what is wanted, so that"
        " only the seed differs"
    )
