"""Slopes of ReLU networks as products of masked matrices, beside a double backward pass for each
output; and the ensemble's update.

    OMP_NUM_THREADS=1 python tests/bench/bench_derivatives.py [--repeats 15] [--members 30]

One thread, one process; paired runs take turns, ratios are medians over pairs of the process' own
time, which other work disturbs less than the clock on the wall. Batch 20, ten outputs, student
784-50-30-10, the teacher's networks 784-500-300-10. The double backward pass may take the teacher's
slopes ready made where ours does, and keeps a graph only of what the student's step goes back
through; torch's Adadelta may choose its own implementation.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from paired import compare, note
from torch import nn

from distillery import Batch
from distillery.generators.asked import ask, in_type
from distillery.losses import DerivativeSquareError
from distillery.losses.derivatives import slopes
from distillery.models.mlp import MLP
from distillery.teachers import RecordedSlopes
from distillery.teachers.ensemble import ensemble
from distillery.training.adadelta import Adadelta

BATCH = 20


def by_double_backward(student: nn.Module, batch: Batch) -> torch.Tensor:
    x = batch.x.clone().requires_grad_()
    found = slopes(student(x).log_softmax(-1), x, keep=True, of="student")
    return 0.5 * (found - batch.y[..., 1:]).square().sum(-1).mean()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--members", type=int, default=30)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = torch.Generator().manual_seed(0)
    teacher = ensemble([MLP([784, 500, 300, 10], rng=rng) for _ in range(options.members)])
    student, loss = MLP([784, 50, 30, 10], rng=rng), DerivativeSquareError()
    batch = Batch(torch.rand(BATCH, 784, generator=rng), torch.randn(BATCH, 10, 785, generator=rng))

    def step(value: Callable[[], torch.Tensor]) -> Callable[[], None]:
        def run() -> None:
            student.zero_grad()
            value().backward()

        return run

    known = compare(
        "the student's step, the teacher's slopes being known",
        {
            "masked matrices": step(lambda: loss(RecordedSlopes(), student, batch)),
            "double backward, each output": step(lambda: by_double_backward(student, batch)),
        },
        options.repeats,
        clock=time.process_time,
    )
    note("derivatives", *known.values())
    rough, twice = in_type(teacher, torch.bfloat16), DerivativeSquareError(closed_form=False)

    def asked(dtype: torch.dtype | None) -> torch.Tensor:
        many = Batch(batch.x.repeat(5, 1))
        answer = ask(teacher if dtype is None else rough, many, slopes=True, dtype=dtype)
        parts = [
            loss(RecordedSlopes(), student, Batch(batch.x, part)) for part in answer.split(BATCH)
        ]
        return torch.stack(parts).mean()

    compare(
        f"five steps, teacher of {options.members} included",
        {
            "100 at once, bfloat16": step(lambda: asked(torch.bfloat16)),
            "100 at once, float32": step(lambda: asked(None)),
            "double backward, each output": step(
                lambda: torch.stack(
                    [twice(teacher, student, Batch(batch.x)) for _ in range(5)]
                ).mean()
            ),
        },
        max(3, options.repeats // 5),
        clock=time.process_time,
    )
    member, x, y = (
        MLP([784, 500, 300, 10], rng=rng),
        batch.x,
        torch.randint(10, (BATCH,), generator=rng),
    )
    ours, theirs = (
        Adadelta(member.parameters()),
        torch.optim.Adadelta(member.parameters(), lr=1.0, rho=0.95, eps=1e-6),
    )

    def learn(optimizer: torch.optim.Optimizer) -> Callable[[], None]:
        def run() -> None:
            optimizer.zero_grad()
            nn.functional.cross_entropy(member(x), y).backward()
            optimizer.step()

        return run

    updated = compare(
        "a member's step",
        {"one pass": learn(ours), "torch.optim.Adadelta": learn(theirs)},
        4 * options.repeats,
        clock=time.process_time,
    )
    note("member", *updated.values())


if __name__ == "__main__":
    main()
