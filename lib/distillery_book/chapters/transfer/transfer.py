"""Chapter 3: what a network learns from recollections of the data, beside what it learns from them.

A LeNet is trained on MNIST and then teaches other networks on inputs that a memory gives: the
images, a few of them, recollections (a decoder and a buffer of codes), or decoded random codes
(Riemer et al., 2018, section 5.1, Tables 1, 2 and 8). The first five sixths of the training images
are learned and remembered, the last sixth chooses between two rates, the test images are measured.

Chosen here, for the papers do not say: LeNet's widths (20, 50, 500), Adam, one example a step, no
temperature, codes drawn once, subsets drawn at random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from distillery.data import Images
from distillery.distillation import distill
from distillery.generators import Resample
from distillery.losses import HardLabels
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.lenet import LeNet
from distillery.teachers import Labels
from distillery.tools.compress import recipes
from distillery.training.schedules import one_cycle
from distillery_book.chapters.transfer import memories, neighbours, students
from distillery_book.results.study import (
    WEIGHTS,
    Answer,
    Cell,
    Context,
    Model,
    Outcome,
    Profile,
    Scalar,
    Study,
)

TEACHER = "lenet-mnist"
TEACHER_PASSES, TEACHER_BATCH, TEACHER_RATE = 20, 100, 0.002
SIZES = {"10x": 168, "50x": 62, "100x": 38}  # variables of two values, by how much they compress
AUTOENCODER_PASSES = {168: 60, 62: 20, 38: 20}
PUBLISHED_PASSES = 500
SEEDS, LONG_SEEDS = range(5), range(2)
SHORT, LONG = 10_000, 100_000
SAMPLES = 10_000  # pictures whose nearest training image is looked for
STAND_IN = "embedded:digits"
KINDS = ("lenet", "mlp")


def cells(profile: Profile) -> Sequence[Cell]:
    """The teacher, the distances of Table 1, then the columns of Tables 2 and 8; beyond them code
    sampling and the answers that the tables do not have.
    """
    if profile == "smoke":
        return _small()
    seeds = SEEDS if profile == "paper" else range(1)
    tables = [_student(kind, *row, seed) for seed in seeds for kind in KINDS for row in _columns()]
    if profile == "laptop":
        return [_teacher(), *tables]
    beyond = [_student(kind, *row, seed) for seed in seeds for kind in KINDS for row in _beyond()]
    long = [
        _student(kind, *row, seed, episodes=LONG)
        for seed in LONG_SEEDS
        for kind in KINDS
        for row in _columns()
    ]
    return [_teacher(), *_distances(), *tables, *beyond, *long]


def _columns() -> list[tuple[str, int, str]]:
    """Inputs, variables of a code (0 where there is none) and answers of Tables 2 and 8."""
    subsets = [(name, 0, "labels") for name in memories.SUBSETS]
    recollections = [("buffer", variables, "teacher") for variables in SIZES.values()]
    return [("real", 0, "labels"), *subsets, ("real", 0, "teacher"), *recollections]


def _beyond() -> list[tuple[str, int, str]]:
    """Random codes (Figure 4), labels for the teacher's answers, and the other way round."""
    imagined = [("code", variables, "teacher") for variables in SIZES.values()]
    labelled = [("buffer", variables, "labels") for variables in SIZES.values()]
    subsets = [(name, 0, "teacher") for name in memories.SUBSETS]
    return [*imagined, *labelled, *subsets]


def _small() -> list[Cell]:
    tiny: dict[str, Scalar] = {"episodes": 100, "batch": 1}
    rows = [("real", 0, "labels"), ("tenth", 0, "teacher"), ("buffer", 16, "teacher")]
    rows += [("code", 16, "teacher")]
    return [
        Cell({"student": "mlp", "inputs": inputs, "c": c, "answers": answers, **tiny}, 0, STAND_IN)
        for inputs, c, answers in rows
    ]


def _teacher() -> Cell:
    return Cell({"student": "teacher", "passes": TEACHER_PASSES}, 0, "mnist")


def _student(
    kind: str, inputs: str, variables: int, answers: str, seed: int, *, episodes: int = SHORT
) -> Cell:
    params = {"student": kind, "inputs": inputs, "c": variables, "answers": answers}
    return Cell({**params, "episodes": episodes, "batch": 1}, seed, _data(variables))


def _distances() -> list[Cell]:
    return [
        Cell({"student": "none", "inputs": inputs, "c": c, "episodes": SAMPLES}, 0, _data(c))
        for c in (SIZES["100x"], SIZES["10x"])
        for inputs in memories.CODES
    ]


def _data(variables: int) -> str:
    """What a cell needs: the images, the teacher, and an autoencoder of chapter 2."""
    trained = f"+{WEIGHTS}{recipes.model_name(variables, 2)}" if variables else ""
    return f"mnist+{WEIGHTS}{TEACHER}{trained}"


def run(cell: Cell, context: Context) -> Outcome:
    """The teacher's training, distances to the nearest training image, or one student."""
    images = context.load(cell.data.split("+")[0])
    rng = torch.Generator(context.device).manual_seed(cell.seed)
    kind = str(cell.params["student"])
    if kind == "teacher":
        return _run_teacher(cell, images, context, rng)
    x, held = recipes.divided(images.x_train.to(context.device))
    if kind == "none":
        return _run_distances(cell, x, context, rng)
    return _run_student(cell, images, (x, held), context, rng)


def _run_teacher(cell: Cell, images: Images, context: Context, rng: torch.Generator) -> Outcome:
    network = LeNet(rng=rng, classes=images.classes).to(context.device)
    x, held = recipes.divided(images.x_train.to(context.device))
    assert images.y_train is not None
    y, y_held = recipes.divided(images.y_train.to(context.device))
    _teach(network, x, y, int(cell.params["passes"]), context, rng)
    network.half().float()  # what is kept is what was measured
    metrics = {
        "test": _right(network, images.x_test, images.y_test, context),
        "held": _right(network, held, y_held, context),
        "train": _right(network, x, y, context),
    }
    weights = {name: value.half() for name, value in network.state_dict().items()}
    departures = {"teacher_passes": [PUBLISHED_PASSES, cell.params["passes"]]}
    return Outcome(metrics, departures, weights=weights, weights_name=TEACHER)


def _run_distances(cell: Cell, x: Tensor, context: Context, rng: torch.Generator) -> Outcome:
    """The mean over pictures from codes of the distance to the nearest training image (Table 1)."""
    autoencoder = _autoencoder(cell, x, context)
    memory = memories.remembered(cell.params, x, x.new_zeros(len(x)).long(), autoencoder, rng=rng)
    chosen = torch.randperm(len(memory.pictures), generator=rng, device=rng.device)
    pictures = memory.pictures[chosen[: int(cell.params["episodes"])]]
    away = neighbours.nearest(pictures, x, context.report)
    error = away.std().item() / len(away) ** 0.5
    metrics = {"nearest": away.mean().item(), "nearest_se": error}
    shown = {"pictures": pictures[:32].cpu(), "nearest": away[:32].float()}
    return Outcome(metrics, _departures(cell), arrays=shown)


def _run_student(
    cell: Cell, images: Images, parts: tuple[Tensor, Tensor], context: Context, rng: torch.Generator
) -> Outcome:
    x, held = parts
    assert images.y_train is not None
    assert images.y_test is not None
    y, y_held = recipes.divided(images.y_train.to(context.device))
    autoencoder = _autoencoder(cell, x, context) if cell.params["c"] else None
    memory = memories.remembered(cell.params, x, y, autoencoder, rng=rng)
    teacher = _loaded_teacher(cell, images, context)
    is_taught = cell.params["answers"] == "teacher"
    answers = memories.answered(memory.pictures, teacher) if is_taught else memory.labels
    assert answers is not None
    measured = {
        "test": (images.x_test.to(context.device), images.y_test.to(context.device)),
        "held": (held, y_held),
    }
    metrics = students.taught(
        str(cell.params["student"]),
        memory,
        answers,
        measured,
        context,
        episodes=int(cell.params["episodes"]),
        batch=int(cell.params["batch"]),
        rng=rng,
    )
    return Outcome(metrics, _departures(cell))


def _departures(cell: Cell) -> dict[str, list[Any]]:
    """What the papers say and is otherwise here: less training of the teacher and the autoencoder,
    and the recipe by which chapter 2 trains autoencoders.
    """
    departures: dict[str, list[Any]] = {}
    if cell.params.get("answers") == "teacher":
        departures["teacher_passes"] = [PUBLISHED_PASSES, TEACHER_PASSES]
    if variables := int(cell.params["c"]):
        passes = AUTOENCODER_PASSES.get(variables, 1)
        departures["autoencoder_passes"] = [PUBLISHED_PASSES, passes]
        departures["autoencoder_rates"] = ["constant, 1e-2 to 1e-5", "one cycle"]
        departures["autoencoder_losses"] = ["with a KL term", "cross entropy, then L1"]
    if int(cell.params["episodes"]) not in (SAMPLES, SHORT, LONG):
        departures["episodes"] = [LONG, cell.params["episodes"]]
    return departures


def _autoencoder(cell: Cell, x: Tensor, context: Context) -> CategoricalAutoencoder:
    """Chapter 2's; of stand-ins one that is trained here for a pass."""
    variables = int(cell.params["c"])
    if cell.data != STAND_IN:
        tensors = context.weights(recipes.model_name(variables, 2))
        return recipes.built(variables, 2, tensors).to(context.device).eval()
    rng = torch.Generator(context.device).manual_seed(0)
    network = CategoricalAutoencoder(variables, 2, rng=rng).to(context.device)
    recipes.trained(network, x, 1, context, rng=rng)
    return network.eval()


def _loaded_teacher(cell: Cell, images: Images, context: Context) -> nn.Module:
    """The recorded one; of stand-ins one that is trained here for two passes."""
    rng = torch.Generator(context.device).manual_seed(0)
    network = LeNet(rng=rng, classes=images.classes).to(context.device)
    if cell.data != STAND_IN:
        network.load_state_dict({k: v.float() for k, v in context.weights(TEACHER).items()})
        return network.eval()
    assert images.y_train is not None
    _teach(network, images.x_train, images.y_train, 2, context, rng)
    return network.eval()


def _teach(
    network: nn.Module, x: Tensor, y: Tensor, passes: int, context: Context, rng: torch.Generator
) -> None:
    """By Adam on labels, in one cycle of its rate."""
    steps = max(1, passes * len(x) // TEACHER_BATCH)
    distill(
        Labels(),
        network,
        Resample(x, y, rng=rng),
        HardLabels(),
        optimizer=torch.optim.Adam(network.parameters(), lr=TEACHER_RATE, fused=True),
        schedule=one_cycle(steps),
        batch_size=TEACHER_BATCH,
        steps=steps,
        checkpoint=context.scratch / "teacher.safetensors",
        progress=lambda done, total: context.report(done / (total or 1)),
    )


@torch.no_grad()
def _right(network: nn.Module, x: Tensor, y: Tensor | None, context: Context) -> float:
    assert y is not None
    logits = memories.answered(x.to(context.device), network)
    return float((logits.argmax(-1) == y.to(context.device)).double().mean())


def built(tensors: Mapping[str, Tensor]) -> LeNet:
    """The teacher, from the tensors that were recorded of it."""
    network = LeNet(rng=torch.Generator().manual_seed(0))
    network.load_state_dict({name: value.float() for name, value in tensors.items()})
    return network


def answers() -> Sequence[Answer]:
    """Tables 2 and 8, a column for each memory, a row for each number of episodes; Table 1."""
    names = ["real", "sample_10pct", "sample_2pct", "sample_1pct", "real_x_teacher_y"]
    names += [f"compress_{times}" for times in SIZES]
    return [
        *_distance_answers(),
        *(
            answer
            for kind, table in (("lenet", "cnn"), ("mlp", "mlp"))
            for column, place in zip(names, _columns(), strict=True)
            for answer in _column_answers(
                kind, f"recollections_{table}_student_random", column, place
            )
        ),
    ]


def _column_answers(
    kind: str, table: str, column: str, place: tuple[str, int, str]
) -> Sequence[Answer]:
    name = f"recollections_{table}_student_random"
    inputs, variables, given = place
    where: dict[str, Scalar] = {"student": kind, "inputs": inputs, "c": variables}
    where |= {"answers": given, "batch": 1}
    return [
        Answer(name, {"episodes": mark}, column, f"accuracy_{mark}", where, scale=100)
        for mark in students.MARKS
    ]


def _distance_answers() -> Sequence[Answer]:
    return [
        Answer(
            "recollections_nearest_neighbour",
            {"latent": f"{c}x2", "sampling": inputs},
            "nearest_neighbour_distortion",
            "nearest",
            {"student": "none", "inputs": inputs, "c": c},
        )
        for c in (SIZES["100x"], SIZES["10x"])
        for inputs in memories.CODES
    ]


STUDY = Study(
    "transfer",
    1,
    "Buffer or code: what teaches a new network",
    cells,
    run,
    answers,
    precision="float32",
    models={TEACHER: Model(TEACHER, built)},
)
