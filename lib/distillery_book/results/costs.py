"""What recorded runs cost: seconds of one core and memory, and how seconds grow with a number that
differs between runs that have everything else in common.

A record holds the seconds that went by on the clock and the threads that it had. Their product is
what is counted here, an upper bound where threads waited; on a GPU it is the device's seconds.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

import numpy as np

from distillery_book.results.records import Record
from distillery_book.results.results import Results
from distillery_book.results.study import PROFILES

Key = TypeVar("Key", bound=Hashable)
FEWEST_VALUES = 3  # or two, of several seeds each


@dataclass(frozen=True)
class Cost:
    """What the runs of a study at a profile on one kind of device took: seconds in all, in the
    median and of the longest, and the most megabytes of any. `cells` is the size of the grid.
    """

    study: str
    profile: str
    device: str
    cells: int
    runs: int
    seconds: float
    median: float
    longest: float
    memory_mb: float


@dataclass(frozen=True)
class Growth:
    """Seconds grow as the parameter to the power `exponent`, by least squares of the logarithms
    with a level of its own for each of `settings`, which have all else in common; `error` is the
    standard error of that slope, None where nothing is left over to tell it from.
    """

    study: str
    parameter: str
    exponent: float
    error: float | None
    lowest: float
    highest: float
    values: int
    settings: int
    runs: int


def core_seconds(run: Record) -> float:
    """On a GPU its own seconds, else those of all threads."""
    return run.seconds * (1 if run.device.startswith("cuda") else run.threads)


def costs(results: Results) -> list[Cost]:
    """One for each study, profile and kind of device that has records."""
    found = []
    for study in results.studies:
        index = results.index(study.name)
        groups = _grouped(index.records, lambda run: (run.profile, run.device.split(":")[0]))
        for profile in PROFILES:
            for (own, device), runs in sorted(groups.items()):
                if own == profile:
                    cells = len(index.grids[profile])
                    found.append(_cost(study.name, profile, device, runs=runs, cells=cells))
    return found


def growths(results: Results) -> list[Growth]:
    """One for each study and each of its numeric parameters whose effect the records can tell."""
    found = []
    for study in results.studies:
        runs = results.index(study.name).records
        names = dict.fromkeys(name for run in runs for name in run.params)
        grown = (growth(study.name, name, runs) for name in names)
        found += [one for one in grown if one is not None]
    return found


def growth(study: str, parameter: str, runs: Sequence[Record]) -> Growth | None:
    """How seconds grow with a parameter among these runs; None where too few differ in it alone.

    Values of zero have no logarithm and are left out; where one is negative the parameter is a
    place and no size.
    """
    comparable = [run for run in runs if _is_number(run.params.get(parameter))]
    if any(float(run.params[parameter]) < 0 for run in comparable):
        return None
    positive = [run for run in comparable if run.params[parameter] and run.seconds > 0]
    groups = _grouped(positive, lambda run: _all_else(run, parameter))
    settings = [group for group in groups.values() if _tells(group, parameter)]
    return _fitted(study, parameter, settings) if settings else None


def _cost(study: str, profile: str, device: str, *, runs: Sequence[Record], cells: int) -> Cost:
    seconds = [core_seconds(run) for run in runs]
    return Cost(
        study,
        profile,
        device,
        cells=cells,
        runs=len(runs),
        seconds=sum(seconds),
        median=median(seconds),
        longest=max(seconds),
        memory_mb=max(run.peak_memory_mb for run in runs),
    )


def _fitted(study: str, parameter: str, settings: Sequence[Sequence[Record]]) -> Growth:
    """The slope within settings, of which each has its own mean."""
    values = [np.log([float(run.params[parameter]) for run in runs]) for runs in settings]
    costs = [np.log([core_seconds(run) for run in runs]) for runs in settings]
    x = np.concatenate([one - one.mean() for one in values])
    y = np.concatenate([one - one.mean() for one in costs])
    slope = float(x @ y / (x @ x))
    left = len(x) - len(settings) - 1
    error = math.sqrt(float(((y - slope * x) ** 2).sum()) / left / float(x @ x)) if left else None
    every = {float(run.params[parameter]) for runs in settings for run in runs}
    return Growth(
        study,
        parameter,
        exponent=slope,
        error=error,
        lowest=min(every),
        highest=max(every),
        values=len(every),
        settings=len(settings),
        runs=len(x),
    )


def _tells(runs: Sequence[Record], parameter: str) -> bool:
    """Whether runs that have all else in common tell how their cost depends on the parameter."""
    counts = [len(one) for one in _grouped(runs, lambda run: run.params[parameter]).values()]
    return len(counts) >= FEWEST_VALUES or (len(counts) == 2 and min(counts) > 1)


def _all_else(run: Record, parameter: str) -> Hashable:
    """What must be alike in runs that are compared: the seed alone may differ as well."""
    others: Mapping[str, object] = {k: v for k, v in run.params.items() if k != parameter}
    made_by = run.device, run.threads, run.precision, run.versions.get("processor")
    return *sorted(others.items(), key=lambda item: item[0]), run.data, run.fingerprint, *made_by


def _grouped(runs: Iterable[Record], key: Callable[[Record], Key]) -> dict[Key, list[Record]]:
    groups: defaultdict[Key, list[Record]] = defaultdict(list)
    for run in runs:
        groups[key(run)].append(run)
    return groups


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
