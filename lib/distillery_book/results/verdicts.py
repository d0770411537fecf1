"""How a recorded value stands to a published one.

agrees          within two combined standard errors, or its table's tolerance where that is wider
beats           better by more than that, and no departure may have helped
misses          worse by more than that
differs         further away than that, where neither direction is better
undecided       the runs are too few for their table; or it would agree or be better, and our
                interval is wider than the difference that the paper's conclusion hangs on, the
                sign is the opposite one, or the estimator doubts itself
calibrates      it decided something that the paper leaves open, and judges nothing
by definition   arithmetic alone; it counts for nothing
not run         nothing is recorded

Where the runs depart from the published protocol, the verdict adds "reduced"; a value that is
better with a helping departure can at most agree. Errors over the same test images are counted
once, not twice. Stand-in data and the smoke profile answer no published number, and the best
profile is shown: paper before laptop.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from distillery import metrics
from distillery_book.results import published
from distillery_book.results.published import Aim, Direction, Helps
from distillery_book.results.records import Record

NOT_RUN = "not run"
BY_DEFINITION = "by definition"
CALIBRATES = "calibrates"
UNDECIDED = "undecided"
VERDICTS = ("agrees", "beats", "misses", "differs", UNDECIDED, CALIBRATES, BY_DEFINITION, NOT_RUN)
REDUCED = ", reduced"
RANKS = {"paper": 0, "laptop": 1}
STAND_IN = "embedded:"
ENOUGH = 3  # runs whose scatter is taken for known
WARNINGS = "_warnings"
ROUNDING = 1e-12  # a gap as wide as the margin in decimals still agrees in binary


@dataclass(frozen=True, eq=False)
class Recorded:
    """A mean over the n recorded runs that differ in nothing but the seed; `seconds` is what they
    took together.

    `spread` is the standard deviation over seeds (None for one), `error` the standard error of the
    mean: the spread over the root of n, or the recorded `<metric>_se` where that is larger; None
    when neither is known. `is_doubted` says that an estimator warned of its own answer
    (`<metric>_warnings`), `calibrates` that the number decided what the paper leaves open.
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
    is_doubted: bool = False
    calibrates: bool = False


def judge(cell: published.Cell, recorded: Recorded | None) -> str:
    """The verdict on one published number."""
    if recorded is None:
        return NOT_RUN
    if cell.column.by_definition:
        return BY_DEFINITION
    if recorded.calibrates:
        return CALIBRATES
    is_enough = recorded.n >= cell.column.runs_needed
    verdict = _decided(cell, recorded) if is_enough else UNDECIDED
    return verdict + (REDUCED if recorded.departures else "")


def _decided(cell: published.Cell, recorded: Recorded) -> str:
    return decide(
        recorded.value - cell.value,
        margin(cell, recorded),
        cell.column.direction,
        is_helped=may_help(recorded.departures),
        is_vague=is_vague(cell, recorded),
        is_opposed=cell.column.signed and recorded.value * cell.value < 0,
    )


def decide(
    gap: float,
    margin: float,
    better: Direction,
    *,
    is_helped: bool,
    is_vague: bool = False,
    is_opposed: bool = False,
) -> str:
    """The verdict on a number that was run: `gap` is recorded minus published, `margin` how wide a
    gap still agrees, `better` the side where a number is better.

    `is_helped`: a departure may have moved ours to that side. `is_vague`: ours is known too badly
    to agree or to beat. `is_opposed`: ours has the opposite sign, and the sign is the finding.
    """
    is_near = abs(gap) <= margin + ROUNDING
    is_better = better != "none" and (gap > 0) == (better == "higher")
    if not is_near and not is_better:
        return "differs" if better == "none" else "misses"
    if is_vague or (is_near and is_opposed):
        return UNDECIDED
    return "agrees" if is_near or is_helped else "beats"


def is_vague(cell: published.Cell, recorded: Recorded) -> bool:
    """Whether ours is known too badly to agree: an interval wider than the effect that the paper's
    conclusion hangs on, or an estimator that doubts itself.
    """
    return recorded.is_doubted or 2 * own_error(cell, recorded) > cell.effect + ROUNDING


def own_error(cell: published.Cell, recorded: Recorded) -> float:
    """The standard error of ours: over the same images as the paper's, of three runs or more, what
    their scatter leaves; where none is known, half of the table's tolerance.
    """
    if cell.column.same_images and recorded.n >= ENOUGH and recorded.spread is not None:
        return recorded.spread / math.sqrt(recorded.n)
    return cell.tolerance / 2 if recorded.error is None else recorded.error


def judge_aim(aim: Aim, recorded: Recorded | None) -> str:
    """Whether an aim is met, not met, or not run; reduced where something was spared, since an aim
    may be reached by all that helps.
    """
    if recorded is None:
        return NOT_RUN
    is_higher, is_lower = recorded.value >= aim.aim, recorded.value <= aim.aim
    is_met = is_higher if aim.direction == "higher" else is_lower
    ways = published.helps()
    is_spared = any(
        not _may_help(ways.get(name), *pair) for name, pair in recorded.departures.items()
    )
    return ("met" if is_met else "not met") + (REDUCED if is_spared else "")


def margin(cell: published.Cell, recorded: Recorded) -> float:
    """How far from the published number a recorded one may lie and still agree.

    Where a paper prints no error but says how many runs it averages, its runs are taken to scatter
    as ours do. What both owe to the same test images is counted once.
    """
    theirs = cell.error_towards(recorded.value)
    if theirs is None and cell.runs is not None and recorded.spread is not None:
        theirs = recorded.spread / math.sqrt(cell.runs)
    both = theirs or 0.0, recorded.error or 0.0
    combined = max(both) if cell.column.same_images else math.hypot(*both)
    return max(2 * combined, cell.tolerance)


def may_help(departures: Mapping[str, Sequence[Any]]) -> bool:
    """Whether any departure, [published, here], may help us; one that is not in the schema may."""
    ways = published.helps() if departures else {}
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
    is_spread = over_seeds.n > 1
    errors = [over_seeds.error] if is_spread else []
    errors += _error_within(runs, metric, scale)
    return Recorded(
        value=over_seeds.value,
        spread=over_seeds.spread if is_spread else None,
        error=max(errors, default=None),
        n=over_seeds.n,
        profile=min((run.profile for run in runs), key=RANKS.__getitem__),
        data=runs[0].data,
        seconds=sum(run.seconds for run in runs),
        departures={name: pair for run in runs for name, pair in run.departures.items()},
        study=runs[0].study,
        is_doubted=any(run.metrics.get(metric + WARNINGS, 0) > 0 for run in runs),
    )


def difference(
    ours: Sequence[Record], others: Sequence[Record], metric: str, *, scale: float = 1.0
) -> Recorded | None:
    """The mean over the seeds that both have of how far `metric` times `scale` of ours lies above
    that of the others, None where they share no seed.
    """
    pairs = _paired(ours, others)
    own, other = (
        recorded(runs, metric, where={}, scale=scale)
        for runs in ([run for run, _ in pairs], [rival for _, rival in pairs])
    )
    if own is None or other is None:
        return None
    over_seeds = metrics.mean_and_error(
        scale * (run.metrics[metric] - rival.metrics[metric]) for run, rival in pairs
    )
    is_spread = over_seeds.n > 1
    return replace(
        own,
        value=over_seeds.value,
        spread=over_seeds.spread if is_spread else None,
        error=over_seeds.error if is_spread else _hypot(own.error, other.error),
        seconds=own.seconds + other.seconds,
        departures={**other.departures, **own.departures},
        is_doubted=own.is_doubted or other.is_doubted,
    )


def _paired(ours: Iterable[Record], others: Iterable[Record]) -> list[tuple[Record, Record]]:
    """The runs of the seeds that both have, by seed."""
    first, second = ({run.seed: run for run in runs} for runs in (ours, others))
    return [(first[seed], second[seed]) for seed in sorted(first.keys() & second.keys())]


def _hypot(*errors: float | None) -> float | None:
    known = [error for error in errors if error is not None]
    return math.hypot(*known) if len(known) == len(errors) else None


def chosen(records: Iterable[Record], where: Mapping[str, Any]) -> list[Record]:
    """The runs on real data that `where` describes, at the best profile, by seed: alike in all but
    the seed, else refused.
    """
    groups: dict[tuple[str, ...], list[Record]] = {}
    for run in records:
        if is_real(run) and run.fits(where):
            groups.setdefault(run.setting, []).append(run)
    best = min((_rank(group) for group in groups.values()), default=0)
    top = [group for group in groups.values() if _rank(group) == best]
    if len(top) > 1:
        raise ValueError(_ambiguous(top, where))
    return sorted(top[0], key=lambda run: run.seed) if top else []


def is_real(run: Record) -> bool:
    """Whether a run may answer a published number: at full scale, and on no stand-in."""
    return run.profile in RANKS and not is_stand_in(run.data)


def is_stand_in(data: str) -> bool:
    """Whether any of the data sets named (joined by +) is an embedded one."""
    return any(name.startswith(STAND_IN) for name in data.split("+"))


def _error_within(runs: Sequence[Record], metric: str, scale: float) -> list[float]:
    """The mean of the standard errors that the runs recorded themselves, if any did."""
    name = f"{metric}_se"
    errors = [abs(scale) * run.metrics[name] for run in runs if name in run.metrics]
    return [sum(errors) / len(errors)] if errors else []


def _may_help(way: Helps | None, theirs: Any, ours: Any) -> bool:
    if way == "never" or theirs == ours:
        return False
    if way in (None, "either") or not (_is_number(theirs) and _is_number(ours)):
        return True
    return bool(ours > theirs) if way == "more" else bool(ours < theirs)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _rank(group: Sequence[Record]) -> int:
    return min(RANKS[run.profile] for run in group)


def _ambiguous(groups: Sequence[Sequence[Record]], where: Mapping[str, Any]) -> str:
    settings = [
        {"study": run.study, "data": run.data, "fingerprint": run.fingerprint, **run.params}
        for run, *_ in groups
    ]
    values = {
        name: [setting.get(name) for setting in settings]
        for name in sorted({name for setting in settings for name in setting})
    }
    differing = ", ".join(
        f"{name} ({', '.join(dict.fromkeys(map(str, column)))})"
        for name, column in values.items()
        if len({json.dumps(value) for value in column}) > 1
    )
    return (
        f"where is {dict(where)}: it fits runs that differ in {differing}; name what is wanted, so"
        " that only the seed differs"
    )
