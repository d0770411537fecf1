"""Chapter 3: what a network learns from recollections of the data, beside what it learns from them.

A LeNet is trained on MNIST and then teaches other networks on inputs that a memory gives: the
images, a few of them, recollections (a decoder and a buffer of codes), or decoded random codes
(Riemer et al., 2018, section 5.1, Tables 1, 2 and 8). The first five sixths of the training images
are learned and remembered, the last sixth chooses between two rates, the test images are measured.

Chosen here, for the papers do not say: LeNet's widths (20, 50, 500), Adam, one example a step, no
temperature, codes drawn once, subsets drawn at random. All columns of a table learn side by side, a
student each, with first weights and examples of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from distillery.data import Images
from distillery.distillation import distill
from distillery.generators import Resample
from distillery.generators.subsets import answers
from distillery.losses import HardLabels
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.files import Named
from distillery.models.lenet import LeNet
from distillery.teachers import Frozen, Labels
from distillery.tools.compress import recipes
from distillery.training.schedules import one_cycle
from distillery_book.chapters.transfer import neighbours, students
from distillery_book.chapters.transfer.memories import COLUMNS, SIZES, TABLES, Sources
from distillery_book.results.study import (
    WEIGHTS,
    Answer,
    Cell,
    Context,
    Outcome,
    Profile,
    Scalar,
    Study,
)

TEACHER = "lenet-mnist"
TEACHER_PASSES, TEACHER_BATCH, TEACHER_RATE = 20, 100, 0.002
AUTOENCODER_PASSES = {"10x": 60, "50x": 20, "100x": 20}
PUBLISHED_PASSES = 500
SHORT, LONG = 10_000, 100_000
SEEDS, LONG_SEEDS = 5, 2
SAMPLES = 10_000  # pictures whose nearest training image is looked for
STAND_IN = "embedded:digits"
KINDS = {"lenet": "cnn", "mlp": "mlp"}  # of students, and what the published tables call them
TINY = 16  # variables of the autoencoder that the smoke run trains


def cells(profile: Profile) -> Sequence[Cell]:
    """The teacher, the distances of Table 1, then the columns of Tables 2 and 8 and those beyond,
    to 10,000 episodes and at last to 100,000.
    """
    if profile == "smoke":
        return [_students("mlp", "tables", 0, episodes=100, data=STAND_IN)]
    if profile == "laptop":
        return [_teacher(), *(_students(kind, "tables", 0, episodes=SHORT) for kind in KINDS)]
    short = [
        _students(kind, columns, seed, episodes=SHORT)
        for columns in COLUMNS
        for seed in range(SEEDS)
        for kind in KINDS
    ]
    long = [
        _students(kind, columns, seed, episodes=LONG)
        for columns in COLUMNS
        for seed in range(LONG_SEEDS)
        for kind in KINDS
    ]
    return [_teacher(), *_distances(), *short, *long]


def _teacher() -> Cell:
    return Cell({"student": "teacher", "passes": TEACHER_PASSES}, 0, "mnist")


def _students(kind: str, columns: str, seed: int, *, episodes: int, data: str = "") -> Cell:
    params: dict[str, Scalar] = {"student": kind, "columns": columns, "episodes": episodes}
    return Cell({**params, "batch": 1}, seed, data or _data(*SIZES.values()))


def _distances() -> list[Cell]:
    return [
        Cell({"student": "none", "memory": f"{way} {size}", "samples": SAMPLES}, 0, _data(c))
        for size, c in SIZES.items()
        for way in ("code", "buffer")
    ]


def _data(*variables: int) -> str:
    """What a cell needs: the images, the teacher, and autoencoders of chapter 2."""
    names = [TEACHER, *(recipes.model_name(c, 2) for c in variables)]
    return "+".join(["mnist", *(f"{WEIGHTS}{name}" for name in names)])


def run(cell: Cell, context: Context) -> Outcome:
    """The teacher's training, distances to the nearest training image, or a table's students."""
    images = context.load(cell.data.split("+")[0])
    kind = str(cell.params["student"])
    if kind == "teacher":
        return _run_teacher(cell, images, context)
    return (_run_distances if kind == "none" else _run_students)(cell, images, context)


def _run_teacher(cell: Cell, images: Images, context: Context) -> Outcome:
    rng = torch.Generator(context.device).manual_seed(cell.seed)
    network = LeNet(rng=rng, classes=images.classes).to(context.device)
    (x, y), (x_held, y_held) = _parts(images, context)
    _teach(network, x, y, int(cell.params["passes"]), context, rng)
    network.half().float()  # what is kept is what was measured
    test = _test(images, context)
    metrics = {
        "test": _right(network, *test),
        "held": _right(network, x_held, y_held),
        "train": _right(network, x, y),
    }
    models = [Named(TEACHER, network.cpu())]
    return Outcome(metrics, departs(cell), models=models, weights_name=TEACHER)


def _run_distances(cell: Cell, images: Images, context: Context) -> Outcome:
    """The mean over pictures from codes of the distance to the nearest training image (Table 1)."""
    sources, count = _sources(cell, images, context), int(cell.params["samples"])
    name = str(cell.params["memory"])
    rng = students.stream(cell.seed, f"memory {name}", context.device)
    pictures = sources.memory(name, count=count, rng=rng).pictures
    chosen = torch.randperm(len(pictures), generator=rng, device=rng.device)[:count]
    away = neighbours.nearest(pictures[chosen], sources.x, context.report)
    metrics = {"nearest": away.mean().item(), "nearest_se": away.std().item() / len(away) ** 0.5}
    shown = {"pictures": pictures[chosen[:32]].cpu(), "nearest": away[:32].float()}
    return Outcome(metrics, departs(cell), arrays=shown)


def _run_students(cell: Cell, images: Images, context: Context) -> Outcome:
    sources = _sources(cell, images, context)
    wanted = COLUMNS[str(cell.params["columns"])]
    count = int(cell.params["episodes"])
    columns = {}
    for column, (name, by) in wanted.items():
        rng = students.stream(cell.seed, f"memory {name}", context.device)
        memory = sources.memory(name, count=count, rng=rng)
        columns[column] = (memory.pictures, sources.answered(memory, by))
    _, held = _parts(images, context)
    taught = students.taught(
        str(cell.params["student"]),
        columns,
        {"test": _test(images, context), "held": held},
        context,
        episodes=count,
        seed=cell.seed,
    )
    return Outcome(taught.metrics, departs(cell), arrays=taught.right)


def departs(cell: Cell) -> dict[str, list[Any]]:
    """What the papers say and is otherwise here: less training of teacher and autoencoders, and
    the recipes by which chapter 2 trains autoencoders.
    """
    departures: dict[str, list[Any]] = {"teacher_passes": [PUBLISHED_PASSES, TEACHER_PASSES]}
    sizes = {name.partition(" ")[2] for name in _memories(cell) if " " in name}
    if sizes:
        fewest = min(AUTOENCODER_PASSES[size] for size in sizes)
        departures["autoencoder_passes"] = [PUBLISHED_PASSES, fewest]
        departures["autoencoder_rates"] = ["constant, 1e-2 to 1e-5", "one cycle"]
        departures["autoencoder_losses"] = ["with a KL term", "cross entropy, then L1"]
    if "10x" in sizes:
        departures["autoencoder_temperature"] = [1.0, "falling to 0.1"]
    return departures


def _memories(cell: Cell) -> list[str]:
    """What a cell's students are shown, by name."""
    if "columns" in cell.params:
        return [name for name, _ in COLUMNS[str(cell.params["columns"])].values()]
    return [str(cell.params.get("memory", ""))]


def _sources(cell: Cell, images: Images, context: Context) -> Sources:
    """Teacher and autoencoders as they were recorded; of stand-ins such as are trained here."""
    (x, y), _ = _parts(images, context)
    if cell.data == STAND_IN:
        return _tiny_sources(x, y, images, context)
    names = [part.removeprefix(WEIGHTS) for part in cell.data.split("+") if WEIGHTS in part]
    models: dict[str, nn.Module] = {}
    for name in names:
        models[name] = context.models(name)[name].to(context.device).eval()
    autoencoders = {
        size: models[name]
        for size, variables in SIZES.items()
        if (name := recipes.model_name(variables, 2)) in models
    }
    return Sources(x, y, models[TEACHER], autoencoders)


def _tiny_sources(x: Tensor, y: Tensor, images: Images, context: Context) -> Sources:
    """A teacher of two passes and an autoencoder of one, which serves for every size."""
    rng = torch.Generator(context.device).manual_seed(0)
    network = LeNet(rng=rng, classes=images.classes).to(context.device)
    _teach(network, x, y, 2, context, rng)
    autoencoder = CategoricalAutoencoder(TINY, 2, rng=rng).to(context.device)
    recipes.trained(autoencoder, x, 1, context, rng=rng)
    return Sources(x, y, network.eval(), dict.fromkeys(SIZES, autoencoder.eval()))


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


def _parts(images: Images, context: Context) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The images that are learned and remembered, five sixths, and those that choose."""
    assert images.y_train is not None
    x, y = images.x_train.to(context.device), images.y_train.to(context.device)
    learned = len(x) * 5 // 6
    return (x[:learned], y[:learned]), (x[learned:], y[learned:])


def _test(images: Images, context: Context) -> tuple[Tensor, Tensor]:
    assert images.y_test is not None
    return images.x_test.to(context.device), images.y_test.to(context.device)


def _right(network: nn.Module, x: Tensor, y: Tensor) -> float:
    logits = answers(Frozen(network), x)
    return float((logits.argmax(-1) == y).double().mean())


def published() -> Sequence[Answer]:
    """Tables 2 and 8, a column for each memory, a row for each number of episodes; Table 1."""
    tables = [
        Answer(
            f"recollections_{name}_student_random",
            {"episodes": mark},
            column,
            f"accuracy_{column}_{mark}",
            {**_place(kind), "episodes": SHORT if mark <= SHORT else LONG},
            scale=100,
        )
        for kind, name in KINDS.items()
        for column in TABLES
        for mark in students.MARKS
    ]
    return [*_distance_answers(), *tables]


def _place(kind: str) -> dict[str, Scalar]:
    return {"student": kind, "columns": "tables", "batch": 1}


def _distance_answers() -> list[Answer]:
    return [
        Answer(
            "recollections_nearest_neighbour",
            {"latent": f"{SIZES[size]}x2", "sampling": way},
            "nearest_neighbour_distortion",
            "nearest",
            {"student": "none", "memory": f"{way} {size}"},
        )
        for size in ("100x", "10x")
        for way in ("code", "buffer")
    ]


STUDY = Study(
    "transfer",
    1,
    "Buffer or code: what teaches a new network",
    cells,
    run,
    published,
    precision="float32",
    makes=(TEACHER,),
    departs=departs,
)
