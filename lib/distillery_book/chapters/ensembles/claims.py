"""What the thesis concludes about distilling an ensemble (section 2.2.4), and the runs that test
it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from distillery import metrics
from distillery.metrics import Estimate
from distillery_book.chapters.ensembles.grid import GENERATORS, LOSSES, row, rung_cell
from distillery_book.chapters.ensembles.ladder import Rung
from distillery_book.chapters.ensembles.parts import SHARES
from distillery_book.results.claims import FAILS, Mean, Term, Test, above, combined, every, judge
from distillery_book.results.results import Results

PICTURES = ("mnist", "nade")  # generators of something like digits
VALUES, SLOPES = LOSSES
MOVED = Rung("jitter", "all")
NINE_IN_TEN = 85.0  # per cent, from which on it rounds to nine in ten
ALIKE = 0.5  # points within which two students do alike: the thesis names none, this one is ours
LATER, EARLIER = slice(-4, None), slice(-8, -4)  # looks at a run: its last 58 %, and those before


def accuracy(generator: str, share: str, student: str = VALUES) -> Mean:
    """What a student, or the network that learned from labels, gets right, in points; on noise
    other runs may end far away.
    """
    where, scatters = row(generator, share), generator == "noise"
    return Mean("ensembles", f"accuracy_{student}", where, 100.0, scatters)


def teacher_of_adam() -> Mean:
    """What the thirty networks get right that teach the students trained by Adam, which start as
    He et al. (2015) have it, in points.
    """
    return Mean("ensembles", "accuracy_teacher", rung_cell("paper", MOVED).params, 100.0)


def gain(generator: str, share: str, student: str, *, measure: str = "accuracy") -> Mean:
    """What a student has over the network that learned from labels, image by image: in points, or
    in nats of log probability.
    """
    scale = 100.0 if measure == "accuracy" else 1.0
    return Mean("ensembles", f"{measure}_gain_{student}", row(generator, share), scale)


def gain_of_slopes(generator: str, share: str, scale: float = 100.0) -> Mean:
    """What the student of slopes has over that of values, image by image, in points; on noise
    other runs may end far away.
    """
    where, scatters = row(generator, share), generator == "noise"
    return Mean("ensembles", "accuracy_gain_of_slopes", where, scale, scatters)


def _matters() -> Test:
    """Images and NADE above noise, whatever is asked and of however many images."""
    places = itertools.product(PICTURES, SHARES, LOSSES)
    return every(
        *(
            above(accuracy(generator, share, loss), accuracy("noise", share, loss))
            for generator, share, loss in places
        )
    )


def _goes_on(results: Results) -> list[Estimate]:
    """Whether the curve of a student of noise still rises."""
    runs = accuracy("noise", "all").runs(results).values()
    curves = [results.stored(run)["test"][:, 0, 0] for run in runs if run.arrays]
    return _over_runs([100 * float(c[LATER].mean() - c[EARLIER].mean()) for c in curves])


def _over_runs(values: Sequence[float]) -> list[Estimate]:
    if len(values) > 1:
        return [metrics.mean_and_error(values)]
    return [Estimate(value, math.nan, 1) for value in values]


def _as_good_as_labels(results: Results) -> list[Estimate]:
    """In how many of the cases a distilled network is not clearly worse, less half of them."""
    cases = [gain(*case) for case in itertools.product(PICTURES, SHARES, LOSSES)]
    gaps = [above(case)(results) for case in cases]
    if not all(gaps):
        return []
    good = sum(judge(of_case[0]) != FAILS for of_case in gaps)
    return [Estimate(good - len(cases) / 2, 0.0, len(cases))]


def _gains_more_when_few(loss: str) -> Test:
    return every(*(above(gain(name, "10pct", loss), gain(name, "all", loss)) for name in PICTURES))


def _drop(generator: str, loss: str, weight: float = 1.0) -> list[Term]:
    """What a student loses when its inputs come from a tenth of the images."""
    return [
        (weight, accuracy(generator, "all", loss)),
        (-weight, accuracy(generator, "10pct", loss)),
    ]


def _alike(first: Mean, second: Mean) -> Test:
    def test(results: Results) -> list[Estimate]:
        gaps = above(first, second)(results)
        return [Estimate(ALIKE - abs(gap.value), gap.error, gap.n) for gap in gaps]

    return test


TESTS: dict[str, Test] = {
    "ensembles_generator_matters": _matters(),
    "ensembles_noise_nine_in_ten": above(accuracy("noise", "all"), NINE_IN_TEN),
    "ensembles_noise_goes_on": _goes_on,
    "ensembles_soft_labels": every(
        *(above(gain("mnist", share, VALUES, measure="log_prob")) for share in SHARES)
    ),
    "ensembles_as_good_as_labels": _as_good_as_labels,
    "ensembles_gains_more_when_few": _gains_more_when_few(VALUES),
    "ensembles_values_when_plenty": every(
        *(above(gain_of_slopes(name, "all", -100.0)) for name in GENERATORS)
    ),
    "ensembles_slopes_when_few": above(gain_of_slopes("mnist", "10pct")),
    "ensembles_slopes_when_few_nade": above(gain_of_slopes("nade", "10pct")),
    "ensembles_slopes_lose_less": combined(*_drop("mnist", VALUES), *_drop("mnist", SLOPES, -1.0)),
    "ensembles_nade_when_few": above(accuracy("nade", "10pct"), accuracy("mnist", "10pct")),
    "ensembles_nade_when_few_slopes": above(
        accuracy("nade", "10pct", SLOPES), accuracy("mnist", "10pct", SLOPES)
    ),
    "ensembles_nade_alike_when_plenty": every(
        *(_alike(accuracy("nade", "all", loss), accuracy("mnist", "all", loss)) for loss in LOSSES)
    ),
    "ensembles_nade_loses_less": combined(*_drop("mnist", VALUES), *_drop("nade", VALUES, -1.0)),
}
