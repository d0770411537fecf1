"""The papers' counts of bits, their own choices recovered from their budgets, and the maximiser
beside brute force.
"""

from __future__ import annotations

import math

import pytest
import torch

from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.storage.budgets import (
    FILES,
    PAPERS,
    Counted,
    Stored,
    TooSmallError,
    autoencoder_parameters,
    best_incremental,
    best_total,
    capacity_bits,
    codes_within,
    simple_bits,
    stored_bits,
)

MNIST_BITS, CIFAR_BITS, TRAINING = 28 * 28 * 8, 32 * 32 * 3 * 8, 50_000
PUBLISHED = {
    168: (10, 37),
    62: (50, 101),
    38: (100, 165),
}  # variables of 2 values: times smaller in total, and an image alone


@pytest.mark.parametrize(("variables", "published"), PUBLISHED.items())
def test_published_compressions_follow_from_bits_and_parameters(
    variables: int, published: tuple[int, int]
) -> None:
    code = simple_bits(variables, 2)
    total = TRAINING * code + 32 * autoencoder_parameters(variables, 2)
    assert TRAINING * MNIST_BITS / total == pytest.approx(published[0], rel=0.02)
    assert math.floor(MNIST_BITS / code) == published[1]


def test_the_large_autoencoder_takes_7_4_times_the_small_one_with_its_buffer() -> None:
    small = TRAINING * simple_bits(38, 2) + 32 * autoencoder_parameters(38, 2)
    assert 32 * autoencoder_parameters(168, 2) / small == pytest.approx(7.4, abs=0.05)


@pytest.mark.parametrize("variables", PUBLISHED)
def test_the_papers_architectures_are_the_maximisers_of_equation_4_at_their_budgets(
    variables: int,
) -> None:
    budget = TRAINING * simple_bits(variables, 2) + 32 * autoencoder_parameters(variables, 2)
    choice = best_total(budget, TRAINING)
    assert (choice.variables, choice.values, choice.total_bits) == (variables, 2, budget)


def test_1392_codes_of_the_transferred_autoencoder_take_200_cifar_images() -> None:
    parameters = autoencoder_parameters(76, 2, channels=3)
    assert parameters == 150_293
    assert codes_within(200 * CIFAR_BITS, 76, 2, parameters=parameters) == 1392


@pytest.mark.parametrize(
    ("counted", "codes"), [("simple", 3963), ("packed", 4954), ("tight", 5000)]
)
def test_620_trits_fit_200_cifar_images_as_often_as_they_are_counted(
    counted: Counted, codes: int
) -> None:
    found = codes_within(200 * CIFAR_BITS, 620, 3, counted=counted)
    assert found == codes if counted != "tight" else found >= codes
    assert (
        stored_bits(found, 620, 3, counted)
        <= 200 * CIFAR_BITS
        < stored_bits(found + 1, 620, 3, counted)
    )


@pytest.mark.parametrize(
    ("variables", "values", "channels", "size"),
    [(38, 2, 1, 28), (24, 6, 1, 28), (76, 2, 3, 32), (4, 37, 3, 28)],
)
def test_parameters_are_those_of_the_network(
    variables: int, values: int, channels: int, size: int
) -> None:
    network = CategoricalAutoencoder(
        variables, values, rng=torch.Generator(), channels=channels, size=size
    )
    assert autoencoder_parameters(variables, values, channels=channels) == sum(
        p.numel() for p in network.parameters()
    )


@pytest.mark.parametrize("counted", ["simple", "packed"])
@pytest.mark.parametrize("budget", [2, 7, 39.5, 100])
def test_no_code_within_an_incremental_budget_says_more(budget: float, counted: Counted) -> None:
    choice = best_incremental(budget, kept=0.5, counted=counted)
    each = {
        v: math.log2(v) if counted == "packed" else math.ceil(math.log2(v)) for v in range(2, 4097)
    }
    within = [
        (c, v)
        for v, bits in each.items()
        for c in range(1, int(2 * budget / bits + 1e-9) + 1)
        if c * v % 4 == 0
    ]
    assert (choice.variables, choice.values) in within
    assert 0.5 * choice.code_bits <= budget + 1e-9
    assert choice.capacity_bits == pytest.approx(max(capacity_bits(c, v) for c, v in within))


@pytest.mark.parametrize("counted", ["simple", "packed"])
def test_no_autoencoder_within_a_total_budget_says_more(counted: Counted) -> None:
    budget, examples, extra = 600_000.0, 1000, 4000.0
    choice = best_total(budget, examples, counted=counted, channels=3, extra_bits=extra)
    every = [
        (c, v) for c in range(1, 200) for v in range(2, 200) if c * v % 4 == 0 and c * v <= 200
    ]
    total = {
        (c, v): stored_bits(examples, c, v, counted)
        + 32 * autoencoder_parameters(c, v, channels=3)
        + extra
        for c, v in every
    }
    within = [one for one, bits in total.items() if bits <= budget]
    assert choice.total_bits + extra == total[choice.variables, choice.values] <= budget
    assert choice.capacity_bits == pytest.approx(max(capacity_bits(*one) for one in within))


def test_of_a_file_the_decoder_alone_is_counted_in_half_precision() -> None:
    network = CategoricalAutoencoder(38, 2, rng=torch.Generator(), channels=3, size=32)
    decoder = sum(p.numel() for p in network.decoder.parameters())
    assert autoencoder_parameters(38, 2, channels=3, decoder_only=True) == decoder
    budget = stored_bits(5000, 38, 2) + 16 * decoder
    choice = best_total(budget, 5000, channels=3, stored=FILES)
    assert (choice.variables, choice.values, choice.parameters, choice.total_bits) == (
        38,
        2,
        decoder,
        budget,
    )


@pytest.mark.parametrize("stored", [PAPERS, FILES])
def test_the_budget_that_a_refusal_names_is_the_smallest_that_is_not_refused(
    stored: Stored,
) -> None:
    with pytest.raises(TooSmallError, match="the smallest autoencoder") as refused:
        best_total(1, 10, extra_bits=77, stored=stored)
    least = refused.value.least_bits
    assert best_total(least, 10, extra_bits=77, stored=stored).total_bits + 77 == least
    with pytest.raises(TooSmallError):
        best_total(least - 1, 10, extra_bits=77, stored=stored)


def test_of_codes_that_say_the_same_the_one_with_the_smallest_network_is_taken() -> None:
    choice = best_incremental(48)
    assert (choice.variables, choice.values) == (
        48,
        2,
    )  # 24 x 4 has as many filters and more values, 16 x 8 has more of both


def test_what_cannot_be_bought_is_said_with_the_smallest_price() -> None:
    with pytest.raises(
        ValueError,
        match="budget_bits is 1000: the smallest autoencoder and 10 of its codes take 5012",
    ):
        best_total(1000, 10)
    assert best_total(5012, 10).total_bits == 5012
    with pytest.raises(
        ValueError, match=r"budget_bits_per_example is 1\.5: the smallest code takes 2"
    ):
        best_incremental(1.5)
    with pytest.raises(ValueError, match="150293 parameters alone take 4809376"):
        codes_within(1e6, 76, 2, parameters=150_293)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="unknown counted 'packd'; did you mean 'packed'"):
        stored_bits(10, 38, 2, "packd")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"kept is 1\.5: the share of examples that are kept"):
        best_incremental(10, kept=1.5)
    with pytest.raises(ValueError, match="budget_bits is nan: a positive number of bits is needed"):
        best_total(math.nan, 10)
    with pytest.raises(
        ValueError, match=r"variables \* values is 3 \* 2 = 6: a multiple of 4 is needed"
    ):
        autoencoder_parameters(3, 2)
    with pytest.raises(ValueError, match="values is 1"):
        simple_bits(3, 1)
    with pytest.raises(ValueError, match="variables is 0: a whole number from 1 is needed"):
        capacity_bits(0, 2)
