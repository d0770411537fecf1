from __future__ import annotations

import math

import torch

from distillery import Batch
from distillery.losses import HardLabels, Information, Pair
from distillery.losses.each_its_own import EachItsOwn
from distillery.models.mlp import MLP
from distillery.training.sgd import sgd


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_weights_decay_and_variances_do_not() -> None:
    """Without any gradient a step of rate 0.1 multiplies weights by 1 - 0.1 (1 + 0.9) 0.5."""
    student = MLP([2, 3], rng=rng())
    information = Information([Pair("a", "b", (3, 2, 2), (3, 2, 2))], rng=rng())
    loss = EachItsOwn([HardLabels() + information])
    optimizer = sgd(student, loss, rate=0.1, weight_decay=0.5)
    learned = [*student.parameters(), *loss.parameters()]
    before = [p.detach().clone() for p in learned]
    for p in learned:
        p.grad = torch.zeros_like(p)
    optimizer.step()
    for p, first in zip(learned, before, strict=True):
        is_alpha = any(p is alpha for alpha in information.alphas)
        torch.testing.assert_close(p.detach(), first * (1.0 if is_alpha else 1 - 0.1 * 1.9 * 0.5))


def test_it_holds_all_that_learns_and_nothing_that_is_frozen() -> None:
    student = MLP([2, 3, 2], rng=rng())
    student.layers[1].requires_grad_(False)
    optimizer = sgd(student, HardLabels(), rate=0.1)
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert held == {id(p) for p in student.parameters() if p.requires_grad}


def test_a_step_is_nesterovs() -> None:
    """Momentum 0.9 from rest: the first step is 1 + 0.9 gradients."""
    student, batch = MLP([2, 2], rng=rng()), Batch(torch.ones(1, 2), torch.tensor([0]))
    weight = student.layers[1].weight
    first = weight.detach().clone()
    optimizer = sgd(student, HardLabels(), rate=0.1, weight_decay=0.0)
    torch.nn.functional.cross_entropy(student(batch.x), batch.y).backward()
    optimizer.step()
    torch.testing.assert_close(weight.detach(), first - 0.1 * 1.9 * weight.grad)
    assert math.isclose(optimizer.param_groups[0]["momentum"], 0.9)
