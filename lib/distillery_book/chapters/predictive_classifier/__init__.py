"""Chapter 8: a posterior distilled into twenty numbers."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter(
    "08_predictive_classifier",
    studies=("classifier", "dark_knowledge"),
    title="Predictive classifier",
    question="I have a posterior over a classifier's weights, and want one classifier.",
    costs="a chain; a few thousand small gradient steps",
    finding=(
        "**Predictive classifier**, the largest error of a probability by our recipe: "
        "{glue:text}`08_predictive_classifier.ipynb::classifier-ours-units:s` with ten units like "
        "the thesis', {glue:text}`08_predictive_classifier.ipynb::classifier-ours-clouds:s` with "
        "ten that know how sure they are, "
        "{glue:text}`08_predictive_classifier.ipynb::classifier-ep:s` by expectation propagation."
    ),
)
