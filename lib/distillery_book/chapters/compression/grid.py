"""The cells of the study `compression`: which codes, on which images, by which recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from distillery.tools.compress.recipes import LONG_PASSES, PASSES, SPARING, USUAL, recipe_for
from distillery_book.chapters.compression import codecs, rate, variational
from distillery_book.results.study import Cell, Profile, Scalar

CODES: tuple[tuple[int, int], ...] = (  # Table 6, from few filters to many
    *((6, 2), (20, 2), (8, 6), (30, 2), (12, 6), (24, 3), (38, 2), (6, 16), (8, 15), (40, 3)),
    *((6, 20), (12, 10), (62, 2), (10, 14), (24, 6), (4, 37), (10, 20), (108, 3), (168, 2)),
    *((68, 5), (208, 2), (12, 37), (48, 10), (50, 18), (392, 3), (313, 4), (209, 8)),
)
LATENTS = (1, 2, 3, 5, 7, 20)  # Table 7
SHIPPED = ((38, 2), (62, 2), (168, 2))
# Of these too it is measured what the papers' own recipe makes of them.
BY_THE_PAPERS = ((6, 2), (20, 2), (8, 6), (12, 10), (24, 6), (10, 20))
WIDEST = 120  # filters at the profile `laptop`

# Data sets, codes and passes: Omniglot's are those of its distillation and of lifelong learning;
# CIFAR's those of buffers of 10 and 50 images, and of 200 with the network counted. 620 x 3 is left
# out: 22 million parameters, half an hour for every pass.
OTHERS = {
    "omniglot": ((32, 2, 40), (50, 2, 40), (62, 2, 40), (134, 2, 25), (312, 2, 8)),
    "cifar10": ((48, 2, 20), (76, 2, 12), (244, 2, 5)),
}
# Adam's epsilon, where by the usual one all filters die, and every picture is black.
STUBBORN = {("omniglot", 32): SPARING}

# The papers give the continuous rival three convolutions each way, no widths: of one width for few
# latents; for more, of which those fall short of the published distortion, dense layers, that many
# images a step, and Adam's rate.
CONTINUOUS_FILTERS, DENSE_FROM = 64, 5
DENSE: dict[str, Scalar] = {
    "dense": "2048 1024 512",
    "passes": 45,
    "batch": 200,
    "adam_rate": 0.0015,
}

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
    laptop = [
        *codecs.jpegs("mnist", codecs.JPEG_QUALITIES),
        *(published(*code) for code in narrow),
        *(_continuous(latents) for latents in LATENTS),
        *codecs.rivals("mnist"),
    ]
    if profile == "laptop":
        return laptop
    wide = [published(*code) for code in CODES if code not in narrow]
    return [*laptop, *_beyond(), *_others(), *_seeds(), *_by_the_papers(), *wide]


def published(variables: int, values: int, seed: int = 0) -> Cell:
    """A code of Table 6; a long one has its recipe among its parameters, and more passes."""
    recipe = recipe_for(variables, values)
    if recipe == USUAL:
        return _categorical(variables, values, seed)
    own: dict[str, Scalar] = {
        "batch": recipe.batch,
        "adam_rate": recipe.rate,
        "adam_epsilon": recipe.epsilon,
        "temperature": recipe.temperature,
    }
    return _categorical(variables, values, seed, passes=LONG_PASSES, own=own)


def traded() -> dict[int, list[Cell]]:
    """Our own codes, by the published number of variables whose distortion they shall reach."""
    return {
        variables: [rate.traded(variables, price, passes=passes, tried=tried) for price in prices]
        for variables, (passes, tried, prices) in TRADED.items()
    }


def _small() -> list[Cell]:
    digits = "embedded:digits"
    dense: dict[str, Scalar] = {"dense": "64 32", "passes": 6, "batch": 20, "adam_rate": 0.003}
    few: dict[str, Scalar] = {"tried": 2, "finish": 1, "sizes": "2 4", "prior_passes": 2}
    return [
        _categorical(16, 4, 0, passes=6, data=digits),
        Cell({"model": "continuous", "h": 2, "filters": 8, "passes": 4}, 0, digits),
        Cell({"model": "continuous", "h": 5, **dense}, 0, digits),
        variational.code(16, 2, passes=2, data=digits),
        variational.rival(2, passes=1, data=digits),
        Cell({"model": "jpeg", "quality": 25, "images": 500}, 0, digits),
        rate.traded(16, 0.001, passes=6, data=digits, **few),
    ]


def _seeds() -> list[Cell]:
    return [published(*code, seed) for seed in (1, 2) for code in SHIPPED]


def _by_the_papers() -> list[Cell]:
    """The papers' own recipe: the shipped codes from three seeds, six more, continuous rivals."""
    seeds = [variational.code(*code, seed) for seed in range(3) for code in SHIPPED]
    further = [variational.code(*code) for code in BY_THE_PAPERS]
    rivals = [variational.rival(filters) for filters in LATENTS]
    return [*rivals, *further, *sorted(seeds, key=lambda cell: int(cell.params["c"]))]


def _beyond() -> list[Cell]:
    recorded = [rate.of_recorded(*code, codes) for code in SHIPPED for codes in ("argmax", "drawn")]
    return [*recorded, *(cell for ladder in traded().values() for cell in ladder)]


def _others() -> list[Cell]:
    """Omniglot and CIFAR-10: codes, the likeliest also under a learned prior, and codecs."""
    codes = [
        _categorical(
            variables,
            values,
            0,
            passes=passes,
            data=data,
            own={**rate.FITTED, **_spared(data, variables)},
        )
        for data, listed in OTHERS.items()
        for variables, values, passes in listed
    ]
    jpegs = [
        *codecs.jpegs("omniglot", codecs.JPEG_QUALITIES),
        *codecs.jpegs("cifar10", codecs.COLOR_QUALITIES, chroma=codecs.CHROMA),
    ]
    return [*codes, *jpegs, *codecs.rivals("omniglot"), *codecs.rivals("cifar10")]


def _spared(data: str, variables: int) -> dict[str, Scalar]:
    if (data, variables) not in STUBBORN:
        return {}
    return {"adam_epsilon": STUBBORN[data, variables]}


def _categorical(
    variables: int,
    values: int,
    seed: int,
    *,
    passes: int = PASSES,
    data: str = "mnist",
    own: Mapping[str, Scalar] | None = None,
) -> Cell:
    code: dict[str, Scalar] = {
        "model": "categorical",
        "c": variables,
        "l": values,
        "passes": passes,
    }
    return Cell({"model": "categorical", **code, **(own or {})}, seed, data)


def _continuous(latents: int) -> Cell:
    own: dict[str, Scalar] = {"filters": CONTINUOUS_FILTERS, "passes": PASSES}
    if latents >= DENSE_FROM:
        own = DENSE
    return Cell({"model": "continuous", "h": latents, **own}, 0, "mnist")
