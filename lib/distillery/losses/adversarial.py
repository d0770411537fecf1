"""Adversarial distillation: the student learns to make samples that an adversary cannot tell from
the teacher's.

No density is asked for its value, neither the teacher's nor, where samples can be differentiated,
the student's.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from distillery.losses.loss import RandomLoss
from distillery.protocols import Batch
from distillery.support.nearest import chosen

THROUGH = ("auto", "samples", "score")


class Adversarial(RandomLoss):
    """The cross entropy of an adversary that tells the teacher's samples from the student's; the
    student raises it (thesis, section 4.3.2).

    The adversary answers a batch with one logit each of "came from the teacher". Its parameters are
    the loss's and lower the value; the student, behind gradient reversal, raises it: one optimizer
    steps both, best with a group and a rate for each. The value is log 2 when nothing can be told;
    the best adversary leaves log 2 - JS(teacher, student), their Jensen-Shannon divergence.

    The batch holds the teacher's samples; as many are drawn from the student at every call, with
    `rng`. A student that offers `rsample(n, rng=rng)`, samples with derivatives, learns
    `through="samples"`. Any other offers `sample(n, rng=rng)` and answers inputs with its log
    probability: it learns `through="score"`, the score function, each sample rewarded by how much
    better than the mean of the others it fools the adversary. Both gradients are unbiased.
    """

    def __init__(
        self,
        adversary: nn.Module,
        *,
        rng: torch.Generator,
        through: Literal["auto", "samples", "score"] = "auto",
    ) -> None:
        super().__init__(rng)
        if not isinstance(adversary, nn.Module) or next(adversary.parameters(), None) is None:
            raise TypeError(
                f"adversary is a {type(adversary).__name__}: an nn.Module with parameters, one"
                " logit an example, is needed"
            )
        self.adversary = adversary
        self.through = chosen("through", through, THROUGH)

    def each(self, teacher: nn.Module, student: Any, batch: Batch) -> Tensor:
        if self._way(student) == "samples":
            samples = student.rsample(len(batch), rng=self.rng)
            surprise = F.softplus(self.logits(reversed_gradient(samples)))
        else:
            samples = student.sample(len(batch), rng=self.rng)
            surprise = F.softplus(self.logits(samples))
            surprise = surprise - score_function(surprise.detach(), student(samples))
        return 0.5 * (F.softplus(-self.logits(batch.x)) + surprise)

    def logits(self, x: Tensor) -> Tensor:
        """The adversary's, (B,), of inputs in any dtype."""
        answer: Tensor = self.adversary(x.to(next(self.adversary.parameters()).dtype))
        if answer.numel() != len(x):
            raise ValueError(
                f"the adversary answered {len(x)} examples with shape {tuple(answer.shape)}: one"
                " logit each is needed"
            )
        return answer.flatten()

    def _way(self, student: Any) -> str:
        """How the student is to learn, `samples` or `score`, if it offers what that takes."""
        way: str = self.through
        if way == "auto":
            way = "samples" if hasattr(student, "rsample") else "score"
        needed = "rsample" if way == "samples" else "sample"
        if not hasattr(student, needed):
            raise TypeError(
                f"student is a {type(student).__name__} without {needed}(n, rng=rng):"
                f" through={self.through!r} needs it"
            )
        return way


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return -gradient


def reversed_gradient(x: Tensor) -> Tensor:
    """x itself; what lowers a loss behind it raises the one before (Ganin and Lempitsky, 2015)."""
    answer: Tensor = _Reversed.apply(x)
    return answer


def score_function(rewards: Tensor, log_probs: Tensor) -> Tensor:
    """Zeros, (B,), whose mean has the gradient of the expected reward, estimated without bias from
    B independent samples (Williams, 1992).

    A sample's reward is compared with the mean of the others', which it does not depend on; a
    sample alone has nothing to compare with.
    """
    if rewards.shape != log_probs.shape:
        raise ValueError(
            f"log_probs has shape {tuple(log_probs.shape)}, rewards {tuple(rewards.shape)}: one of"
            " each a sample is needed"
        )
    others = (rewards.sum() - rewards) / max(len(rewards) - 1, 1)
    return (rewards - others) * (log_probs - log_probs.detach())
