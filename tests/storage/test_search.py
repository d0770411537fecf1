from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.storage import CodePrior, searched_codes
from distillery.storage.search import costs


def student(variables: int, values: int) -> CategoricalAutoencoder:
    """One whose code matters to the picture."""
    rng = torch.Generator().manual_seed(0)
    made = CategoricalAutoencoder(variables, values, rng=rng).eval()
    with torch.no_grad():
        for weight in made.decoder.parameters():
            weight *= 2
    return made


def prior(variables: int, values: int) -> CodePrior:
    rng = torch.Generator().manual_seed(1)
    made = CodePrior(variables, values, 3, rng=rng)
    with torch.no_grad():
        made.bias += torch.randn(made.bias.shape, generator=rng)
    return made


def pictures(n: int) -> Tensor:
    return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("rate", [0.0, 0.003])
def test_no_code_costs_more_than_the_likeliest_and_some_cost_less(rate: float) -> None:
    network, told, x = student(8, 4), prior(8, 4), pictures(20)
    found = searched_codes(network, x, prior=told, rate=rate, tried=4)
    before, after = (
        costs(network, codes, x, prior=told, rate=rate) for codes in (network.encode(x), found)
    )
    assert (after <= before).all()
    assert (after < before).any()


def test_two_values_of_each_variable_are_searched_until_no_single_change_is_cheaper() -> None:
    network, told, x = student(6, 2), prior(6, 2), pictures(10)
    found = searched_codes(network, x, prior=told, rate=0.003, tried=6, sweeps=6).long()
    least = costs(network, found, x, prior=told, rate=0.003)
    for i in range(6):
        other = found.clone()
        other[:, i] = 1 - other[:, i]
        assert (costs(network, other, x, prior=told, rate=0.003) >= least).all()


def test_one_variable_is_searched_as_well_as_by_trying_all() -> None:
    network, told, x = student(2, 2), prior(2, 2), pictures(10)
    first = network.encode(x)
    margins = network.code_logits(x).diff(dim=-1)[..., 0].abs().argmin(1)
    found = searched_codes(network, x, prior=told, rate=0.01, tried=1)
    for code, start, place, picture in zip(found, first, margins, x, strict=True):
        every = [torch.tensor(one) for one in itertools.product(range(2), repeat=2)]
        allowed = torch.stack(
            [one for one in every if int(one[1 - place]) == int(start[1 - place])]
        )
        best = allowed[
            costs(network, allowed, picture.expand(2, 1, 28, 28), prior=told, rate=0.01).argmin()
        ]
        assert code.long().equal(best)


def test_a_bit_that_costs_much_leaves_the_codes_that_cost_little() -> None:
    network, told, x = student(8, 2), prior(8, 2), pictures(20)
    bits = [
        -float(told(searched_codes(network, x, prior=told, rate=rate, tried=8)).detach().sum())
        for rate in (0.0, 10.0)
    ]
    assert bits[1] < bits[0]


def test_without_a_prior_only_the_picture_counts() -> None:
    network, x = student(8, 2), pictures(5)
    alone, with_it = (
        searched_codes(network, x, prior=told, rate=0.0, tried=8) for told in (None, prior(8, 2))
    )
    assert alone.equal(with_it)
    assert alone.dtype == torch.uint8


def test_bad_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="tried is 0"):
        searched_codes(student(4, 2), pictures(1), prior=None, rate=0.0, tried=0)
    with pytest.raises(ValueError, match=r"rate is -1\.0: what a bit costs"):
        searched_codes(student(4, 2), pictures(1), prior=None, rate=-1.0, tried=1)
