"""What data say of parameters: mixtures fitted by EM, in one go or on a stream; posteriors by
expectation propagation, by Laplace's approximation, and exactly by quadrature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from distillery.support.lazily import lazily

if TYPE_CHECKING:
    from distillery.inference.chain_average import ChainAverage
    from distillery.inference.em import Fit, fit, spread_start
    from distillery.inference.ep import ExpectationPropagation, expectation_propagation
    from distillery.inference.laplace import Laplace
    from distillery.inference.mixture_truth import MixtureTruth
    from distillery.inference.quadrature import Estimate, LogisticTruth, divergence
    from distillery.inference.restarts import likeliest, varied_starts
    from distillery.inference.stepwise_em import distil_by_em, falling, power

__all__ = [
    "ChainAverage",
    "Estimate",
    "ExpectationPropagation",
    "Fit",
    "Laplace",
    "LogisticTruth",
    "MixtureTruth",
    "distil_by_em",
    "divergence",
    "expectation_propagation",
    "falling",
    "fit",
    "likeliest",
    "power",
    "spread_start",
    "varied_starts",
]

# found when first used; `laplace` stays in the module of its name
_HOMES = {
    "ChainAverage": "chain_average",
    "Fit": "em",
    "fit": "em",
    "spread_start": "em",
    "ExpectationPropagation": "ep",
    "expectation_propagation": "ep",
    "Laplace": "laplace",
    "MixtureTruth": "mixture_truth",
    "Estimate": "quadrature",
    "LogisticTruth": "quadrature",
    "divergence": "quadrature",
    "likeliest": "restarts",
    "varied_starts": "restarts",
    "distil_by_em": "stepwise_em",
    "falling": "stepwise_em",
    "power": "stepwise_em",
}
__getattr__, __dir__ = lazily(__name__, _HOMES, globals())
