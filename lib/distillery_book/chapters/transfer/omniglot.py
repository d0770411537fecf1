"""Chapter 3: fifty alphabets, and what a student of all of them learns from a tenth, a fiftieth and
a hundredth of the storage.

A ResNet-18 learns Omniglot, an alphabet a task, and teaches another on inputs that a memory gives:
some of the drawings, or recollections of all (Riemer et al., 2018, section 5.1, text). In what it
differs from the paper stands in `departs`, what the paper leaves open in `CHOSEN`. Every student
has a cell of its own, since networks of this size are no faster side by side.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from distillery.data import Images
from distillery.lifelong import Account, Carried, LosslessMemory, RecollectedMemory
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.files import Named
from distillery.tools.compress import recipes
from distillery.training.run import History
from distillery_book.chapters.transfer import alphabets, setting
from distillery_book.chapters.transfer.alphabets import Course, Letters
from distillery_book.chapters.transfer.memories import Memory, Sources
from distillery_book.chapters.transfer.students import stream
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

TABLE = "recollections_omniglot_distillation"
TEACHER = "resnet-omniglot"
STAND_IN = "embedded:glyphs"
SIZES = {"10x": 134, "50x": 50, "100x": 32}  # variables of two values, by how much they compress
# What a student is shown, and what that is called among memories; all is answered by the teacher.
INPUTS = {
    "real": "real",
    "sample_10pct": "tenth",
    "sample_2pct": "fiftieth",
    "sample_1pct": "hundredth",
    **{f"compress_{size}": f"buffer {size}" for size in SIZES},
}
TASKS = 50
WIDTH, USUAL_WIDTH = 16, 64  # filters at the base: of 16 a network takes 1.8 MB in half precision
TEACHER_PASSES, AUTOENCODER_PASSES = 20, 20
RECIPE = replace(recipes.USUAL, epsilon=recipes.SPARING)
SHORT, LONG, PUBLISHED_EPISODES = 100_000, 300_000, 1_000_000
MARKS = (10_000, 30_000, 100_000)  # examples after which students are looked at, beside the last
BATCH, RATE = 10, 1e-4
SEEDS = 3  # of the shorter runs; of the longer there is one
TINY = 16  # variables of the autoencoder that the smoke run trains


def cells(profile: Profile) -> Sequence[Cell]:
    """The teacher, the autoencoders, then a student for each input, to 100,000 examples and to
    300,000; more seeds of the shorter runs at last.
    """
    if profile == "smoke":
        own: dict[str, Any] = {"tasks": 2, "width": 4, "data": STAND_IN}
        return [student("compress_100x", 0, episodes=100, **own)]
    made = [teacher(), *map(autoencoder, SIZES)]
    if profile == "laptop":
        return [
            *made,
            *(student(name, 0, episodes=SHORT) for name in ("sample_1pct", *_of_codes())),
        ]
    first = [student(name, 0, episodes=count) for count in (SHORT, LONG) for name in INPUTS]
    more = [student(name, seed, episodes=SHORT) for seed in range(1, SEEDS) for name in INPUTS]
    return [*made, *first, *more]


def teacher(*, passes: int = TEACHER_PASSES, data: str = "omniglot", **more: Scalar) -> Cell:
    sizes = {"tasks": TASKS, "width": WIDTH, **more}
    return Cell({"role": "teacher", "passes": passes, **sizes}, 0, data)


def autoencoder(
    size: str, *, passes: int = AUTOENCODER_PASSES, tasks: int = TASKS, data: str = "omniglot"
) -> Cell:
    return Cell({"role": "autoencoder", "size": size, "passes": passes, "tasks": tasks}, 0, data)


def student(inputs: str, seed: int, *, episodes: int, data: str = "", **more: Scalar) -> Cell:
    sizes = {"tasks": TASKS, "width": WIDTH, "batch": BATCH, "rate": RATE, **more}
    params = {"role": "student", "inputs": inputs, "episodes": episodes, **sizes}
    return Cell(params, seed, data or _data_of(inputs))


def _data_of(inputs: str) -> str:
    """What a student needs: the drawings, the teacher, and the autoencoder of recollections."""
    size = inputs.removeprefix("compress_")
    names = [TEACHER, *([weights_name(size)] if size in SIZES else [])]
    return "+".join(["omniglot", *(f"{WEIGHTS}{name}" for name in names)])


def weights_name(size: str) -> str:
    return f"{recipes.model_name(SIZES[size], 2)}-omniglot"


def _of_codes() -> list[str]:
    return [name for name in INPUTS if name.startswith("compress_")]


def run(cell: Cell, context: Context) -> Outcome:
    """The training of a teacher, of an autoencoder, or of a student."""
    images = context.load(cell.data.split("+")[0])
    roles = {"teacher": _run_teacher, "autoencoder": _run_autoencoder, "student": _run_student}
    return roles[str(cell.params["role"])](cell, images, context)


def _run_teacher(cell: Cell, images: Images, context: Context) -> Outcome:
    letters = alphabets.letters(images, int(cell.params["tasks"]), context.device)
    rng = stream(cell.seed, "teacher", context.device)
    network = alphabets.network(letters, int(cell.params["width"]), rng=rng)
    alphabets.teach(network, letters, context, passes=int(cell.params["passes"]), rng=rng)
    network.half().float()  # what is kept is what was measured
    right = alphabets.is_right(network, letters)
    models = [Named(TEACHER, network.to(memory_format=torch.contiguous_format).cpu())]
    return Outcome(
        _measured("", right, letters), departs(cell), models=models, weights_name=TEACHER
    )


def _run_autoencoder(cell: Cell, images: Images, context: Context) -> Outcome:
    letters = alphabets.letters(images, int(cell.params["tasks"]), context.device)
    size, passes = str(cell.params["size"]), int(cell.params["passes"])
    rng = stream(cell.seed, f"autoencoder {size}", context.device)
    codec = CategoricalAutoencoder(SIZES[size], 2, rng=rng).to(context.device)
    recipes.trained(codec, letters.x, passes, context, rng=rng, recipe=RECIPE)
    drawn = stream(cell.seed, "measured", context.device)
    metrics = {
        f"distortion_{part}": _distortion(codec.eval(), pictures, drawn)
        for part, pictures in (("train", letters.x), ("test", letters.x_test))
    }
    name = weights_name(size)
    return Outcome(metrics, departs(cell), models=[Named(name, codec.cpu())], weights_name=name)


def _distortion(codec: CategoricalAutoencoder, x: Tensor, rng: torch.Generator) -> float:
    """Mean absolute error of pixels, one stochastic pass."""
    parts = [part.float() / 255 for part in x.split(alphabets.AT_ONCE)]
    away = [(codec.reconstruct(part, rng=rng) - part).abs().mean((1, 2, 3)) for part in parts]
    return float(torch.cat(away).mean())


def _run_student(cell: Cell, images: Images, context: Context) -> Outcome:
    letters = alphabets.letters(images, int(cell.params["tasks"]), context.device)
    inputs = str(cell.params["inputs"])
    sources = _sources(cell, letters, context)
    name = INPUTS[inputs]
    memory = sources.memory(name, count=0, rng=stream(cell.seed, f"memory {name}", context.device))
    account = storage(sources, inputs, len(memory.pictures), letters)
    history = _taught(cell, memory, sources.teacher, letters, context)
    looks = {mark: _right(history, mark // int(cell.params["batch"])) for mark in _marks(cell)}
    metrics = {"pictures": len(memory.pictures), **counted(account, letters)}
    for mark, right in looks.items():
        metrics |= _measured(f"_{mark}", right, letters)
    bits = [torch.from_numpy(np.packbits(right.numpy())) for right in looks.values()]
    return Outcome(metrics, departs(cell), arrays={"right": torch.stack(bits)})


def _sources(cell: Cell, letters: Letters, context: Context) -> Sources:
    """Teacher and autoencoder as they were recorded; of stand-ins such as are trained here."""
    if cell.data == STAND_IN:
        return _tiny_sources(cell, letters, context)
    models = setting.recorded_models(cell, context)
    codecs = {size: models[weights_name(size)] for size in SIZES if weights_name(size) in models}
    network = models[TEACHER].to(memory_format=torch.channels_last)
    return Sources(letters.x, letters.y, network, codecs)


def _tiny_sources(cell: Cell, letters: Letters, context: Context) -> Sources:
    """A teacher of one pass and an autoencoder of one, which serves for every size."""
    rng = stream(0, "tiny", context.device)
    network: nn.Module = alphabets.network(letters, int(cell.params["width"]), rng=rng)
    alphabets.teach(network, letters, context, passes=1, rng=rng)
    codec = CategoricalAutoencoder(TINY, 2, rng=rng).to(context.device)
    recipes.trained(codec, letters.x, 1, context, rng=rng)
    return Sources(letters.x, letters.y, network, dict.fromkeys(SIZES, codec.eval()))


def _taught(
    cell: Cell, memory: Memory, network: nn.Module, letters: Letters, context: Context
) -> History:
    params, inputs = cell.params, str(cell.params["inputs"])
    assert memory.labels is not None
    tasks = letters.alphabet_of[memory.labels]
    answers = alphabets.answered(network, memory.pictures, tasks, letters)
    start = stream(cell.seed, f"start {inputs}", context.device)
    return alphabets.taught(
        alphabets.network(letters, int(params["width"]), rng=start),
        (memory.pictures, answers, tasks),
        letters,
        context,
        course=Course(
            int(params["episodes"]), int(params["batch"]), float(params["rate"]), _marks(cell)
        ),
        rng=stream(cell.seed, f"order {inputs}", context.device),
    )


def _marks(cell: Cell) -> tuple[int, ...]:
    """Numbers of examples after which a student is looked at."""
    episodes = int(cell.params["episodes"])
    return (*(mark for mark in MARKS if mark < episodes), episodes)


def _right(history: History, step: int) -> Tensor:
    steps, taken = history.probed("right")
    return torch.tensor(taken[steps.index(step)])


def _measured(suffix: str, right: Tensor, letters: Letters) -> dict[str, float]:
    """The share of all test drawings, with its error, and the mean over alphabets of their
    shares.
    """
    share = float(right.double().mean())
    tasks = letters.alphabet_of[letters.y_test].cpu()
    shares = [float(right[tasks == task].double().mean()) for task in range(letters.tasks)]
    return {
        f"accuracy{suffix}": share,
        f"accuracy{suffix}_se": math.sqrt(share * (1 - share) / len(right)),
        f"alphabets{suffix}": sum(shares) / len(shares),
    }


def storage(sources: Sources, inputs: str, count: int, letters: Letters) -> Account:
    """What so many drawings or codes take, as published and in full: with characters and
    alphabets, and all parameters of the autoencoder at 32 bits.
    """
    carried = Carried(letters.classes, letters.tasks)
    size = inputs.removeprefix("compress_")
    if size in SIZES:
        return RecollectedMemory.account(count, sources.autoencoders[size], carried)
    channels, height, width = letters.x.shape[1:]
    return LosslessMemory.account(count, (channels, height, width), carried)


def counted(account: Account, letters: Letters) -> dict[str, float]:
    """Bits, and how many times as many all drawings take uncompressed."""
    raw = 8 * letters.x.numel()
    bits = {"total": account.total, "full": account.full.total}
    times = {f"times_{name}": raw / value for name, value in bits.items()}
    return {**{f"bits_{name}": value for name, value in bits.items()}, **times}


def departs(cell: Cell) -> dict[str, list[Any]]:
    """In what a cell differs from the paper."""
    params = cell.params
    if params["role"] == "autoencoder":
        return setting.departs_of_autoencoder(int(params["passes"]))
    passes = int(params["passes"]) if params["role"] == "teacher" else TEACHER_PASSES
    departures: dict[str, list[Any]] = {
        "teacher_passes": [setting.PUBLISHED_PASSES, passes],
        "teacher_pictures": ["the drawings", "turned, scaled and shifted at random"],
        "layers": ["ResNet-18", f"ResNet-18 of {params['width']}, not {USUAL_WIDTH}, filters"],
    }
    if params["role"] == "student":
        departures |= dict(_of_student(params))
    return departures


def _of_student(params: Mapping[str, Scalar]) -> Iterator[tuple[str, list[Any]]]:
    if params["episodes"] != PUBLISHED_EPISODES:
        yield "episodes", [PUBLISHED_EPISODES, params["episodes"]]
    if params["batch"] != 1:
        yield "batch", [1, params["batch"]]
    if params["rate"] != RATE:
        yield "optimizer", [f"a rate of {RATE:g}", f"a rate of {params['rate']:g}"]
    if params["inputs"] in _of_codes():
        yield from setting.departs_of_autoencoder(AUTOENCODER_PASSES).items()


# What the paper does not give, and what stands for it here.
CHOSEN: Mapping[str, str] = {
    "heads": "one for each alphabet: other characters are masked in training and when measured",
    "answers": "the teacher's in every column, also of the subsets and of all drawings",
    "loss": "cross entropy from the teacher's probabilities, at temperature 1",
    "optimizer": "Adam, the student's rate constant",
    "teacher": f"on labels by Adam, {alphabets.TEACHER_BATCH} drawings a step, a rate of"
    f" {alphabets.TEACHER_RATE:g} up and down in one cycle",
    "accuracy": "the share of all test drawings; the mean over alphabets is recorded beside it",
    "split": "two of a character's twenty drawings are for testing, the same for every seed",
    "subset": "drawn at random from all drawings, whatever their character",
    "codes": "drawn once for each drawing, from the autoencoder's probabilities",
    "first weights": "the student's own, by seed and column; not the teacher's",
    "in full": "characters and alphabets packed, all parameters of the autoencoder at 32 bits",
}


def published() -> Sequence[Answer]:
    """The teacher, and its students after the most examples that are run."""
    students = [
        Answer(
            TABLE,
            {"inputs": inputs},
            "accuracy",
            f"accuracy_{LONG}",
            {"role": "student", "inputs": inputs, "episodes": LONG},
            scale=100,
        )
        for inputs in INPUTS
        if inputs != "real"
    ]
    taught_by = Answer(
        TABLE, {"inputs": "teacher"}, "accuracy", "accuracy", {"role": "teacher"}, scale=100
    )
    return [taught_by, *students]


STUDY = Study(
    "omniglot",
    1,
    "Fifty alphabets from a hundredth of the storage",
    cells,
    run,
    published,
    precision="float32",
    makes=(TEACHER, *map(weights_name, SIZES)),
    departs=departs,
)
