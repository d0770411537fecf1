"""What the models of the study `compression` are measured by: which images, how many bits a code
takes, what a picture loses, and how a run departed from the papers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from distillery.data import Images, as_float
from distillery.storage import capacity_bits, encode_codes, packed_bits
from distillery.tools.compress.recipes import AT_ONCE, USUAL, Autoencoder, Recipe
from distillery_book.results.study import Context

# of others the papers say nothing: MNIST's are taken
PUBLISHED_PASSES = {"mnist": 500, "cifar10": 100}
# where choices were made, on images held out; elsewhere all training images are learned
DECIDING = ("mnist", "embedded:digits")
SHOWN, SHOWN_IN_COLOR = 16, 8


def divided(x: Tensor) -> tuple[Tensor, Tensor]:
    """The images that are learned, five sixths, and those that decide, one sixth."""
    learned = len(x) * 5 // 6
    return x[:learned], x[learned:]


def sets(images: Images, context: Context) -> dict[str, Tensor]:
    """The images by what is done with them: `train` is learned, `held` decides, `test` takes part
    in nothing.
    """
    train, test = images.x_train.to(context.device), images.x_test.to(context.device)
    if images.name not in DECIDING:
        return {"train": train, "test": test}
    learned, held = divided(train)
    return {"train": learned, "held": held, "test": test}


def shown(pictures: Tensor, channels: int) -> Tensor:
    """The first of so many pictures, or of their codes: those that a record keeps."""
    return pictures[: SHOWN if channels == 1 else SHOWN_IN_COLOR]


def thinned(losses: Tensor, points: int = 100) -> Tensor:
    """The means of so many equal stretches of the losses."""
    return torch.stack([part.mean() for part in losses.tensor_split(min(points, len(losses)))])


@torch.no_grad()
def distortion(student: Autoencoder, codes: Tensor, x: Tensor) -> float:
    """The mean over pixels and images of |x - what is decoded|, in float32."""
    lost = 0.0
    for code, pictures in zip(codes.split(AT_ONCE), x.split(AT_ONCE), strict=True):
        lost += float((student.decode(code) - as_float(pictures)).abs().double().sum())
    return lost / x.numel()


def distortions(
    student: Autoencoder, codes: Mapping[str, Tensor], images: Mapping[str, Tensor]
) -> dict[str, float]:
    """The mean absolute error of every set of images, by the set's name."""
    return {name: distortion(student, codes[name], images[name]) for name in codes}


def entropy(codes: Tensor, values: int) -> float:
    """The sum over a code's variables of the entropy of what each takes in the codes, in bits: what
    a coder that knows each alone needs.
    """
    shares = torch.stack([codes.long().eq(value).double().mean(0) for value in range(values)])
    return float(-torch.special.xlogy(shares, shares).sum() / math.log(2))


def coded(codes: Tensor, values: int) -> float:
    """Bits a code as the entropy coder writes them, each variable by its values' frequencies."""
    return 8 * len(encode_codes(codes.cpu().numpy(), values)) / len(codes)


def bits(codes: Tensor, values: int) -> dict[str, float]:
    """The bits of a code: what it can say, as codes are packed, by each variable's entropy, as the
    coder writes.
    """
    count, variables = codes.shape
    return {
        "bits_capacity": capacity_bits(variables, values),
        "bits_packed": packed_bits(codes.numel(), values) / count,
        "bits_entropy": entropy(codes, values),
        "bits_coded": coded(codes, values),
    }


def published_bits(each: float, x: Tensor) -> dict[str, float]:
    """Bits an image, and the ratio to its bytes, as the papers count."""
    return {"bits": each, "compression": 8 * x[0].numel() / each}


def sizes(student: Autoencoder) -> dict[str, float]:
    """The parameters of a whole autoencoder, and of its decoder."""
    return {
        f"parameters{name}": sum(p.numel() for p in part.parameters())
        for name, part in (("", student), ("_decoder", student.decoder))
    }


def departures(passes: int, data: str, recipe: Recipe = USUAL) -> dict[str, list[Any]]:
    """How a training departed from the published one: its passes, the rates of its optimizer, what
    it minimised, and its temperature.
    """
    published = {
        "passes": PUBLISHED_PASSES.get(data.split("+")[0], PUBLISHED_PASSES["mnist"]),
        "optimizer": "constant rate",
        "losses": "with KL",
        "temperature": USUAL.temperature,
    }
    here = {
        "passes": passes,
        "optimizer": "one cycle",
        "losses": "then L1",
        "temperature": recipe.temperature,
    }
    return {name: [value, here[name]] for name, value in published.items() if here[name] != value}
