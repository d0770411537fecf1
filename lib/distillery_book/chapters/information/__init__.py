"""Chapter 11: what a student's layers know of the teacher's."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter(
    "11_information",
    studies=("information",),
    title="Information between layers",
    question="I may look into the teacher, and have few images. What should the student match?",
    costs="a student beside a large teacher: minutes on a GPU, hours on two cores",
    in_preparation=True,
)
