"""What the pages of chapter 2 make of recorded runs: points of the figures, rows of the tables, and
the fewest kilobytes that a kind of code takes with all that is needed to read it.

An error is the mean absolute error of a pixel in [0, 1]. Everything is whole before any run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from distillery.storage import simple_bits
from distillery.tools.compress.recipes import LONG_PASSES
from distillery_book.chapters.compression.codecs import JPEG_QUALITIES, WEBP_QUALITIES
from distillery_book.chapters.compression.grid import (
    BY_THE_PAPERS,
    CODES,
    LATENTS,
    SHIPPED,
)
from distillery_book.chapters.compression.places import (
    CATEGORICAL,
    CONTINUOUS,
    IMAGES,
    STUDY,
    Code,
    Where,
    code,
    jpeg,
    named,
    predictable,
    printed,
    prior,
    rival,
)
from distillery_book.chapters.compression.rate import reached
from distillery_book.results import published
from distillery_book.results.results import Results
from distillery_book.results.verdicts import NOT_RUN

FILTER_BITS, IMAGE_BITS = 128, 6272  # of a published continuous code, for each of its filters
COLUMNS = ["kind", "label", "bits", "loss", "error"]
MODELS = {  # the models of the study, in words
    "jpeg": "JPEG",
    "webp": "WebP",
    "png": "PNG",
    "lzma": "lzma, all at once",
    "categorical": "likeliest codes, by counts",
    "prior": "likeliest codes, by a prior",
    "rate": "predictable codes",
    "continuous": "continuous rival",
}
TAKEN = {"argmax": "likeliest, by a prior", "drawn": "drawn, by a prior"}
DATA = {"omniglot": "Omniglot", "cifar10": "CIFAR-10"}


def points(
    kind: str, runs: Mapping[str, Where], bits: str = "bits", loss: str = "train"
) -> pd.DataFrame:
    """Bits, error and the standard error over seeds of the runs of each label, as far as there are
    any.
    """
    results, rows = Results.open(), []
    for label, where in runs.items():
        size, mean = (results.mean(STUDY, metric, where) for metric in (bits, loss))
        if size is not None and mean is not None:
            error = math.nan if mean.error is None else mean.error
            rows.append((kind, label, size.value, mean.value, error))
    return pd.DataFrame(rows, columns=COLUMNS)


def published_categorical() -> pd.DataFrame:
    """The papers' categorical codes (Table 6), in whole bits."""
    rows = [(named(*each), simple_bits(*each), printed(*each)) for each in CODES]
    return _published("categorical, published", rows)


def published_continuous() -> pd.DataFrame:
    """The papers' continuous codes (Table 7), in the 128 bits a filter that their printed
    compression comes to.
    """
    rows = [
        (str(h), FILTER_BITS * h, published.at(CONTINUOUS, h, "distortion").value) for h in LATENTS
    ]
    return _published("continuous, published", rows)


def counted() -> pd.DataFrame:
    """What is lost against bits as the papers count them: published, ours, the papers' own
    training, JPEG.
    """
    frames = [
        published_categorical(),
        points("categorical, our training", {named(*each): code(*each) for each in CODES}),
        points(
            "categorical, papers' training",
            {named(*each): code(*each, "variational") for each in CODES},
        ),
        published_continuous(),
        points("continuous, ours", {str(h): rival(h) for h in LATENTS}),
        points("continuous, papers' layers", {str(h): rival(h, "filters") for h in LATENTS}),
        points("JPEG", {str(q): jpeg(q) for q in JPEG_QUALITIES}),
    ]
    return pd.concat([frame for frame in frames if len(frame)])


def written() -> pd.DataFrame:
    """The same against bits as they are written: likeliest codes, codes under a prior, predictable
    ones, JPEG, WebP.
    """
    codes = {named(*each): code(*each) for each in CODES}
    priors = {named(*each): prior(*each) for each in SHIPPED}
    webp = {str(q): {"model": "webp", "quality": q, "data": "mnist"} for q in WEBP_QUALITIES}
    frames = [
        published_categorical(),
        points("likeliest, by counts", codes, "bits_coded_argmax", "train_argmax"),
        points("likeliest, by a prior", priors, "bits_on_disk"),
        points("predictable", predictable(), "bits_on_disk"),
        points("JPEG", {str(q): jpeg(q) for q in JPEG_QUALITIES}),
        points("WebP", webp),
    ]
    return pd.concat([frame for frame in frames if len(frame)])


def fewest_bits(limit: float, kind: str, among: pd.DataFrame) -> float:
    """The fewest bits of a kind's points that lose no more; not a number where none does."""
    fits = among[(among["kind"] == kind) & (among["loss"] <= limit)]
    return float(fits["bits"].min())


def for_the_same() -> pd.DataFrame:
    """The fewest bits that lose no more than each of the three published codes that the papers
    build on, by kind; of our training alone the codes are drawn, and in whole bits.
    """
    among, rows = pd.concat([written(), counted()]), []
    for each in SHIPPED[::-1]:
        label = f"{named(*each)}: {printed(*each):.3f}"
        rows.append((label, "categorical, published", float(simple_bits(*each))))
        for kind in ("categorical, our training", "likeliest, by a prior", "predictable", "JPEG"):
            rows.append((label, kind, fewest_bits(printed(*each), kind, among)))
    return pd.DataFrame(rows, columns=["label", "kind", "bits"])


def beside_published() -> pd.DataFrame:
    """Published, our and the papers' training of the codes that both trainings are asked for."""
    both = sorted({*SHIPPED, *BY_THE_PAPERS}, key=lambda each: (simple_bits(*each), each))
    every = counted()
    kinds = [
        "categorical, published",
        "categorical, our training",
        "categorical, papers' training",
    ]
    labels = [f"{named(*each)}, {simple_bits(*each)} bits" for each in both]
    grid = pd.MultiIndex.from_product([kinds, [named(*each) for each in both]])
    known = every.set_index(["kind", "label"])[["loss", "error"]].reindex(grid)
    rows = known.rename(columns={"loss": "value"}).reset_index(names=["kind", "label"])
    return rows.assign(label=labels * len(kinds))


def categorical_table() -> pd.DataFrame:
    """Table 6, a row for each code: how many times smaller it is, what it loses, the verdict."""
    every = counted().set_index(["kind", "label"])
    cells = _cells(CATEGORICAL)
    rows = {
        named(*each): {
            "bits": f"{simple_bits(*each)}",
            "times smaller": f"{IMAGE_BITS / simple_bits(*each):.1f}",
            "published": f"{printed(*each):.4f}",
            "our training": _text(every, "categorical, our training", named(*each)),
            "papers' training": _text(every, "categorical, papers' training", named(*each)),
            "verdict": cells[each],
        }
        for each in sorted(CODES, key=lambda each: (simple_bits(*each), each))
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("code")


def continuous_table() -> pd.DataFrame:
    """Table 7, a row for each rival: bits, how many times smaller than the image (ratio), what it
    loses; published, by layers of ours, by the papers' layers.
    """
    every = counted().set_index(["kind", "label"])
    rows = {}
    for h in LATENTS:
        cell = published.at(CONTINUOUS, h, "distortion")
        rows[h] = {
            ("published", "bits"): f"{FILTER_BITS * h}",
            ("published", "ratio"): f"{IMAGE_BITS / FILTER_BITS / h:.1f}",
            ("published", "error"): cell.column.text(cell.value),
            ("ours", "bits"): f"{32 * h}",
            ("ours", "ratio"): f"{IMAGE_BITS / 32 / h:.1f}",
            ("ours", "error"): _text(every, "continuous, ours", str(h)),
            ("papers' layers", "error"): _text(every, "continuous, papers' layers", str(h)),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("filters")


def goals() -> pd.DataFrame:
    """What the book aims at in this chapter, a row for each published code: its error, its bits,
    the goal, what is on disk, and with its share of the prior.
    """
    results = Results.open()
    cells = results.table(published.AIMS).set_index("keys")
    rows = {}
    for variables, values in SHIPPED[::-1]:
        aim = cells.loc[[(f"compression_{variables}",)]].iloc[0]
        reaching = results.runs(STUDY).reindex(columns=[reached(variables), "bits_in_full"])
        rows[f"{printed(variables, values):.5f}"] = {
            "published bits": f"{aim['published']:.0f}",
            "goal": f"{aim['aim']:.0f}",
            "on disk": _bits(aim["value"]),
            "with the prior": _bits(reaching.dropna()["bits_in_full"].min()),
            "verdict": aim["verdict"],
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("error at most")


def written_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Recorded codes under a prior and predictable ones: a row for each run."""
    rows = [
        {
            "code": named(int(run["c"]), int(run["l"])),
            "how": _how(run),
            "training error": f"{run['train']:.4f}",
            "test error": f"{run['test']:.4f}",
            "on disk": _bits(run["bits_on_disk"]),
            "with the prior": _bits(run["bits_in_full"]),
            "units of the prior": f"{run['hidden']:.0f}",
        }
        for _, run in runs.iterrows()
    ]
    return _indexed(rows, ["code", "how"])


def others_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Recorded codes and codecs of other pictures than digits: a row for each run."""
    rows = [
        {
            "pictures": DATA[str(run["data"])],
            "kept by": _kept_by(run),
            "training error": f"{run['train']:.4f}",
            "of the likeliest": f"{run['train_argmax']:.4f}",
            "test error": f"{run['test']:.4f}",
            "bits": f"{run['bits']:,.0f}",
            "on disk": f"{run['bits_on_disk']:.1f}",
        }
        for _, run in runs.iterrows()
    ]
    return _indexed(rows, ["pictures", "kept by"]).replace("nan", "–")


def verdicts() -> dict[str, int]:
    """How often each verdict stands beside a number of Table 6."""
    counts = pd.Series(list(_cells(CATEGORICAL).values())).value_counts()
    return {str(verdict): int(count) for verdict, count in counts.items()}


def not_run() -> list[Code]:
    """The codes of Table 6 that no run stands for."""
    known = set(points("", {named(*each): code(*each) for each in CODES})["label"])
    return [each for each in CODES if named(*each) not in known]


def hours_to_go() -> dict[str, float]:
    """Hours of one core that the codes which no run stands for would take, the longest first: on a
    line through the recorded long codes, over the square of their filters, since weights grow with
    it. Not a number before two of these are recorded.
    """
    columns = ["model", "data", "passes", "c", "l", "seconds"]
    runs = Results.open().runs(STUDY).reindex(columns=columns)
    of_mnist = runs[(runs["model"] == "categorical") & (runs["data"] == "mnist")]
    long = of_mnist[of_mnist["passes"] == LONG_PASSES].astype({"seconds": float})
    squares = _filters(long["c"], long["l"]).astype(float) ** 2
    if squares.nunique() < 2:
        return {named(*each): math.nan for each in not_run()}
    slope, start = np.polyfit(squares, long["seconds"], 1)
    squared = {named(c, values): _filters(c, values) ** 2 for c, values in not_run()}
    hours = {name: float(start + slope * square) / 3600 for name, square in squared.items()}
    return dict(sorted(hours.items(), key=lambda pair: -pair[1]))


def _filters(variables: Any, values: Any) -> Any:
    """The filters of a code's widest layers, as the papers have them: four values a filter."""
    return variables * values / 4


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
    models = list(runs["model"].unique()) or [NOT_RUN]
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


def _published(kind: str, rows: Sequence[tuple[str, int, float]]) -> pd.DataFrame:
    return pd.DataFrame([(kind, *row, math.nan) for row in rows], columns=COLUMNS)


def _cells(table: str) -> dict[Code, str]:
    """The verdict on each printed error."""
    cells = Results.open().table(table)
    errors = cells[cells["column"] == "distortion"]
    return dict(zip(errors["keys"], errors["verdict"], strict=True))


def _text(every: pd.DataFrame, kind: str, label: str) -> str:
    if (kind, label) not in every.index:
        return NOT_RUN
    loss, error = (float(every[name][kind, label]) for name in ("loss", "error"))
    return f"{loss:.4f}" + ("" if math.isnan(error) else f" ± {2 * error:.4f}")


def _bits(bits: float) -> str:
    return NOT_RUN if math.isnan(bits) else f"{bits:.1f}"


def _how(run: pd.Series) -> str:
    if run["model"] == "rate":
        return f"predictable, {run['rate']:g} a bit"
    return TAKEN[str(run["codes"])]


def _kept_by(run: pd.Series) -> str:
    if run["model"] == "categorical":
        return named(int(run["c"]), int(run["l"]))
    quality = run["quality"]
    name = MODELS[str(run["model"])]
    if math.isnan(quality):
        return name
    return f"{name}, lossless" if quality < 0 else f"{name}, quality {quality:.0f}"


def _indexed(rows: list[dict[str, str]], keys: list[str]) -> pd.DataFrame:
    return pd.DataFrame(rows).set_index(keys) if rows else pd.DataFrame([NOT_RUN])
