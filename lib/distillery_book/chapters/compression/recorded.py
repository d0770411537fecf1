"""What the page makes of recorded runs: their names, their curves beside the published ones, and
the fewest kilobytes that a kind of code takes with all that is needed to read it.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from distillery.storage import simple_bits
from distillery_book.chapters.compression.grid import CODES, LATENTS
from distillery_book.results import published

SETTINGS = ("c", "l", "h", "quality", "codes", "rate")
IMAGES = 50_000  # of the training set

Curve = tuple[pd.Series, pd.Series, pd.Series]


def code_names(runs: pd.DataFrame) -> list[str]:
    """Each run's code in words, `c 38, l 2` say: the settings that it has."""
    settings = runs.reindex(columns=list(SETTINGS)).astype(object)
    return [_name(line) for _, line in settings.iterrows()]


def curve(runs: pd.DataFrame, model: str, bits: str = "bits", loss: str = "train") -> Curve:
    """Mean bits of a model's codes, their mean loss and its standard deviation over seeds; empty
    where nothing was run.

    Priors over codes that were drawn are left out.
    """
    is_shown = (runs["model"] == model) & ~runs["code"].astype(str).str.contains("drawn")
    groups = runs[is_shown].reindex(columns=["code", bits, loss]).groupby("code")
    return groups[bits].mean(), groups[loss].mean(), groups[loss].std().fillna(0)


def published_categorical() -> tuple[list[int], list[float]]:
    """Whole bits and distortion of the papers' categorical codes (Table 6)."""
    table = "recollections_distortion_categorical"
    losses = [published.at(table, *code, "distortion").value for code in CODES]
    return [simple_bits(*code) for code in CODES], losses


def published_continuous() -> tuple[list[int], list[float]]:
    """Bits, 32 a latent, and distortion of the papers' continuous codes (Table 7)."""
    table = "recollections_distortion_continuous"
    losses = [published.at(table, latents, "distortion").value for latents in LATENTS]
    return [32 * latents for latents in LATENTS], losses


def least_kilobytes(runs: pd.DataFrame, levels: Mapping[str, float]) -> pd.DataFrame:
    """A line for each model, a column for each level: the fewest kilobytes of its runs that lose no
    more, as a text; a dash where none does.
    """
    sizes = [in_full(line) for _, line in runs.iterrows()]
    whole = pd.DataFrame(sizes, index=runs.index, columns=["kilobytes", "loss"])
    least = {
        name: whole["kilobytes"][whole["loss"] <= level].groupby(runs["model"]).min()
        for name, level in levels.items()
    }
    models = list(runs["model"].unique()) or ["not run"]
    return pd.DataFrame(least, models).map("{:,.0f}".format).replace("nan", "–")


def in_full(run: pd.Series) -> tuple[float, float]:
    """Kilobytes of all images with decoder, prior and what they share, and what a pixel loses: by
    the likeliest codes, where these were written.
    """
    known = run.dropna()
    bits = known.get("bits_on_disk", known.get("bits_coded_argmax", known["bits"]))
    once = known.get("bits_prior", 0) + 16 * known.get("parameters_decoder", 0)
    kilobytes = (IMAGES * bits + once) / 8e3 + known.get("shared_bytes", 0) / 1e3
    return kilobytes, known.get("train_argmax", known["train"])


def _name(settings: pd.Series) -> str:
    known = settings.dropna().items()
    return ", ".join(f"{key} {value}".removesuffix(".0") for key, value in known)
