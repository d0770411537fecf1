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
        "**Ensembles**: of MNIST's test images thirty networks get "
        "{glue:text}`06_ensembles.ipynb::ensembles-teacher:s` % right; one that is "
        "{glue:text}`06_ensembles.ipynb::ensembles-times:s` times smaller gets "
        "{glue:text}`06_ensembles.ipynb::ensembles-direct:s` % from labels and "
        "{glue:text}`06_ensembles.ipynb::ensembles-student:s` % from the thirty, "
        "{glue:text}`06_ensembles.ipynb::ensembles-direct-tenth:s` % and "
        "{glue:text}`06_ensembles.ipynb::ensembles-student-tenth:s` % with a tenth of the "
        "images."
    ),
)
