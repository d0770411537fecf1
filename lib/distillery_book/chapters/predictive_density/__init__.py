"""Chapter 7: a Markov chain distilled into nine numbers."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter(
    "07_predictive_density",
    studies=("density",),
    title="Predictive density",
    question="I have posterior samples of a density, and want one density to ship.",
    costs="a chain; EM costs seconds and holds one batch",
    finding=(
        "**Predictive density**: where three components allow it at all, one mixture comes "
        "within {glue:text}`07_predictive_density.ipynb::density-line:s` nats of the chain's "
        "predictions on {glue:text}`07_predictive_density.ipynb::density-met:s` of "
        "{glue:text}`07_predictive_density.ipynb::density-allowed:s` data sets."
    ),
)
