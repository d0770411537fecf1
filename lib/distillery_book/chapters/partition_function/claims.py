"""What the thesis concludes about the machine's log Z (sections 4.2.4 and 4.3), and the runs that
test it.

Each student was trained once, so the draws of one student do not tell how far another training
would end. Students are therefore compared over several of them where there are several, and decide
nothing where one stands against one. An estimate that warned of itself decides nothing either.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import pairwise

import torch

from distillery import metrics
from distillery.metrics import Estimate
from distillery_book.chapters.partition_function import partition
from distillery_book.results.claims import Mean, Test, every
from distillery_book.results.results import Results

EIGHT = tuple(partition.PLACES)  # the thesis' students
KL, SQUARE_ERROR = "kl", "square_error"
BY_LOSS: Mapping[str, tuple[str, ...]] = {
    loss: tuple(name for name, (_, column) in partition.PLACES.items() if column == loss)
    for loss in (KL, SQUARE_ERROR)
}
BEST_TWO, OTHER_KL = ("nade-750", "nade-1000"), ("nade-250", "nade-500")
FINEST, PUBLISHED = asdict(partition.FINEST), asdict(partition.PUBLISHED)
BLACK = 436.49  # the thesis' largest log density, of the all-black image
LOW, HIGH = 450.97, 451.52  # Salakhutdinov and Murray's interval, three errors either side
SETTLED = 0.01  # nats within which ten iterations count as enough: ours, the thesis names none
DECENT = 1.0  # nats within which an estimate counts as decent: ours too


def by_student(name: str, kind: str) -> Mean:
    """One estimate of log Z by one student of the real machine."""
    return Mean("partition", f"{kind}_{name}", {"method": "students"})


def annealed(kind: str = "bridge") -> Mean:
    """The finest annealing of the real machine, against which other estimates are held."""
    return Mean("partition", kind, FINEST)


def number(results: Results, mean: Mean) -> Estimate | None:
    """A recorded estimate with its own standard error; None when it was not run."""
    runs = mean.runs(results)
    if not runs:
        return None
    run = runs[min(runs)]
    return Estimate(mean.value(run), mean.error(run), 1)


def numbers(results: Results, kind: str, names: Sequence[str] = EIGHT) -> list[Estimate]:
    """One kind of estimate by several students; none when one of them is missing."""
    found = [number(results, by_student(name, kind)) for name in names]
    return [each for each in found if each is not None] if all(found) else []


def doubts(results: Results, kind: str, name: str) -> int:
    """How many warnings an estimate gave of itself."""
    found = number(results, Mean("partition", f"{kind}_{name}_warnings", {"method": "students"}))
    return 0 if found is None else round(found.value)


def is_doubted(results: Results, kind: str) -> bool:
    """Whether any of the eight students' estimates of a kind warned of itself."""
    return any(doubts(results, kind, name) for name in EIGHT)


def distances(results: Results, kind: str) -> list[float]:
    """How far each of eight estimates lies from the finest annealing."""
    truth = number(results, annealed())
    if truth is None:
        return []
    return [abs(each.value - truth.value) for each in numbers(results, kind)]


def scatter(results: Results, kind: str) -> float:
    """The sum of squared deviations of eight estimates from their mean, each in units of its own
    error, a degree of freedom: about one where errors tell all.
    """
    each = numbers(results, kind)
    if not each:
        return math.nan
    weights = torch.tensor([one.error**-2 for one in each], dtype=torch.float64)
    values = torch.tensor([one.value for one in each], dtype=torch.float64)
    mean = (weights * values).sum() / weights.sum()
    return float((weights * (values - mean).square()).sum() / (len(each) - 1))


def _undecided_if(doubted: bool, difference: Estimate) -> Estimate:
    """A difference as it is, or without an error, which decides nothing, where what it is made of
    is doubted.
    """
    return replace(difference, error=math.nan) if doubted else difference


def _gap(first: Estimate, second: Estimate) -> Estimate:
    return Estimate(first.value - second.value, math.hypot(first.error, second.error), 1)


def _over_students(*pairs: tuple[str, Sequence[str], Sequence[str]]) -> Test:
    """The first students' estimates above the second's, a pair a width: the scatter over the pairs
    is that of training and of drawing together.
    """

    def test(results: Results) -> list[Estimate]:
        found = []
        for kind, first, second in pairs:
            above, below = numbers(results, kind, first), numbers(results, kind, second)
            gaps = [a.value - b.value for a, b in zip(above, below, strict=True)]
            found += [metrics.mean_and_error(gaps)] if gaps else []
        return found if len(found) == len(pairs) else []

    return test


def _one_each(*pairs: tuple[str, str, str]) -> Test:
    """The first student's estimate above the second's, the least of several pairs; what another
    training would do to either student is not known.
    """

    def test(results: Results) -> list[Estimate]:
        found = [numbers(results, kind, names) for kind, *names in pairs]
        if not all(found):
            return []
        return [Estimate(min(above.value - below.value for above, below in found), math.nan, 1)]

    return test


def _wider(kind: str, sign: float) -> Test:
    """`sign` times every step of an estimate from one width to the next, by either loss."""
    steps = [pair for names in BY_LOSS.values() for pair in pairwise(names)]
    if sign < 0:
        return _one_each(*((kind, narrow, wide) for narrow, wide in steps))
    return _one_each(*((kind, wide, narrow) for narrow, wide in steps))


def _each(compared: Callable[[Results, str], Estimate | None]) -> Test:
    """A difference for each of the eight students, about that student alone."""

    def test(results: Results) -> list[Estimate]:
        found = [compared(results, name) for name in EIGHT]
        return [each for each in found if each is not None] if all(found) else []

    return test


def _least(test: Test) -> Test:
    """The smallest difference of a test, where no error tells which is the least certain."""

    def smallest(results: Results) -> list[Estimate]:
        found = test(results)
        return [min(found, key=lambda each: each.value)] if found else []

    return smallest


def _above(kind: str, truth: float | Mean, sign: float = 1.0) -> Test:
    """`sign` times an estimate of each student less a number."""

    def compared(results: Results, name: str) -> Estimate | None:
        ours = number(results, by_student(name, kind))
        other = Estimate(truth, 0.0, 1) if isinstance(truth, float) else number(results, truth)
        if ours is None or other is None:
            return None
        gap = _gap(ours, other)
        return Estimate(sign * gap.value, gap.error, 1)

    return _each(compared)


def _nearer_above(results: Results, name: str) -> Estimate | None:
    """How much farther log Z lies from a student's lower bound than from its upper one."""
    lower, upper = numbers(results, "lower", (name,)), numbers(results, "upper", (name,))
    truth = number(results, annealed())
    if not lower or not upper or truth is None:
        return None
    value = 2 * truth.value - lower[0].value - upper[0].value
    error = math.hypot(lower[0].error, upper[0].error, 2 * truth.error)
    return Estimate(value, error, 1)


def _agree(kind: str) -> Test:
    """Whether eight estimates scatter no more than their errors say.

    The cube root of their scatter is compared with what it would be on average; it is near enough
    to normal (Wilson and Hilferty, 1931). Errors that are doubted decide nothing.
    """

    def test(results: Results) -> list[Estimate]:
        ratio = scatter(results, kind)
        if math.isnan(ratio):
            return []
        variance = 2 / (9 * (len(EIGHT) - 1))
        gap = Estimate(1 - variance - ratio ** (1 / 3), math.sqrt(variance), len(EIGHT))
        return [_undecided_if(is_doubted(results, kind), gap)]

    return test


def _underestimates(results: Results) -> list[Estimate]:
    """How far importance sampling falls short on average; doubted estimates decide nothing."""
    truth = number(results, annealed())
    each = numbers(results, "importance")
    if truth is None or not each:
        return []
    short = metrics.mean_and_error([truth.value - one.value for one in each])
    return [_undecided_if(is_doubted(results, "importance"), short)]


def _nearer(closer: str, farther: str) -> Test:
    """How much nearer one kind of estimate lies to the finest annealing, over eight students;
    doubted estimates of either kind decide nothing.
    """

    def test(results: Results) -> list[Estimate]:
        near, far = distances(results, closer), distances(results, farther)
        gaps = [b - a for a, b in zip(near, far, strict=True)]
        if not gaps:
            return []
        doubted = is_doubted(results, closer) or is_doubted(results, farther)
        return [_undecided_if(doubted, metrics.mean_and_error(gaps))]

    return test


def _decent(results: Results) -> list[Estimate]:
    """How much nearer than `DECENT` the farthest of eight estimates lies; doubted errors decide
    nothing.
    """
    off = distances(results, "importance")
    if not off:
        return []
    farthest = max(range(len(off)), key=off.__getitem__)
    error = numbers(results, "importance")[farthest].error
    margin = Estimate(DECENT - off[farthest], error, 1)
    return [_undecided_if(is_doubted(results, "importance"), margin)]


def _inside_published(results: Results, name: str) -> Estimate | None:
    ours = number(results, by_student(name, "bridge_10"))
    if ours is None:
        return None
    return Estimate(min(ours.value - LOW, HIGH - ours.value), ours.error, 1)


def _as_exact(results: Results, name: str) -> Estimate | None:
    """By how much the error of annealing as published exceeds that of a student's bridge; how well
    an error is known itself follows from the draws that count. Doubted, annealing decides nothing.
    """
    theirs = number(results, Mean("partition", "forward", PUBLISHED))
    counting = number(results, Mean("partition", "forward_effective", PUBLISHED))
    ours = number(results, by_student(name, "bridge_10"))
    warnings = number(results, Mean("partition", "forward_warnings", PUBLISHED))
    if theirs is None or ours is None or counting is None:
        return None
    uncertainty = theirs.error / math.sqrt(2 * counting.value)
    doubted = warnings is not None and warnings.value > 0
    return _undecided_if(doubted, Estimate(theirs.error - ours.error, uncertainty, 1))


def _settled(results: Results, name: str) -> Estimate | None:
    both = [number(results, by_student(name, kind)) for kind in ("bridge_10", "bridge")]
    if both[0] is None or both[1] is None:
        return None
    return Estimate(SETTLED - abs(both[0].value - both[1].value), 0.0, 1)


def _nothing_above_black(results: Results) -> list[Estimate]:
    found = number(results, Mean("partition", "highest", {"students": " ".join(BY_LOSS[KL])}))
    return [] if found is None else [Estimate(SETTLED - abs(found.value - BLACK), 0.0, 1)]


def _consistent_and_wrong(results: Results) -> list[Estimate]:
    """How far off the bridge is for a machine that can be added up, with the bridge's own error."""
    own = {"method": "students", "data": partition.OWN}
    bridge = number(results, Mean("partition", "bridge_tiny", own))
    exact = number(results, Mean("partition", "exact", own))
    if bridge is None or exact is None:
        return []
    return [Estimate(abs(bridge.value - exact.value), bridge.error, 1)]


def _no_run(_: Results) -> list[Estimate]:
    return []


TESTS: dict[str, Test] = {
    "logz_bounds": every(_above("upper", annealed()), _above("lower", annealed(), -1.0)),
    "logz_kl_tighter": _over_students(
        ("upper", BY_LOSS[SQUARE_ERROR], BY_LOSS[KL]), ("lower", BY_LOSS[KL], BY_LOSS[SQUARE_ERROR])
    ),
    "logz_wider_upper": _wider("upper", -1.0),
    "logz_wider_lower": _wider("lower", 1.0),
    "logz_best_two": _one_each(
        *(("upper", other, best) for best in BEST_TWO for other in OTHER_KL),
        *(("lower", best, other) for best in BEST_TWO for other in OTHER_KL),
    ),
    "logz_nearer_upper": _each(_nearer_above),
    "logz_above_trivial": _above("lower", BLACK),
    "logz_black": _nothing_above_black,
    "logz_importance_decent": _decent,
    "logz_importance_agrees": _agree("importance"),
    "logz_importance_low": _underestimates,
    "logz_bridge_agrees": _agree("bridge_10"),
    "logz_bridge_nearer": _nearer("bridge_10", "importance"),
    "logz_bridge_few": _least(_each(_settled)),
    "logz_bridge_published": _each(_inside_published),
    "logz_bridge_as_exact": _least(_each(_as_exact)),
    "logz_own_starts": _nearer("bridge", "bridge_random"),
    "logz_consistent_wrong": _consistent_and_wrong,
    "logz_variational": _no_run,
    "logz_adversarial": _no_run,
}
