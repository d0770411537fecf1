"""Chapter 9: a Boltzmann machine distilled into NADEs."""

from __future__ import annotations

from distillery_book.results.registry import Chapter

CHAPTER = Chapter(
    "09_rbm_to_nade",
    studies=("rbm", "densities", "stronger", "orders", "agreement"),
    title="From a Boltzmann machine to NADE",
    question=(
        "I have a density known up to its sum, and want one that says probabilities and draws "
        "exactly."
    ),
    costs="a chain; tens of minutes on one core for 784 pixels",
    finding=(
        "**From a Boltzmann machine to NADE**: {glue:text}`09_rbm_to_nade.ipynb::nade-last:s` "
        "nats a test image by the published protocol, as published; "
        "{glue:text}`09_rbm_to_nade.ipynb::nade-best:s` by a student that starts from its "
        "teacher's weights, which itself has {glue:text}`09_rbm_to_nade.ipynb::nade-machine:s`."
    ),
)
