"""What the thesis concludes about distilling a predictive classifier (section 3.3), and the runs
that test it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from distillery import metrics
from distillery.metrics import Estimate
from distillery_book.results.claims import Mean, Test, above, every
from distillery_book.results.results import Results

FOUR = ("batch_ce", "batch_dse", "online_ce", "online_dse")
MEASURES = ("largest_error", "mean_error", "kl_square", "kl_variance_100", "kl_variance_10")
PRINTED, IN_CODE = "variance 100", "variance 10"
RIM = 5.0  # further from the origin than this is away from the data


def place(method: str, inputs: str = "none") -> dict[str, Any]:
    """Where the runs of a method by the thesis' protocol are."""
    return {"protocol": "thesis", "method": method, "inputs": inputs}


def farther(results: Results, first: Any, second: Any, metric: str) -> Estimate | None:
    """By how many powers of ten the first method's error exceeds the second's, on the same data
    sets; None when either was not run.
    """
    runs = [Mean("classifier", metric, where).runs(results) for where in (first, second)]
    both = sorted(runs[0].keys() & runs[1].keys())
    ratios = [runs[0][seed].metrics[metric] / runs[1][seed].metrics[metric] for seed in both]
    return metrics.mean_and_error(np.log10(ratios).tolist()) if ratios else None


def slope_at_origin(probs: Tensor) -> float:
    """The steepness of a surface on the square's 61 x 61 grid along the first input, at the
    origin.
    """
    row = probs.double()[30]
    return float(row[31] - row[29]) / (2 * 20 / 60)


def confidence_away(probs: Tensor) -> float:
    """How far the probabilities beyond RIM are from a half, on average."""
    axis = np.linspace(-10, 10, 61)
    is_away = np.hypot(*np.meshgrid(axis, axis)) > RIM
    return float(np.abs(probs.double().numpy()[is_away] - 0.5).mean())


def _all_farther(*trios: tuple[Any, Any, str]) -> Test:
    def test(results: Results) -> list[Estimate]:
        found = [farther(results, *trio) for trio in trios]
        return [each for each in found if each is not None] if all(found) else []

    return test


def _slopes_are_nearer(inputs: str) -> Test:
    """By the KL on the square, which belongs to neither p(x)."""
    pairs = [(f"{way}_ce", f"{way}_dse") for way in ("batch", "online")]
    return _all_farther(
        *((place(values, inputs), place(slopes, inputs), "kl_square") for values, slopes in pairs)
    )


def _online_is_no_farther(results: Results) -> list[Estimate]:
    trios = [
        (place(f"batch_{loss}", PRINTED), place(f"online_{loss}", PRINTED), metric)
        for loss in ("ce", "dse")
        for metric in ("mean_error", "kl_square")
    ]
    return list(_all_farther(*trios)(results))


def _on_one_data_set(measure: Callable[[Results], Sequence[float]]) -> Test:
    """The mean difference on the one data set whose pictures are kept, of whose error nothing is
    known.
    """

    def test(results: Results) -> list[Estimate]:
        gaps = measure(results)
        return [Estimate(sum(gaps) / len(gaps), math.nan, 1)] if gaps else []

    return test


def kept(results: Results, method: str, inputs: str = "none") -> dict[str, Tensor]:
    """The pictures' data of a method by the thesis' protocol."""
    return results.arrays("classifier", place(method, inputs))


def _less_steep(results: Results) -> list[float]:
    exact = kept(results, "mcmc").get("truth")
    students = [kept(results, method, PRINTED).get("probs") for method in FOUR]
    if exact is None:
        return []
    steepness = slope_at_origin(exact)
    return [steepness - slope_at_origin(probs) for probs in students if probs is not None]


def _farther_out(inputs: str) -> Test:
    def gaps(results: Results) -> list[float]:
        norms = {}
        for method in FOUR:
            weights = kept(results, method, inputs).get("weights")
            if weights is None:
                return []
            norms[method] = float(weights.norm(dim=1).mean())
        return [norms[f"{way}_dse"] - norms[f"{way}_ce"] for way in ("batch", "online")]

    return _on_one_data_set(gaps)


def _too_sure_away(results: Results) -> list[float]:
    exact, probs = kept(results, "mcmc").get("truth"), kept(results, "ep_mackay").get("probs")
    if exact is None or probs is None:
        return []
    return [confidence_away(probs) - confidence_away(exact)]


def _nearer_than_students(inputs: str) -> Test:
    ep = Mean("classifier", "kl_variance_10", place("ep_mackay"))
    students = [Mean("classifier", "kl_variance_10", place(method, inputs)) for method in FOUR]
    return every(*(above(student, ep) for student in students))


def _worst_near_origin() -> Test:
    pairs = [
        tuple(
            Mean("classifier", f"kl_variance_{variance}", place(method, PRINTED))
            for variance in (10, 100)
        )
        for method in FOUR
    ]
    return every(*(above(near, away) for near, away in pairs))


TESTS: dict[str, Test] = {
    "classifier_chain_near": every(
        *(
            above(
                Mean("classifier", "mean_error", place(method, PRINTED)),
                Mean("classifier", "mean_error", place("mcmc")),
            )
            for method in FOUR
        )
    ),
    "classifier_worst_near_origin": _worst_near_origin(),
    "classifier_less_steep": _on_one_data_set(_less_steep),
    "classifier_slopes_nearer_100": _slopes_are_nearer(PRINTED),
    "classifier_slopes_nearer_10": _slopes_are_nearer(IN_CODE),
    "classifier_weights_larger_100": _farther_out(PRINTED),
    "classifier_weights_larger_10": _farther_out(IN_CODE),
    "classifier_online_same": _online_is_no_farther,
    "classifier_one_draw_changes": above(
        Mean("classifier", "value_bias_teacher", place("online_dse", PRINTED))
    ),
    "classifier_ep_nearer_100": _nearer_than_students(PRINTED),
    "classifier_ep_nearer_10": _nearer_than_students(IN_CODE),
    "classifier_ep_too_sure": _on_one_data_set(_too_sure_away),
    "classifier_ep_slower": _all_farther(
        *((place("ep_mackay"), place(method, PRINTED), "prediction_seconds") for method in FOUR)
    ),
}
