"""Chapter 2: how few bits a picture is remembered in: categorical codes, continuous latents, JPEG (Riemer et al., 2018, Tables 6 and 7).

The training images are the first five sixths of the set (50,000 of MNIST, as many as the papers store); what is decided, rates and the
order of losses, is decided on the last sixth, `held`, in runs of a few passes of 38 x 2; no test image takes part in a choice. The metrics
`train`, `held` and `test` are mean absolute errors of pixels in [0, 1], by one stochastic pass where a code is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from distillery.data import Images, as_float
from distillery.distillation import distill
from distillery.generators import Resample
from distillery.losses import AbsoluteError, Loss, PixelCrossEntropy
from distillery.models.autoencoder import CategoricalAutoencoder, ContinuousAutoencoder
from distillery.schedules import Schedule, one_cycle
from distillery.storage import JPEG, capacity_bits, encode_codes, packed_bits, simple_bits
from distillery.studies.study import Answer, Cell, Context, Model, Outcome, Profile, Study
from distillery.teachers import Inputs

CODES: tuple[tuple[int, int], ...] = (  # Table 6, from few filters to many
    *((6, 2), (20, 2), (8, 6), (30, 2), (12, 6), (24, 3), (38, 2), (6, 16), (8, 15), (40, 3), (6, 20), (12, 10), (62, 2), (10, 14)),
    *((24, 6), (4, 37), (10, 20), (108, 3), (168, 2), (68, 5), (208, 2), (12, 37), (48, 10), (50, 18), (392, 3), (313, 4), (209, 8)),
)
LATENTS = (1, 2, 3, 5, 7, 20)  # Table 7
QUALITIES = (1, 25, 50, 75, 100)
SHIPPED = ((38, 2), (62, 2), (168, 2))
PASSES, PUBLISHED_PASSES, JPEG_IMAGES = 20, 500, 10_000
WIDEST = 120  # filters at the profile `laptop`
CONTINUOUS_FILTERS = 64  # the papers do not give the continuous rival's layers: one width for every number of latents
BATCH, RATE, EVERY = 50, 0.003, 1000
ABSOLUTE = 0.5  # the last share of the steps, which the absolute error has after cross entropy; 0.3 and 0.6 end alike
SHOWN, AT_ONCE, PIXELS = 16, 1000, 28 * 28
Autoencoder = CategoricalAutoencoder | ContinuousAutoencoder


def cells(profile: Profile) -> Sequence[Cell]:
    """Codes by their number of filters, the continuous rival, JPEG; at `paper` all codes, and those that ship from three seeds."""
    if profile == "smoke":
        return [
            _categorical(16, 4, 0, passes=6, data="embedded:digits"),
            Cell({"model": "continuous", "h": 2, "filters": 8, "passes": 4}, 0, "embedded:digits"),
            Cell({"model": "jpeg", "quality": 25, "images": 500}, 0, "embedded:digits"),
        ]
    narrow = [code for code in CODES if code[0] * code[1] // 4 <= WIDEST]
    return [
        *(Cell({"model": "jpeg", "quality": quality, "images": JPEG_IMAGES}, 0, "mnist") for quality in QUALITIES),
        *(_categorical(*code, 0) for code in narrow),
        *(Cell({"model": "continuous", "h": h, "filters": CONTINUOUS_FILTERS, "passes": PASSES}, 0, "mnist") for h in LATENTS),
        *(_categorical(*code, seed) for seed in (1, 2) for code in SHIPPED if profile == "paper"),
        *(_categorical(*code, 0) for code in CODES if profile == "paper" and code not in narrow),
    ]


def run(cell: Cell, context: Context) -> Outcome:
    """One point of the figure: bits an image, and what the picture loses."""
    return {"categorical": _run_categorical, "continuous": _run_continuous, "jpeg": _run_jpeg}[str(cell.params["model"])](cell, context)


def divided(x: Tensor) -> tuple[Tensor, Tensor]:
    """The images that are learned, five sixths, and those that decide, one sixth."""
    learned = len(x) * 5 // 6
    return x[:learned], x[learned:]


def trained(student: Autoencoder, x: Tensor, passes: int, context: Context, *, rng: torch.Generator) -> Tensor:
    """Cross entropy, then absolute error, in one cycle of Adam's rate: the loss of every step. A killed run continues."""
    student.to(memory_format=torch.channels_last)
    steps = max(1, passes * len(x) // BATCH)
    first = steps - round(ABSOLUTE * steps)
    generator, optimizer, cycle = Resample(x, rng=rng), torch.optim.Adam(student.parameters(), lr=RATE), one_cycle(steps, warm_up=0.2)
    phases: list[tuple[str, Loss, int, int]] = [("entropy", PixelCrossEntropy(), 0, first), ("absolute", AbsoluteError(), first, steps)]
    losses = [
        distill(
            Inputs(),
            student,
            generator,
            loss,
            optimizer=optimizer,
            schedule=_from(cycle, begin),
            batch_size=BATCH,
            steps=end - begin,
            dtype=context.dtype,
            checkpoint=context.scratch / f"{name}.safetensors",
            every=EVERY,
            progress=_reporting(context, begin, steps),
        ).losses
        for name, loss, begin, end in phases
        if end > begin
    ]
    student.half().float()  # what ships is what was measured
    return torch.cat(losses)


def _run_categorical(cell: Cell, context: Context) -> Outcome:
    variables, values, passes = (int(cell.params[name]) for name in ("c", "l", "passes"))
    images, rng = context.load(cell.data), torch.Generator(context.device).manual_seed(cell.seed)
    student = CategoricalAutoencoder(variables, values, rng=rng).to(context.device)
    sets = _sets(images, context)
    losses = trained(student, sets["train"], passes, context, rng=rng)
    drawn = {name: _codes(student, x, rng) for name, x in sets.items()}
    likeliest = {name: _codes(student, x, None) for name, x in sets.items()}
    metrics = {name: distortion(student, codes, sets[name]) for name, codes in drawn.items()}
    metrics |= {f"{name}_argmax": distortion(student, codes, sets[name]) for name, codes in likeliest.items()}
    metrics |= bits(drawn["train"], values) | _sizes(student) | {"bits_entropy_argmax": entropy(likeliest["train"], values)}
    metrics["bits_coded_argmax"] = _coded(likeliest["train"], values)
    shown = {"drawn": drawn["test"], "argmax": likeliest["test"]}
    arrays = {name: _as_bytes(student.decode(codes[:SHOWN])) for name, codes in shown.items()} | {"losses": _thinned(losses)}
    ships = (variables, values) in SHIPPED and cell.seed == 0 and cell.data == "mnist" and passes == PASSES
    weights = {name: value.half() for name, value in student.named_parameters()} if ships else {}
    return Outcome(metrics, _departures(passes), arrays, weights, weights_name=model_name(variables, values))


def _run_continuous(cell: Cell, context: Context) -> Outcome:
    latents, filters, passes = (int(cell.params[name]) for name in ("h", "filters", "passes"))
    images, rng = context.load(cell.data), torch.Generator(context.device).manual_seed(cell.seed)
    student = ContinuousAutoencoder(latents, rng=rng, filters=filters).to(context.device)
    sets = _sets(images, context)
    losses = trained(student, sets["train"], passes, context, rng=rng)
    codes = {name: _codes(student, x) for name, x in sets.items()}
    metrics = {name: distortion(student, codes[name], x) for name, x in sets.items()} | _sizes(student) | _published(32 * latents)
    arrays = {"drawn": _as_bytes(student.decode(codes["test"][:SHOWN])), "losses": _thinned(losses)}
    return Outcome(metrics, _departures(passes), arrays)


def _run_jpeg(cell: Cell, context: Context) -> Outcome:
    images, codec, many = context.load(cell.data), JPEG(int(cell.params["quality"])), int(cell.params["images"])
    train, test = codec.measure(images.x_train[:many]), codec.measure(images.x_test)
    shown = images.x_test[:SHOWN]
    metrics = {"train": train.distortion, "test": test.distortion, "bits_test": test.bits_per_image, "shared_bytes": train.shared_bytes}
    return Outcome(metrics | _published(train.bits_per_image), arrays={"drawn": codec.decode(codec.encode(shown), shown.shape[1:])})


def bits(codes: Tensor, values: int) -> dict[str, float]:
    """The bits of a code: as the papers count, what it can say, as codes are packed, by each variable's entropy, as the coder writes."""
    count, variables = codes.shape
    told = {"bits_capacity": capacity_bits(variables, values), "bits_packed": packed_bits(codes.numel(), values) / count}
    found = {"bits_entropy": entropy(codes, values), "bits_coded": _coded(codes, values)}
    return _published(simple_bits(variables, values)) | told | found


def entropy(codes: Tensor, values: int) -> float:
    """The sum over a code's variables of the entropy of what each takes in the codes, in bits: what a coder that knows each alone needs."""
    shares = torch.stack([codes.long().eq(value).double().mean(0) for value in range(values)])
    return float(-torch.special.xlogy(shares, shares).sum() / math.log(2))


@torch.no_grad()
def distortion(student: Autoencoder, codes: Tensor, x: Tensor) -> float:
    """The mean over pixels and images of |x - what is decoded|, in float32."""
    parts = zip(codes.split(AT_ONCE), x.split(AT_ONCE), strict=True)
    return sum(float((student.decode(code) - as_float(some)).abs().double().sum()) for code, some in parts) / x.numel()


def built(variables: int, values: int, tensors: Mapping[str, Tensor]) -> CategoricalAutoencoder:
    """An autoencoder that ships, from the tensors that `run` records."""
    student = CategoricalAutoencoder(variables, values, rng=torch.Generator().manual_seed(0))
    student.load_state_dict({**student.state_dict(), **{name: value.float() for name, value in tensors.items()}})
    return student


def model_name(variables: int, values: int) -> str:
    return f"autoencoder-{variables}x{values}"


def _categorical(variables: int, values: int, seed: int, *, passes: int = PASSES, data: str = "mnist") -> Cell:
    return Cell({"model": "categorical", "c": variables, "l": values, "passes": passes}, seed, data)


def _sets(images: Images, context: Context) -> dict[str, Tensor]:
    learned, held = divided(images.x_train.to(context.device))
    return {"train": learned, "held": held, "test": images.x_test.to(context.device)}


def _codes(student: Autoencoder, x: Tensor, *drawn: torch.Generator | None) -> Tensor:
    rng = {"rng": drawn[0]} if drawn else {}
    return torch.cat([student.encode(as_float(some), **rng) for some in x.split(AT_ONCE)])


def _coded(codes: Tensor, values: int) -> float:
    return 8 * len(encode_codes(codes.cpu().numpy(), values)) / len(codes)


def _published(each: float) -> dict[str, float]:
    """Bits an image and the ratio to its 784 bytes, as the papers count."""
    return {"bits": each, "compression": 8 * PIXELS / each}


def _sizes(student: Autoencoder) -> dict[str, float]:
    return {f"parameters{name}": sum(p.numel() for p in part.parameters()) for name, part in (("", student), ("_decoder", student.decoder))}


def _departures(passes: int) -> dict[str, list[Any]]:
    return {"passes": [PUBLISHED_PASSES, passes]} if passes != PUBLISHED_PASSES else {}


def _as_bytes(pictures: Tensor) -> Tensor:
    return (pictures * 255).round().to(torch.uint8)


def _thinned(losses: Tensor, points: int = 100) -> Tensor:
    """The means of so many equal stretches of the losses."""
    return torch.stack([part.mean() for part in losses.tensor_split(min(points, len(losses)))])


def _from(schedule: Schedule, begin: int) -> Schedule:
    return lambda step: schedule(begin + step)


def _reporting(context: Context, begin: int, steps: int) -> Callable[[int, int | None], None]:
    return lambda done, _: context.report((begin + done) / steps)


def answers() -> Sequence[Answer]:
    """Tables 6 and 7: the distortion of one stochastic pass over the training images, and the compression as the papers count it."""
    tables = [
        ("categorical", [{"c": variables, "l": values} for variables, values in CODES]),
        ("continuous", [{"h": latents} for latents in LATENTS]),
    ]
    columns = {"distortion": "train", "compression": "compression"}
    return [
        Answer(f"recollections_distortion_{model}", row, column, metric, {"model": model, **row})
        for model, rows in tables
        for row in rows
        for column, metric in columns.items()
    ]


STUDY = Study(
    "compression",
    1,
    "Compression curves of categorical autoencoders",
    cells,
    run,
    answers,
    models={model_name(*code): Model(model_name(*code), partial(built, *code)) for code in SHIPPED},
)
