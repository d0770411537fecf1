"""Distillation: a generator produces inputs, a loss compares teacher and student there, its
gradient trains the student.

In one line (thesis, Figure 2.1 and equation 2.3):

    minimise over the student:   E over x ~ generator   loss(teacher, student, x)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from distillery.models.bank import clip_gradients
from distillery.models.once import once
from distillery.protocols import Exhausted, Generator
from distillery.training.run import History, Probe, Run
from distillery.training.underway import explained, precision


def distill(
    teacher: nn.Module,
    student: nn.Module,
    generator: Generator,
    loss: nn.Module,
    *,
    optimizer: Any,
    batch_size: int,
    steps: int | None = None,
    schedule: Callable[[int], float] | None = None,
    clip: float | None = None,
    dtype: torch.dtype | None = None,
    probes: Mapping[str, Probe] | None = None,
    probe_at: int | Collection[int] = 1000,
    checkpoint: str | Path | None = None,
    every: int = 1000,
    progress: Callable[[int, int | None], None] | None = None,
) -> History:
    """Train the student to answer as the teacher does, on what the generator draws (thesis, Figure
    2.1).

    `steps=None` runs until the generator is exhausted; `schedule(step)` multiplies the rates;
    `clip` bounds the norm of each student's gradient; `dtype` is that of the products. `probes`
    measure the student after the steps in `probe_at` (an int: every so many). With `checkpoint`,
    saved every `every` steps, the same call continues a killed run, and a call that would have made
    another run is refused. The student is left in evaluation mode.
    """
    run = Run(teacher, student, generator, loss, optimizer, schedule, clip, dtype, batch_size)
    run.measure(probes or {}, probe_at)
    run.start(checkpoint, every=every, steps=steps, progress=progress)
    for step in run.remaining():
        try:
            batch = generator.draw(batch_size)
        except Exhausted:
            break
        run.check(batch)
        with explained(run, batch), once(teacher, student, loss), precision(dtype, batch.x.device):
            value = loss(teacher, student, batch)
        run.record(value)
        optimizer.zero_grad()
        value.sum().backward()
        clip_gradients(student, loss, clip)
        with run.rates(step):
            optimizer.step()
        run.after(step)
    return run.finish()
