"""Losses that compare a log density with itself nearby, so that Z drops out: slopes of densities,
ratios of probabilities of bits.

The inputs are drawn from the teacher, whose density need not be normalised; the student answers
inputs with its log probability.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from distillery.losses.loss import Loss, RandomLoss
from distillery.losses.outputs import wide, with_slopes
from distillery.models.bits import check_bits, check_size
from distillery.protocols import Batch


class ScoreMatching(Loss):
    """Half the squared distance between d/dx log p_student(x) and d/dx log_density_teacher(x)
    (thesis, equation 4.17).

    Z drops out (4.16), and only the teacher reaches zero where x is continuous and the teacher's
    density positive everywhere (proposition 4.2). Two warnings. How much mass each of two distant
    modes holds hardly shows in any slope where samples are. And on bits the loss can be computed
    but decides nothing: the slopes at the corners of a cube do not say how high the corners are
    (see `RatioMatching`). Its gradient takes second derivatives of the student.
    """

    needs_slopes = True

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        batch = with_slopes(batch)
        target = score(teacher(batch), batch.x, keep=False, of="teacher").detach()
        difference = score(student(batch.x), batch.x, keep=True, of="student") - target
        return 0.5 * difference.flatten(1).square().sum(1)


class RatioMatching(RandomLoss):
    """Half the squared difference of log p(x) - log p(x, bit i flipped) between student and
    teacher, summed over the bits i.

    The discrete sibling of score matching: the ratios of Hyvärinen (2007), which Z drops out of,
    compared with those of a teacher that can be asked. Only the teacher reaches zero if it gives
    every state some probability, because flips lead from any state to any other. An example costs
    `flips` more evaluations of both networks. Its bits are chosen at random without replacement,
    which estimates the sum over all D of them without bias; `flips` = D takes them all.
    """

    def __init__(self, flips: int = 1, *, rng: torch.Generator) -> None:
        super().__init__(rng)
        check_size("flips", flips)
        self.flips = flips

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        beside = neighbours(batch, self.flips, rng=self.rng)
        target = _log_ratios(teacher(batch), teacher(beside), batch, of="teacher").detach()
        ratios = _log_ratios(student(batch.x), student(beside.x), batch, of="student")
        return 0.5 * batch.x.shape[1] * (ratios - target.to(ratios.dtype)).square().mean(1)


def score(log_density: Tensor, x: Tensor, *, keep: bool, of: str) -> Tensor:
    """The derivative of each example's log density with respect to the example: (B,) and (B, …)
    give (B, …).
    """
    total = _one_each(log_density, len(x), of=of).sum()
    slope: Tensor | None = None
    if total.requires_grad:
        (slope,) = torch.autograd.grad(
            total, x, create_graph=keep, retain_graph=True, allow_unused=True
        )
    if slope is None:
        raise ValueError(
            f"the {of}'s log density has no derivative with respect to the input: a density that is"
            " differentiable in x is needed"
        )
    return slope


def neighbours(batch: Batch, flips: int, *, rng: torch.Generator) -> Batch:
    """Each example `flips` times in a row, each time with another of its bits flipped: (B · flips,
    D).
    """
    check_bits(batch.x, batch.x.shape[-1], name="batch.x")
    examples, visible = batch.x.shape
    if flips > visible:
        raise ValueError(
            f"flips is {flips}: examples of {visible} bits have {visible} neighbours, at most as"
            " many flips are possible"
        )
    shuffled = torch.rand(examples, visible, generator=rng, device=rng.device).argsort(1)
    bits = shuffled[:, :flips].reshape(-1, 1).to(batch.x.device)
    each = torch.arange(examples, device=bits.device).repeat_interleave(flips)
    # Without y: what was recorded about x is not true beside it.
    copies = replace(batch, y=None)[each]
    flipped = copies.x.gather(1, bits).logical_not().to(copies.x.dtype)
    return replace(copies, x=copies.x.scatter(1, bits, flipped))


def _log_ratios(here: Tensor, beside: Tensor, batch: Batch, *, of: str) -> Tensor:
    """(B, flips)."""
    at, around = _one_each(here, len(batch), of=of), wide(beside)
    return at[:, None] - around.reshape(len(batch), -1)


def _one_each(log_density: Tensor, n: int, *, of: str) -> Tensor:
    if log_density.shape != (n,):
        raise ValueError(
            f"the {of}'s answer has shape {tuple(log_density.shape)} for {n} inputs: one log"
            f" density each, ({n},), is needed"
        )
    return wide(log_density)
