"""What the recollection papers conclude about compression, and the runs that test it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from scipy import stats

from distillery.metrics import Estimate
from distillery.storage import autoencoder_parameters, capacity_bits, codes_within
from distillery.storage.budgets import Counted
from distillery_book.chapters.compression.grid import CODES
from distillery_book.results import published
from distillery_book.results.claims import Mean, Test, above, every
from distillery_book.results.results import Results

TABLE = "recollections_distortion_categorical"
IMAGES, IMAGE_BITS, FLOAT_BITS = 50_000, 6272, 32
RELATED = 0.9  # a rank correlation: the papers say "strongly", this number is ours
TOTALS = {168: 10, 62: 50, 38: 100}  # variables of two values: how many times less in all,
EACH = {168: 37, 62: 101, 38: 165}  # and without the network
COLOUR_BITS, RAW_IMAGES, PROMISED = 24_576, 200, 5000

Code = tuple[int, int]


def lost(code: Code, on: str = "train", *, model: str = "categorical", scale: float = 1.0) -> Mean:
    """The mean absolute error of a pixel by a code of so many variables of so many values."""
    variables, values = code
    where = {"model": model, "c": variables, "l": values, "data": "mnist"}
    return Mean("compression", on, where, scale)


def lost_by_rival(latents: int, on: str = "train", *, model: str = "continuous") -> Mean:
    """The same by a continuous code of so many latents, or filters."""
    return Mean("compression", on, {"model": model, "h": latents, "data": "mnist"})


def lost_by_jpeg(quality: int, on: str = "train") -> Mean:
    """The same by JPEG, which has no seeds."""
    return Mean("compression", on, {"model": "jpeg", "quality": quality, "data": "mnist"})


def least(pairs: Sequence[tuple[Mean, Mean]]) -> Test:
    """The least of several differences; where each side was run once, of an error that nobody
    knows.
    """

    def test(results: Results) -> list[Estimate]:
        gaps = list(every(*(above(*pair) for pair in pairs))(results))
        known = [gap for gap in gaps if math.isfinite(gap.error)]
        if len(known) == len(gaps):
            return gaps
        return [Estimate(min(gap.value for gap in gaps), math.nan, 1)]

    return test


def rivals(against: Mapping[int, Code], on: str = "train", *, model: str = "continuous") -> Test:
    """Continuous codes of so many latents lose more than categorical ones."""
    return least(
        [
            (lost_by_rival(latents, on, model=model), lost(code, on))
            for latents, code in against.items()
        ]
    )


def beaten_by(code: Code, quality: int) -> Test:
    """JPEG, which gives the same pictures every time, loses more than a code."""

    def test(results: Results) -> list[Estimate]:
        jpeg = lost_by_jpeg(quality)
        known = [jpeg.value(run) for run in jpeg.runs(results).values()]
        return [gap for value in known for gap in above(lost(code, scale=-1.0), -value)(results)]

    return test


def beats_print(code: Code, *, model: str = "categorical") -> Test:
    """A code loses less than is printed."""
    printed = published.at(TABLE, *code, "distortion").value
    return above(lost(code, model=model, scale=-1.0), -printed)


def recorded_losses(results: Results) -> dict[Code, float]:
    """What the codes of the published table lose of training images, as far as they were run."""
    means = {code: results.mean("compression", "train", lost(code).where) for code in CODES}
    return {code: mean.value for code, mean in means.items() if mean is not None}


def rank_correlation(results: Results) -> Estimate | None:
    """How far the order of capacities is that of losses, backwards: 1 where it is the same."""
    losses = recorded_losses(results)
    if len(losses) < 3:
        return None
    capacities = [-capacity_bits(*code) for code in losses]
    r = float(stats.spearmanr(capacities, list(losses.values())).statistic)
    return Estimate(r, (1 - r**2) / math.sqrt(len(losses)), len(losses))


def _capacity(results: Results) -> list[Estimate]:
    found = rank_correlation(results)
    return [] if found is None else [Estimate(found.value - RELATED, found.error, found.n)]


def times_smaller(variables: int, *, with_network: bool) -> float:
    """How many times less room 50,000 codes take than the images, variables of two values."""
    network = FLOAT_BITS * autoencoder_parameters(variables, 2) / IMAGES
    return IMAGE_BITS / (variables + with_network * network)


def _arithmetic(value: float) -> Test:
    return lambda _results: [Estimate(value, 0.0, 1)]


def _sizes(printed: Mapping[int, int], *, with_network: bool) -> Test:
    """As many times smaller as is printed, or more."""
    gaps = [times_smaller(c, with_network=with_network) - times for c, times in printed.items()]
    return _arithmetic(min(gaps))


def _codes_beyond_promised(counted: Counted) -> Test:
    """How many codes fit, as a share of those promised, minus one."""
    fit = codes_within(RAW_IMAGES * COLOUR_BITS, 620, 3, counted=counted)
    return _arithmetic(fit / PROMISED - 1)


FEWER_BITS: dict[int, Code] = {1: (20, 2), 2: (38, 2), 3: (62, 2), 5: (62, 2), 7: (168, 2)}
FEWER_THAN_FILTERS: dict[int, Code] = {1: (38, 2), 2: (38, 2), 3: (38, 2), 5: (168, 2), 7: (168, 2)}
SHORT: tuple[Code, ...] = ((38, 2), (62, 2))
LONG: Code = (168, 2)
TESTS: dict[str, Test] = {
    "compression_beats_filters": rivals(FEWER_THAN_FILTERS, model="filters"),
    "compression_beats_rival_train": rivals(FEWER_BITS),
    "compression_beats_rival_test": rivals(FEWER_BITS, "test"),
    "compression_beats_jpeg": beaten_by((38, 2), 1),
    "compression_capacity": _capacity,
    "compression_more_bits": above(lost((38, 2), "test"), lost((62, 2), "test")),
    "compression_many_more_bits": least([(lost((62, 2), "test"), lost(LONG, "test"))]),
    "compression_temperature": every(*(beats_print(code) for code in SHORT)),
    "compression_temperature_long": beats_print(LONG, model="variational"),
    "compression_total": _sizes(TOTALS, with_network=True),
    "compression_each": _sizes(EACH, with_network=False),
    "compression_5000": _codes_beyond_promised("simple"),
    "compression_5000_packed": _codes_beyond_promised("tight"),
}
