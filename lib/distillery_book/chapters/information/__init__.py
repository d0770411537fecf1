"""Chapter 11: what a student's layers know of the teacher's."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter(
    "11_information",
    studies=("information",),
    title="Information between layers",
    question="I may look into the teacher, and have few images. What should the student match?",
    costs="a student beside a large teacher: minutes on a GPU, hours on two cores",
    finding="**Information between layers**: five images of each digit teach a student to read"
    " {glue:text}`11_information.ipynb::information-labels:s` % of unseen ones, and"
    " {glue:text}`11_information.ipynb::information-vid:s` % if it must also make its teacher's"
    " layers predictable.",
)
