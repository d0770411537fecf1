"""How autoencoders of short codes are trained: what a step takes, which losses follow each other,
and the codes of images afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from distillery.data import as_float
from distillery.distillation import distill
from distillery.generators import Resample
from distillery.losses import AbsoluteError, Loss, PixelCrossEntropy
from distillery.models.autoencoder import CategoricalAutoencoder, ContinuousAutoencoder
from distillery.storage import simple_bits
from distillery.support.place import Place
from distillery.teachers import Inputs
from distillery.training.schedules import Schedule, one_cycle

BATCH, EVERY, STAGES = 50, 1000, 8
PASSES, LONG_PASSES = 20, 60  # the second of codes with the recipe for long ones
# the last share of the steps, which the absolute error has after cross entropy; 0.3 and 0.6 end
# alike
ABSOLUTE = 0.5
AT_ONCE = 1000
Autoencoder = CategoricalAutoencoder | ContinuousAutoencoder


@dataclass(frozen=True)
class Recipe:
    """Images a step, Adam's highest rate and its epsilon, and the temperature of what is drawn at
    the end.

    The first loss has the papers' temperature of 1; under the second it falls from there in so many
    `STAGES`, by the same factor each time. A larger epsilon spares filters that hardly matter steps
    as long as those of the others, by which they would die.
    """

    batch: int = BATCH
    rate: float = 0.003
    epsilon: float = 1e-8
    temperature: float = 1.0

    def temperatures(self) -> list[float]:
        """Those of the second loss."""
        return (
            [self.temperature ** (k / (STAGES - 1)) for k in range(STAGES)]
            if self.temperature != 1
            else [1.0]
        )


SPARING = (
    1e-5  # an epsilon: of MNIST nothing is lost by it, and of letters in 32 bits not every filter
)
USUAL, LONG = Recipe(), Recipe(25, 0.005, SPARING, 0.1)
LONG_FROM = (
    150  # whole bits: codes of more are short of steps, and many of their variables say little
)


def recipe_for(variables: int, values: int) -> Recipe:
    """What a code of so many variables and values is trained by."""
    return LONG if simple_bits(variables, values) > LONG_FROM else USUAL


def trained(
    student: Autoencoder,
    x: Tensor,
    passes: int,
    context: Place,
    *,
    rng: torch.Generator,
    described: Loss | None = None,
    recipe: Recipe = USUAL,
) -> Tensor:
    """Cross entropy, then absolute error, in one cycle of Adam's rate: the loss of every step.

    A killed run continues.

    With `described`, which may learn too, the second loss is that, and codes are no longer drawn
    but the likeliest.
    """
    student.to(memory_format=torch.channels_last)
    steps = max(1, passes * len(x) // recipe.batch)
    learns = [*student.parameters(), *(described.parameters() if described else ())]
    optimizer = torch.optim.Adam(learns, lr=recipe.rate, eps=recipe.epsilon, fused=True)
    generator, cycle, losses = Resample(x, rng=rng), one_cycle(steps, warm_up=0.2), []
    for name, loss, begin, end, temperature in _phases(recipe, described or AbsoluteError(), steps):
        if isinstance(student, CategoricalAutoencoder):
            student.noisy = described is None or name == "entropy"
            student.temperature = temperature
        history = distill(
            Inputs(),
            student,
            generator,
            loss,
            optimizer=optimizer,
            schedule=_from(cycle, begin),
            batch_size=recipe.batch,
            steps=end - begin,
            dtype=context.dtype,
            checkpoint=context.scratch / f"{name}.safetensors",
            every=EVERY,
            progress=reporting(context, begin, steps),
        )
        losses.append(history.losses)
    student.half().float()  # what ships is what was measured
    return torch.cat(losses)


def _phases(recipe: Recipe, second: Loss, steps: int) -> list[tuple[str, Loss, int, int, float]]:
    """Name, loss, first step, end and temperature of the stretches of a training that have any
    step.
    """
    first, temperatures = steps - round(ABSOLUTE * steps), recipe.temperatures()
    ends = [
        first + (steps - first) * (k + 1) // len(temperatures) for k in range(len(temperatures))
    ]
    names = [f"absolute-{k}" for k in range(len(ends))] if len(ends) > 1 else ["absolute"]
    later = zip(names, [second] * len(ends), [first, *ends], ends, temperatures, strict=False)
    return [
        phase
        for phase in (("entropy", PixelCrossEntropy(), 0, first, 1.0), *later)
        if phase[3] > phase[2]
    ]


def encoded(student: Autoencoder, x: Tensor, *drawn: torch.Generator | None) -> Tensor:
    """Codes of images in bytes."""
    rng = {"rng": drawn[0]} if drawn else {}
    return torch.cat([student.encode(as_float(some), **rng) for some in x.split(AT_ONCE)])


def model_name(variables: int, values: int) -> str:
    """The name that it ships under."""
    return f"autoencoder-{variables}x{values}"


def as_bytes(pictures: Tensor) -> Tensor:
    return (pictures * 255).round().to(torch.uint8)


def reporting(context: Place, begin: int, steps: int) -> Callable[[int, int | None], None]:
    return lambda done, _: context.report((begin + done) / steps)


def _from(schedule: Schedule, begin: int) -> Schedule:
    return lambda step: schedule(begin + step)
