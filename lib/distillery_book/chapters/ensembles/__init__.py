"""Chapter 6: thirty networks distilled into one."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter(
    "06_ensembles",
    studies=("ensembles",),
    title="Thirty networks into one",
    question=(
        "I have an ensemble, and want one small network. Where do I ask it, and for values or "
        "for slopes?"
    ),
    costs="the ensemble's answers, once or as you go; slopes cost a pair of passes a class",
    finding=(
        "**Ensembles**: with the first tenth of MNIST's images, a small network is "
        "{glue:text}`06_ensembles.ipynb::ensembles-gain:s` points more accurate if thirty large "
        "ones, taught by all images, answer about pictures that a NADE of this tenth draws, and "
        "not about the tenth itself (cross entropy)."
    ),
)
