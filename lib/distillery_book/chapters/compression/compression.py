"""Chapter 2: how few bits a picture is remembered in: categorical codes, continuous latents, JPEG
(Riemer et al., 2018, Tables 6 and 7).

Of MNIST the training images are the first five sixths of the set (50,000, as many as the papers
store). What is decided is decided on the last sixth, `held`: rates, batches, temperatures and the
order of losses in runs of a few passes of 38 x 2 and, for long codes, of 168 x 2, the sizes of
priors in every run; no test image takes part in a choice. Of Omniglot and CIFAR-10 all training
images are learned, and decide nothing but one epsilon of Adam's. The metrics `train`, `held` and
`test` are mean absolute errors of pixels in [0, 1], by one stochastic pass where a code is drawn.

Beyond the papers: other codecs, a learned prior over the codes, and codes that are trained to be
predictable (`_compression_rate`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from distillery.models.autoencoder import CategoricalAutoencoder, ContinuousAutoencoder
from distillery.models.files import Named
from distillery.storage import capacity_bits, packed_bits, simple_bits
from distillery.tools.compress import priors
from distillery.tools.compress import recipes as parts
from distillery_book.chapters.compression import codecs
from distillery_book.chapters.compression import rate as rates
from distillery_book.results.study import (
    Answer,
    Cell,
    Context,
    Outcome,
    Profile,
    Scalar,
    Study,
)

CODES: tuple[tuple[int, int], ...] = (  # Table 6, from few filters to many
    *(
        (6, 2),
        (20, 2),
        (8, 6),
        (30, 2),
        (12, 6),
        (24, 3),
        (38, 2),
        (6, 16),
        (8, 15),
        (40, 3),
        (6, 20),
        (12, 10),
        (62, 2),
        (10, 14),
    ),
    *(
        (24, 6),
        (4, 37),
        (10, 20),
        (108, 3),
        (168, 2),
        (68, 5),
        (208, 2),
        (12, 37),
        (48, 10),
        (50, 18),
        (392, 3),
        (313, 4),
        (209, 8),
    ),
)
LATENTS = (1, 2, 3, 5, 7, 20)  # Table 7
PASSES = parts.PASSES
SHIPPED = ((38, 2), (62, 2), (168, 2))
# Data sets, codes and passes: Omniglot's are those of its distillation and of lifelong learning;
# CIFAR's those of buffers of 10 and 50 images, and of 200 with the network counted. 620 x 3 is left
# out: 22 million parameters, half an hour for every pass.
OTHERS = {
    "omniglot": ((32, 2, 40), (50, 2, 40), (62, 2, 40), (134, 2, 25), (312, 2, 8)),
    "cifar10": ((48, 2, 20), (76, 2, 12), (244, 2, 5)),
}
WIDEST = 120  # filters at the profile `laptop`
# The papers give the continuous rival three convolutions each way, no widths: of one width for few
# latents; for more, of which those fall short of the published distortion, dense layers, that many
# images a step, and Adam's rate.
CONTINUOUS_FILTERS, CONVOLUTIONS, DENSE_FROM = 64, "convolutions", 5
DENSE: dict[str, Scalar] = {
    "dense": "2048 1024 512",
    "passes": 45,
    "batch": 200,
    "adam_rate": 0.0015,
}
STUBBORN = {
    ("omniglot", 32): parts.SPARING
}  # Adam's epsilon, where by the usual one all filters die, and every picture is black

# Beyond: for each published distortion passes, variables that the search tries, and what a bit may
# cost in absolute error; of the runs that reach it the first counts.
TRADED = {
    38: (20, 8, (0.003, 0.002, 0.0015)),
    62: (20, 8, (0.0013, 0.0011, 0.0009)),
    168: (12, 16, (0.0004, 0.00025, 0.00015)),
}


def cells(profile: Profile) -> Sequence[Cell]:
    """Codes by their number of filters, the continuous rival, JPEG; at `paper` all codes, those
    that ship from three seeds, and ours.
    """
    if profile == "smoke":
        return _small()
    narrow = [code for code in CODES if code[0] * code[1] // 4 <= WIDEST]
    return [
        *codecs.jpegs("mnist", codecs.JPEG_QUALITIES),
        *(_published(*code, 0) for code in narrow),
        *(_continuous(h) for h in LATENTS),
        *codecs.rivals("mnist"),
        *([*_beyond(), *_others(), *_seeds()] if profile == "paper" else []),
        *(_published(*code, 0) for code in CODES if profile == "paper" and code not in narrow),
    ]


def _small() -> list[Cell]:
    return [
        _categorical(16, 4, 0, passes=6, data="embedded:digits"),
        Cell({"model": "continuous", "h": 2, "filters": 8, "passes": 4}, 0, "embedded:digits"),
        Cell(
            {
                "model": "continuous",
                "h": 5,
                "dense": "64 32",
                "passes": 6,
                "batch": 20,
                "adam_rate": 0.003,
            },
            0,
            "embedded:digits",
        ),
        Cell({"model": "jpeg", "quality": 25, "images": 500}, 0, "embedded:digits"),
        rates.traded(
            16,
            0.001,
            passes=6,
            tried=2,
            finish=1,
            data="embedded:digits",
            sizes="2 4",
            prior_passes=2,
        ),
    ]


def _seeds() -> list[Cell]:
    return [_published(*code, seed) for seed in (1, 2) for code in SHIPPED]


def _beyond() -> list[Cell]:
    recorded = [
        rates.of_recorded(*code, codes) for code in SHIPPED for codes in ("argmax", "drawn")
    ]
    return [*recorded, *(cell for found in _traded().values() for cell in found)]


def _traded() -> dict[int, list[Cell]]:
    return {
        variables: [rates.traded(variables, rate, passes=passes, tried=tried) for rate in found]
        for variables, (passes, tried, found) in TRADED.items()
    }


def _others() -> list[Cell]:
    """Omniglot and CIFAR-10: codes, the likeliest also under a learned prior, and codecs."""
    codes = [(data, *code) for data, found in OTHERS.items() for code in found]
    own = [
        _categorical(c, values, 0, passes=passes, data=data, own=rates.FITTED | _spared(data, c))
        for data, c, values, passes in codes
    ]
    jpegs = [
        *codecs.jpegs("omniglot", codecs.JPEG_QUALITIES),
        *codecs.jpegs("cifar10", codecs.COLOR_QUALITIES, chroma=codecs.CHROMA),
    ]
    return [*own, *jpegs, *codecs.rivals("omniglot"), *codecs.rivals("cifar10")]


def _spared(data: str, variables: int) -> dict[str, Scalar]:
    return {"adam_epsilon": STUBBORN[data, variables]} if (data, variables) in STUBBORN else {}


def run(cell: Cell, context: Context) -> Outcome:
    """One point of the figure: bits an image, and what the picture loses."""
    model = str(cell.params["model"])
    if model in codecs.MODELS:
        return codecs.run(cell, context)
    own = {
        "categorical": _run_categorical,
        "continuous": _run_continuous,
        "prior": rates.run_prior,
        "rate": rates.run_rate,
    }
    return own[model](cell, context)


def _run_categorical(cell: Cell, context: Context) -> Outcome:
    variables, values, passes = (int(cell.params[name]) for name in ("c", "l", "passes"))
    images, rng = context.load(cell.data), torch.Generator(context.device).manual_seed(cell.seed)
    channels, size, _ = images.shape
    student = CategoricalAutoencoder(variables, values, rng=rng, channels=channels, size=size).to(
        context.device
    )
    sets = parts.sets(images, context)
    losses = parts.trained(student, sets["train"], passes, context, rng=rng, recipe=_recipe(cell))
    drawn = {name: parts.encoded(student, x, rng) for name, x in sets.items()}
    likeliest = {name: parts.encoded(student, x, None) for name, x in sets.items()}
    metrics = {name: parts.distortion(student, codes, sets[name]) for name, codes in drawn.items()}
    metrics |= {
        f"{name}_argmax": parts.distortion(student, codes, sets[name])
        for name, codes in likeliest.items()
    }
    metrics |= (
        parts.published_bits(simple_bits(variables, values), sets["train"])
        | bits(drawn["train"], values)
        | parts.sizes(student)
    )
    metrics |= {"bits_entropy_argmax": parts.entropy(likeliest["train"], values)}
    metrics["bits_coded_argmax"] = parts.coded(likeliest["train"], values)
    if "sizes" in cell.params:
        metrics |= priors.written(
            priors.fitted(likeliest, values, cell.params, seed=cell.seed, context=context),
            likeliest,
        )
    shown = {"drawn": drawn["test"], "argmax": likeliest["test"]}
    arrays = {
        name: parts.as_bytes(student.decode(parts.shown(codes, channels)))
        for name, codes in shown.items()
    } | {"losses": parts.thinned(losses)}
    ships = cell in [_published(*code, 0) for code in SHIPPED]
    name = parts.model_name(variables, values)
    models = [Named(name, student)] if ships else []
    departures = parts.departures(passes, cell.data, _recipe(cell))
    return Outcome(metrics, departures, arrays, models, weights_name=name)


def _run_continuous(cell: Cell, context: Context) -> Outcome:
    latents, passes = (int(cell.params[name]) for name in ("h", "passes"))
    images, rng = context.load(cell.data), torch.Generator(context.device).manual_seed(cell.seed)
    student = ContinuousAutoencoder(latents, rng=rng, **_layers(cell)).to(context.device)
    sets = parts.sets(images, context)
    losses = parts.trained(student, sets["train"], passes, context, rng=rng, recipe=_recipe(cell))
    codes = {name: parts.encoded(student, x) for name, x in sets.items()}
    metrics = {
        name: parts.distortion(student, codes[name], x) for name, x in sets.items()
    } | parts.sizes(student)
    arrays = {
        "drawn": parts.as_bytes(student.decode(parts.shown(codes["test"], 1))),
        "losses": parts.thinned(losses),
    }
    departures = parts.departures(passes, cell.data) | (
        {"layers": [CONVOLUTIONS, "dense"]} if "dense" in cell.params else {}
    )
    return Outcome(metrics | parts.published_bits(32 * latents, sets["train"]), departures, arrays)


def bits(codes: Tensor, values: int) -> dict[str, float]:
    """The bits of a code: what it can say, as codes are packed, by each variable's entropy, as the
    coder writes.
    """
    count, variables = codes.shape
    told = {
        "bits_capacity": capacity_bits(variables, values),
        "bits_packed": packed_bits(codes.numel(), values) / count,
    }
    return told | {
        "bits_entropy": parts.entropy(codes, values),
        "bits_coded": parts.coded(codes, values),
    }


def _published(variables: int, values: int, seed: int) -> Cell:
    """A code of Table 6; a long one has its recipe among its parameters, and more passes."""
    recipe = parts.recipe_for(variables, values)
    if recipe == parts.USUAL:
        return _categorical(variables, values, seed)
    own = {
        "batch": recipe.batch,
        "adam_rate": recipe.rate,
        "adam_epsilon": recipe.epsilon,
        "temperature": recipe.temperature,
    }
    return _categorical(variables, values, seed, passes=parts.LONG_PASSES, own=own)


def _categorical(
    variables: int,
    values: int,
    seed: int,
    *,
    passes: int = PASSES,
    data: str = "mnist",
    own: Mapping[str, Scalar] | None = None,
) -> Cell:
    return Cell(
        {"model": "categorical", "c": variables, "l": values, "passes": passes, **(own or {})},
        seed,
        data,
    )


def _continuous(latents: int) -> Cell:
    own: dict[str, Scalar] = (
        {"filters": CONTINUOUS_FILTERS, "passes": PASSES} if latents < DENSE_FROM else DENSE
    )
    return Cell({"model": "continuous", "h": latents, **own}, 0, "mnist")


def _layers(cell: Cell) -> dict[str, Any]:
    """What a continuous rival is made of."""
    if "dense" in cell.params:
        return {"dense": [int(width) for width in str(cell.params["dense"]).split()]}
    return {"filters": int(cell.params["filters"])}


def _recipe(cell: Cell) -> parts.Recipe:
    """Its own, where the parameters say so."""
    names, usual = (
        {"rate": "adam_rate", "epsilon": "adam_epsilon", "temperature": "temperature"},
        parts.USUAL,
    )
    numbers = {
        name: float(cell.params.get(key, getattr(usual, name))) for name, key in names.items()
    }
    return parts.Recipe(int(cell.params.get("batch", usual.batch)), **numbers)


def answers() -> Sequence[Answer]:
    """Tables 6 and 7: the distortion of one stochastic pass over the training images, and the
    compression as the papers count it.

    Of Table 1 the distortion over the test images, which it prints beside that of nearest
    neighbours.
    """
    tables = [
        ("categorical", [{"c": variables, "l": values} for variables, values in CODES]),
        ("continuous", [{"h": latents} for latents in LATENTS]),
    ]
    columns = {"distortion": "train", "compression": "compression"}
    return [
        Answer(
            f"recollections_distortion_{model}",
            row,
            column,
            metric,
            {"model": model, "data": "mnist", **row},
        )
        for model, rows in tables
        for row in rows
        for column, metric in columns.items()
    ] + [
        Answer(
            "recollections_nearest_neighbour",
            {"latent": f"{c}x2", "sampling": sampling},
            "reconstruction_distortion",
            "test",
            {"model": "categorical", "data": "mnist", "c": c, "l": 2},
        )
        for c in (38, 168)
        for sampling in ("code", "buffer")
    ]


STUDY = Study(
    "compression",
    1,
    "Compression curves of categorical autoencoders",
    cells,
    run,
    answers,
    aims=[
        (f"compression_{c}", rates.reached(c), cell.params)
        for c, found in _traded().items()
        for cell in found
    ],
    makes=tuple(parts.model_name(*code) for code in SHIPPED),
)
