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
        "**Predictive density**: nine numbers distilled from Markov chains lose at most "
        "{glue:text}`07_predictive_density.ipynb::density-worst:s` nats a prediction against the "
        "exact Bayesian answer (the largest of the means at nine sizes of data set; by our "
        "protocol, which draws more than the thesis')."
    ),
)
