"""Chapter 3: what a network learns from recollections of the data."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter(
    "03_transfer",
    studies=("transfer", "curricula", "omniglot"),
    title="Buffer or code",
    question="I may keep a hundredth of my data. What should I keep to teach another network?",
    costs="a student taught from a recollection file: a minute on one core for 10,000 examples",
    finding=(
        "**Buffer or code**: kept as 38 bits each, 50,000 digits teach a new LeNet, by 10,000 "
        "examples, to read {glue:text}`03_transfer.ipynb::transfer-buffer:s` % of unseen digits; "
        "five hundred whole ones in the same storage "
        "{glue:text}`03_transfer.ipynb::transfer-raw:s` %, random codes "
        "{glue:text}`03_transfer.ipynb::transfer-code:s` %. A network without convolutions learns "
        "less from random codes than from those kept. Copies in JPEG or WebP that fill the same "
        "storage teach the LeNet about as much as recollections, as far as two seeds tell."
    ),
)
