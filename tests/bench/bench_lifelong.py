"""A step of a lifelong learner: by what it remembers, GEM's, and Avalanche's replay.

    OMP_NUM_THREADS=1 python tests/bench/bench_lifelong.py [--repeats 5] [--steps 10]

1. Ten new pictures and ten remembered ones, CIFAR's size, GEM's reduced ResNet-18: photographs, JPEG
   copies, recollections of 48 and 76 bits with the autoencoder that learns beside; and the same
   replay by Avalanche. Avalanche may do without its logging, its evaluation and its worker
   processes, as ours does without them.
2. GEM and A-GEM with nineteen earlier tasks, ten pictures of each, beside a step of replay; at most 12
   times is wanted of GEM.

One thread, one process, runs in turns; times are the process' own. A peer that is not installed is
reported as missing: it has its own environment, for it asks for packages that the book does not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import torch
from paired import compare, note
from torch import Tensor
from torch.utils.data import TensorDataset

from distillery import Batch, distill
from distillery.data.tasks import Task
from distillery.generators import Generator
from distillery.lifelong import Learner
from distillery.lifelong.replay import Replay
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.output_mask import OutputMask
from distillery_book.chapters.forgetting import grid
from distillery_book.chapters.forgetting.learners import METHODS, WITH_CODEC, reasoner
from distillery_book.chapters.forgetting.memories import Kit

TASKS, CLASSES, A_TASK = 20, 5, 20  # pictures of each task that are there to be remembered
NEW, LAST = 10, TASKS - 1
clock = time.process_time


class Pictures(Generator):
    """Pictures of one task, over and over."""

    remembers = ()

    def __init__(self, task: int, seed: int) -> None:
        self.x, self.y, self.task = *pictures(task, 100, seed), task

    def draw(self, n: int) -> Batch:
        return Batch(self.x[:n], self.y[:n], task=torch.full((n,), self.task))


def pictures(task: int, count: int, seed: int) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 8, 8, generator=rng)
    x = torch.nn.functional.interpolate(coarse, scale_factor=4, mode="bilinear")
    return x, CLASSES * task + torch.arange(count) % CLASSES


class Labelled(TensorDataset):
    """Pictures with the list of labels that Avalanche looks for."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        super().__init__(x, y)
        self.targets = y.tolist()

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.tensors[0][index], self.targets[index]


def learner(method: str, **more: object) -> Learner:
    """The study's own, that has seen all tasks but the last."""
    cell = grid.cell(method, **more)
    blank = torch.zeros(1, 3, 32, 32, dtype=torch.uint8), torch.zeros(1, dtype=torch.long)
    labels = [tuple(range(CLASSES * task, CLASSES * (task + 1))) for task in range(TASKS)]
    tasks = [Task(str(task), *blank, *blank, own) for task, own in enumerate(labels)]
    kit = Kit(cell, tasks, OutputMask(labels, CLASSES * TASKS))
    made = (
        METHODS[method](kit) if method in METHODS else WITH_CODEC[method](kit, codec(cell.params))
    )
    for task in range(LAST):
        x, y = pictures(task, A_TASK, seed=task)
        made.memory.write(Batch(x, y, task=torch.full((A_TASK,), task)))
    made.begins(LAST)
    return made


def codec(params: dict) -> CategoricalAutoencoder:
    rng = torch.Generator().manual_seed(0)
    sizes = int(params["variables"]), int(params["values"])
    made = CategoricalAutoencoder(*sizes, rng=rng, channels=3, size=32)
    return made.to(memory_format=torch.channels_last)


def steps(of: Learner, count: int) -> object:
    source = Replay(Pictures(LAST, LAST), of.memory, remembered=of.beside)
    rule = {"optimizer": of.optimizer, "batch_size": of.new + of.beside, "steps": count}
    return distill(of.teacher, of.student, source, of.loss, **rule)


def avalanche(count: int) -> Callable[[], object] | None:
    """Its replay of 200 pictures on the same network, rule and batches."""
    try:
        from avalanche.benchmarks.scenarios.dataset_scenario import benchmark_from_datasets
        from avalanche.benchmarks.utils.utils import as_classification_dataset
        from avalanche.training.plugins import EvaluationPlugin
        from avalanche.training.supervised import Replay as Peer
    except ImportError as missing:
        print(f"avalanche missing ({missing.name} is not installed: pip install avalanche-lib)")
        return None
    parts = [
        as_classification_dataset(Labelled(*pictures(task, size, seed=task)))
        for task, size in ((0, 200), (LAST, NEW * count))
    ]
    stream = benchmark_from_datasets(train=parts)
    cell = grid.cell("replay", images=200)
    blank = torch.zeros(1, 3, 32, 32, dtype=torch.uint8), torch.zeros(1, dtype=torch.long)
    whole = tuple(range(CLASSES * TASKS))
    network = reasoner(Kit(cell, [Task("", *blank, *blank, whole)], OutputMask.single(100, 1)))
    peer = Peer(
        model=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=0.1),
        criterion=torch.nn.CrossEntropyLoss(),
        mem_size=200,
        train_mb_size=NEW,
        train_epochs=1,
        evaluator=EvaluationPlugin(),
    )
    first, last = stream.train_stream
    peer.train(first, num_workers=0)
    return lambda: peer.train(last, num_workers=0)


def memories(repeats: int, count: int) -> None:
    kinds = {
        "photographs": learner("replay", images=200),
        "JPEG copies": learner("jpeg 25", images=200, counts="full"),
        "recollections of 48 bits": learner("recollections", **grid.recollections(10)),
        "recollections of 76 bits": learner("recollections", **grid.total()),
    }
    runs: dict[str, Callable[[], object]] = {
        name: partial(steps, each, count) for name, each in kinds.items()
    }
    if peer := avalanche(count):
        runs["Avalanche's replay"] = peer
    compare(f"{count} steps of ten new and ten remembered pictures", runs, repeats, clock=clock)


def projected(repeats: int, count: int) -> None:
    budget = {"images": 200, "counts": "full"}
    names = {"replay": "replay", "GEM": "gem", "A-GEM": "agem"}
    runs = {
        name: partial(steps, learner(method, **budget), count) for name, method in names.items()
    }
    title = f"{count} steps with {LAST} earlier tasks (target: GEM at most 12 times)"
    replayed, ours, _ = compare(title, runs, repeats, clock=clock).values()
    note("gem", ours, replayed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    memories(asked.repeats, asked.steps)
    projected(asked.repeats, max(1, asked.steps // 5))


if __name__ == "__main__":
    main()
