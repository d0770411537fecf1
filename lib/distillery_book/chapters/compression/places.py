"""Where the runs of chapter 2 are: what a code is called and recorded under, what was printed of
it, and what its run kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from distillery_book.chapters.compression.grid import traded
from distillery_book.results import published, records
from distillery_book.results.records import Record
from distillery_book.results.results import Results

STUDY = "compression"
CATEGORICAL, CONTINUOUS = (
    "recollections_distortion_categorical",
    "recollections_distortion_continuous",
)
IMAGES = 50_000  # of the training set

Where = Mapping[str, Any]
Code = tuple[int, int]


def code(variables: int, values: int, model: str = "categorical") -> dict[str, Any]:
    """Where the runs of a code are."""
    return {"model": model, "c": variables, "l": values, "data": "mnist"}


def rival(latents: int, model: str = "continuous") -> dict[str, Any]:
    """Where the runs of a continuous rival are."""
    return {"model": model, "h": latents, "data": "mnist"}


def jpeg(quality: int) -> dict[str, Any]:
    return {"model": "jpeg", "quality": quality, "data": "mnist"}


def named(variables: int, values: int) -> str:
    """A code's name, `38 × 2` say."""
    return f"{variables} \N{MULTIPLICATION SIGN} {values}"


def printed(*code: int) -> float:
    """The published error of a categorical code."""
    return published.at(CATEGORICAL, *code, "distortion").value


def prior(variables: int, values: int, codes: str = "argmax") -> dict[str, Any]:
    """Where the codes of a recorded autoencoder under a learned prior are."""
    return {"model": "prior", "c": variables, "l": values, "codes": codes}


def predictable() -> dict[str, Where]:
    """Where codes that were trained to be predictable are, by variables and price of a bit."""
    return {
        f"{variables}, {cell.params['rate']:g}": {**cell.params, "data": "mnist"}
        for variables, ladder in traded().items()
        for cell in ladder
    }


def given_up(**where: Any) -> list[Record]:
    """Recorded runs by recipes that were given up: they count for nothing, and are shown."""
    results = Results.open()
    counting = results.index(STUDY).order
    every = records.read(STUDY, results.folder)
    return [run for run in every if run.place not in counting and run.fits(where)]


def pictures(name: str = "drawn", **where: Any) -> Tensor | None:
    """The first test images as a run keeps them, in bytes; None where there is no such run."""
    arrays: dict[str, Tensor] = Results.open().arrays(STUDY, {"data": "mnist", **where})
    return arrays.get(name)
