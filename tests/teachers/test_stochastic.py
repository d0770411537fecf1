"""A network whose weights ride in the batch."""

from __future__ import annotations

import pytest
import torch

from distillery.models.mlp import MLP
from distillery.protocols import Batch
from distillery.teachers.stochastic import StochasticNetwork

RNG = torch.Generator().manual_seed(0)
NETWORKS = [MLP([4, 5, 3], rng=RNG) for _ in range(6)]
X = torch.randn(6, 4, generator=RNG)


def test_each_example_is_answered_by_the_network_that_rides_with_it() -> None:
    teacher = StochasticNetwork(NETWORKS[0])
    draws = torch.stack([teacher.flat(network) for network in NETWORKS])
    expected = torch.stack(
        [network(x[None])[0] for network, x in zip(NETWORKS, X, strict=True)]
    ).detach()
    torch.testing.assert_close(teacher(Batch(X, draw=draws)), expected)


def test_every_draw_answers_every_input() -> None:
    teacher = StochasticNetwork(NETWORKS[0])
    answers = teacher.each(torch.stack([teacher.flat(network) for network in NETWORKS]), X)
    torch.testing.assert_close(answers, torch.stack([network(X) for network in NETWORKS]).detach())


def test_it_does_not_freeze_the_network_it_was_given_and_trains_nothing() -> None:
    teacher = StochasticNetwork(NETWORKS[0])
    assert all(p.requires_grad for p in NETWORKS[0].parameters())
    assert not any(p.requires_grad for p in teacher.parameters())
    assert not teacher.train().training


def test_forms_of_other_weights_are_the_same_teacher() -> None:
    states = [StochasticNetwork(network).state_dict() for network in NETWORKS[:2]]
    assert all(value.equal(states[1][name]) for name, value in states[0].items())
    assert not torch.equal(NETWORKS[0](X), NETWORKS[1](X))


def test_slopes_with_respect_to_the_input_pass_through_it() -> None:
    teacher, x = StochasticNetwork(MLP([4, 5, 3], rng=RNG)), X.double().requires_grad_()
    draws = torch.randn(6, teacher.size, generator=RNG, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: teacher(Batch(x, draw=draws)), (x,))


def test_a_batch_without_draws_or_with_draws_of_another_size_is_refused() -> None:
    teacher = StochasticNetwork(NETWORKS[0])
    with pytest.raises(ValueError, match=r"batch\.draw is None"):
        teacher(Batch(X))
    with pytest.raises(ValueError, match="one vector of 43 weights an example"):
        teacher(Batch(X, draw=torch.zeros(6, 7)))
    with pytest.raises(ValueError, match="rows of 43 weights"):
        teacher.each(torch.zeros(43), X)
    with pytest.raises(ValueError, match="of another form"):
        teacher.flat(MLP([4, 3], rng=RNG))
    with pytest.raises(ValueError, match="has no parameters"):
        StochasticNetwork(torch.nn.ReLU())
