"""Chapter 2: how small a picture can be remembered."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter(
    "02_compression",
    studies=("compression",),
    title="How small can a picture be?",
    question="I have more pictures than room. In how few bits can they be remembered?",
    costs="an autoencoder trained: minutes on one core for a small code",
    finding=(
        "**Compression**: in 38 bits a small network remembers an unseen digit with a smaller "
        "error than JPEG, at its worst quality, in "
        "{glue:text}`02_compression.ipynb::compression-jpeg-times:s` times as many; codes that we "
        "trained to be predictable take {glue:text}`02_compression.ipynb::compression-38:s` bits "
        "for what the papers reach in 38 (networks not counted)."
    ),
)
