"""Chapter 4: which example to learn from next.

Its runs are those of the study `curricula`, which shares memories and students with chapter 3 and
so has its place there.
"""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter(
    "04_curricula",
    title="Curricula",
    question="Which example should a student see next?",
    costs="an active student: a minute and a half on one core for 10,000 examples",
    finding=(
        "**Curricula**: ten thousand recollections of 38 bits drawn at random teach a new network "
        "to read {glue:text}`04_curricula.ipynb::curricula-random:s` % of unseen digits; "
        "{glue:text}`04_curricula.ipynb::curricula-active:s` % if each is the hardest of ten, "
        "{glue:text}`04_curricula.ipynb::curricula-both:s` % if the ten were first chosen to be "
        "unlike one another."
    ),
)
