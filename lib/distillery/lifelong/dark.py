"""Dark experience: what a learner answered when it saw an example is remembered with it (Buzzega et
al., 2020).
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from distillery.lifelong.account import Account
from distillery.lifelong.memory import Memory
from distillery.losses.loss import Loss
from distillery.losses.outputs import wide
from distillery.models.once import quietly
from distillery.models.output_mask import OutputMask
from distillery.protocols import Batch, Generator


class Unanswered(Generator):
    """New examples, each with `outputs` answers that nobody has given yet: not numbers."""

    def __init__(self, generator: Generator, outputs: int) -> None:
        self.generator, self.outputs = generator, outputs

    def draw(self, n: int) -> Batch:
        batch = self.generator.draw(n)
        nobody = torch.full((n, self.outputs), torch.nan, device=batch.x.device)
        return replace(batch, draw=nobody)


class Answered(Memory):
    """A memory whose examples are written with the logits that the student gives them at that
    moment, in evaluation mode.
    """

    def __init__(self, memory: Memory, student: nn.Module) -> None:
        super().__init__(rng=memory.rng)
        self.memory, self._student = memory, student

    def write(self, batch: Batch) -> None:
        with quietly(self._student):
            self.memory.write(replace(batch, draw=wide(self._student(batch.x))))

    def draw(self, n: int) -> Batch:
        return self.memory.draw(n)

    def places(self) -> Tensor:
        return self.memory.places()

    def at(self, places: Tensor) -> Batch:
        return self.memory.at(places)

    @property
    def bits(self) -> Account:
        return self.memory.bits

    def written(self) -> dict[str, bytes]:
        return self.memory.written()


class DarkExperience(Loss):
    """Cross entropy to labels, and for what is remembered `alpha` times the mean square distance of
    its task's logits from those recorded in `batch.draw`; `beta` is the weight of its labels.

    The one draw of remembered examples serves both terms, where DER++ draws twice.
    """

    def __init__(self, mask: OutputMask, *, alpha: float = 0.1, beta: float = 0.5) -> None:
        super().__init__()
        self.mask, self.alpha, self.beta = mask, alpha, beta

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        if batch.draw is None:
            raise ValueError("DarkExperience: batch.draw is None: recorded logits are needed")
        logits = wide(student(batch.x))
        labels = F.cross_entropy(self.mask(logits, batch.task), teacher(batch), reduction="none")
        is_old = torch.isfinite(batch.draw).all(1)
        assert batch.task is not None
        own = self.mask.allowed[batch.task]
        away = (logits - torch.where(is_old[:, None], batch.draw, logits.detach())).square()
        distance = (away * own).sum(1) / own.sum(1)
        return torch.where(is_old, self.beta, 1.0) * labels + self.alpha * distance
