"""What the thesis concludes about distilling a predictive density (section 3.2), and the runs that
test it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from distillery import metrics
from distillery.metrics import Estimate
from distillery.models.bayes import MEANS
from distillery_book.chapters.predictive_density.density import POINTS
from distillery_book.chapters.predictive_density.pictures import EDGES, X
from distillery_book.results.claims import Test
from distillery_book.results.results import Results

FEW = (2, 5, 10, 20)
MISPLACED = 0.1  # the share of the posterior that a good approximation may put in wrong orders


def with_floors(runs: pd.DataFrame) -> pd.DataFrame:
    """The same runs, and in the column `floor` how near three components come to their data's exact
    density: the nearest that any run on these data found.

    A floor belongs to the data, whatever the protocol. But each run looks for it by EM from a few
    dozen starts, which may end in a local optimum above it.
    """
    if "kl_best" not in runs:
        return runs.assign(floor=math.nan)
    return runs.assign(floor=runs.groupby(["points", "seed"])["kl_best"].transform("min"))


def thesis_runs(results: Results) -> pd.DataFrame:
    """The runs of the thesis' protocol: nine sizes, ten data sets each."""
    runs = with_floors(results.runs("density", {"experiment": "distil", "size": "full"}))
    return runs[runs["protocol"] == "thesis"]


def total_variation(arrays: dict[str, Tensor], first: str, second: str) -> float:
    """Half the area between two of the densities that a run kept, over the range that it drew."""
    one, other = (arrays[f"density_{name}"].double() for name in (first, second))
    return float((one - other).abs().sum() * (X[1] - X[0]) / 2)


def spread_of(arrays: dict[str, Tensor], name: str) -> float:
    """The standard deviation of a density that a run kept, over the range that it drew."""
    shares = arrays[f"density_{name}"].double()
    shares = shares / shares.sum()
    return float((shares @ X.square() - (shares @ X).square()).sqrt())


def distance_from_true_means(arrays: dict[str, Tensor]) -> float:
    """How far the means lie from the true ones, averaged over their exact posterior and over the
    three.
    """
    middles = (EDGES[1:] + EDGES[:-1]) / 2
    shares = arrays["means_exact"].double()
    apart = (middles - torch.tensor(MEANS, dtype=torch.float64)[:, None]).abs()
    return float(((shares * apart).sum(1) / shares.sum(1)).mean())


def _at_every_size(differences: Callable[[pd.DataFrame], pd.Series]) -> Test:
    """A mean over the data sets of each size: all nine must lie above zero."""

    def test(results: Results) -> list[Estimate]:
        runs = thesis_runs(results)
        if runs.empty:
            return []
        values = differences(runs)
        return [metrics.mean_and_error(some.tolist()) for _, some in values.groupby(runs["points"])]

    return test


def _over_all_sizes(difference: Callable[[pd.DataFrame], Estimate]) -> Test:
    def test(results: Results) -> list[Estimate]:
        runs = thesis_runs(results)
        return [] if runs.empty else [difference(runs)]

    return test


def _falls(measure: Callable[[dict[str, Tensor]], float]) -> Test:
    """A measure of the first data set of each size falls as the size grows: minus the slope of a
    straight line through both logarithms.
    """

    def test(results: Results) -> list[Estimate]:
        kept = _pictures(results, POINTS)
        if not kept:
            return []
        values = [measure(arrays) for arrays in kept]
        (slope, _), spread = np.polyfit(np.log(POINTS), np.log(values), 1, cov=True)
        return [Estimate(-float(slope), math.sqrt(float(spread[0, 0])), len(values))]

    return test


def _broader_when_few(results: Results) -> list[Estimate]:
    kept = _pictures(results, FEW)
    gaps = [spread_of(arrays, "exact") - spread_of(arrays, "true") for arrays in kept]
    return [metrics.mean_and_error(gaps)] if gaps else []


def _pictures(results: Results, sizes: Sequence[int]) -> list[dict[str, Tensor]]:
    where = {"experiment": "distil", "protocol": "thesis", "size": "full"}
    kept = [results.arrays("density", {**where, "points": points}) for points in sizes]
    return kept if all(kept) else []


def _as_near(runs: pd.DataFrame) -> Estimate:
    """By how many powers of ten online distillation is nearer than batch."""
    return metrics.mean_and_error(np.log10(runs["kl_batch"] / runs["kl_online"]).tolist())


def _within_a_doubling(runs: pd.DataFrame) -> Estimate:
    """What is left of one doubling between the seconds that the two ways take, chain included."""
    batch = runs["seconds_chain"] + runs["seconds_batch"]
    ratio = metrics.mean_and_error(np.log2(batch / runs["seconds_online"]).tolist())
    return Estimate(1 - abs(ratio.value), ratio.error, ratio.n)


def _nearer(*pairs: tuple[tuple[str, int], tuple[str, int]]) -> Test:
    """By how many powers of ten the second of two (chains, minibatch) is nearer than the first, on
    the same data sets.
    """

    def test(results: Results) -> list[Estimate]:
        runs = results.runs("density", {"experiment": "minibatch"})
        if runs.empty:
            return []
        nats = (
            runs.set_index(["chains", "minibatch", "seed"])["kl_online"].sort_index().map(np.log10)
        )
        gaps = [(nats.loc[first] - nats.loc[second]).dropna() for first, second in pairs]
        return [metrics.mean_and_error(gap.tolist()) for gap in gaps]

    return test


TESTS: dict[str, Test] = {
    "density_nearer_truth": _falls(lambda arrays: total_variation(arrays, "exact", "true")),
    "density_concentrates": _falls(distance_from_true_means),
    "density_broader_when_few": _broader_when_few,
    "density_chain_shows_posterior": _at_every_size(lambda runs: MISPLACED - runs["hidden_mass"]),
    "density_chain_predicts": _at_every_size(lambda runs: runs["kl_batch"] - runs["kl_mc"]),
    "density_three_suffice": _at_every_size(lambda runs: runs["kl_mc"] - runs["floor"]),
    "density_online_as_near": _over_all_sizes(_as_near),
    "density_costs_alike": _over_all_sizes(_within_a_doubling),
    "density_large_minibatches": _nearer(
        (("single", 10), ("single", 30)), (("single", 30), ("single", 100))
    ),
    "density_thinning": _nearer(
        (("single", 10), ("thinned", 10)), (("single", 30), ("thinned", 30))
    ),
    "density_parallel": _nearer(
        (("single", 10), ("parallel", 10)), (("single", 30), ("parallel", 30))
    ),
}
