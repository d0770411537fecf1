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
        "**Ensembles**: with the first tenth of MNIST's images, a small network gets "
        "{glue:text}`06_ensembles.ipynb::ensembles-gain:s` points more of the test images right "
        "if thirty large ones, which have seen all images, answer about pictures that a NADE of "
        "this tenth draws than if they answer about the tenth itself (by cross entropy)."
    ),
)
