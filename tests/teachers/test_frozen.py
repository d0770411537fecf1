from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from distillery import Batch
from distillery.models.mlp import MLP
from distillery.teachers import Average, Formula, Frozen


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(n: int = 4) -> Batch:
    return Batch(torch.randn(n, 2, generator=rng()))


def test_a_frozen_network_answers_as_the_network_does() -> None:
    network = MLP([2, 5, 3], rng=rng())
    assert Frozen(network)(batch()).equal(network(batch().x))


def test_parameters_are_frozen_and_input_gradients_are_not() -> None:
    teacher = Frozen(MLP([2, 5, 3], rng=rng()))
    x = batch().x.requires_grad_()
    slopes = torch.autograd.grad(teacher(Batch(x)).sum(), x, create_graph=True)[0]
    assert slopes.abs().sum() > 0
    assert not any(p.requires_grad for p in teacher.parameters())
    assert not teacher(batch()).requires_grad


def test_a_frozen_network_stays_in_evaluation_mode() -> None:
    teacher = Frozen(nn.Sequential(MLP([2, 5], rng=rng()), nn.BatchNorm1d(5), nn.Dropout()).train())
    around = nn.ModuleList([teacher])
    around.train()
    teacher.train(True)
    assert not any(module.training for module in teacher.modules())
    first = teacher(batch())
    assert first.equal(teacher(batch()))


def test_the_network_itself_is_frozen_not_a_copy() -> None:
    network = MLP([2, 3], rng=rng())
    assert Frozen(network).network is network
    assert not any(p.requires_grad for p in network.parameters())


def test_an_average_is_the_mean_of_probabilities_of_equation_2_15() -> None:
    networks = [MLP([2, 5, 3], rng=rng(seed)) for seed in range(4)]
    average = Average([Frozen(network) for network in networks])
    expected = torch.stack([network(batch().x).softmax(-1) for network in networks]).mean(0)
    torch.testing.assert_close(average(batch()).exp(), expected)
    torch.testing.assert_close(average(batch()).logsumexp(-1), torch.zeros(4))


def test_an_average_is_taken_in_the_log_domain() -> None:
    """Probabilities far below the smallest number keep their logarithms."""
    logits = [torch.tensor([0.0, -1000.0]), torch.tensor([0.0, -1002.0])]
    average = Average([Formula(lambda x, row=row: row.expand(len(x), 2)) for row in logits])
    expected = -1000 + math.log((1 + math.exp(-2)) / 2)
    assert average(batch(1))[0].tolist() == pytest.approx([0.0, expected])


def test_an_average_keeps_input_gradients() -> None:
    x = batch().x.requires_grad_()
    average = Average([Frozen(MLP([2, 5, 3], rng=rng(seed))) for seed in range(2)])
    assert torch.autograd.grad(average(Batch(x))[:, 0].sum(), x)[0].abs().sum() > 0


def test_averages_nest_and_stay_in_evaluation_mode() -> None:
    inner = Average(
        [Frozen(nn.Sequential(MLP([2, 3], rng=rng(seed)), nn.Dropout())) for seed in range(2)]
    )
    outer = Average([inner, inner]).train()
    torch.testing.assert_close(outer(batch()), inner(batch()))
    assert not any(isinstance(m, nn.Dropout) and m.training for m in outer.modules())


def test_half_precision_is_averaged_in_single_precision() -> None:
    average = Average([Formula(lambda x: x.bfloat16()), Formula(lambda x: x.bfloat16() + 1)])
    assert average(batch()).dtype == torch.float32


def test_an_average_of_nothing_or_of_bare_networks_is_refused() -> None:
    with pytest.raises(ValueError, match="teachers is empty"):
        Average([])
    with pytest.raises(
        TypeError, match=r"teachers holds a MLP: Teachers are needed, such as Frozen\(network\)"
    ):
        Average([MLP([2, 3], rng=rng())])  # type: ignore[list-item]


def test_a_formula_is_any_function_of_the_inputs() -> None:
    assert Formula(torch.sin)(batch()).equal(batch().x.sin())
