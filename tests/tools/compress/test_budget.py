from __future__ import annotations

import math

import pytest

from distillery.storage import capacity_bits, packed_bits
from distillery.storage.budgets import autoencoder_parameters
from distillery.tools.compress.budget import HEADER_BYTES, VALUES, Budget

MNIST, GREY, COLOUR = 60_000, (1, 28, 28), (3, 32, 32)


def whole_bits(variables, values, count, shape, classes):
    parameters = autoencoder_parameters(variables, values, channels=shape[0], decoder_only=True)
    return (
        packed_bits(count * variables, values)
        + 16 * parameters
        + packed_bits(count, classes)
        + 8 * HEADER_BYTES
    )


@pytest.mark.parametrize(
    ("bits", "code"), [(38, (38, 2)), (2, (2, 2)), (39, (13, 8)), (168.5, (168, 2))]
)
def test_bits_per_image_are_those_of_the_code_alone(bits, code):
    choice = Budget(bits_per_image=bits).choice(MNIST, GREY, 10)
    assert (choice.variables, choice.values) == code
    assert choice.code_bits == capacity_bits(*code) <= bits


@pytest.mark.parametrize(
    ("count", "shape", "times"), [(MNIST, GREY, 100), (5000, COLOUR, 50), (500, GREY, 20)]
)
def test_no_code_whose_file_is_small_enough_says_more(count, shape, times):
    budget = 8 * count * math.prod(shape) / times
    choice = Budget(times_smaller=times).choice(count, shape, 10)
    every = [(c, v) for v in VALUES for c in range(1, 120) if c * v % 4 == 0 and c * v <= 240]
    fit = [code for code in every if whole_bits(*code, count, shape, 10) <= budget]
    assert choice.capacity_bits == pytest.approx(max(capacity_bits(*code) for code in fit))
    assert (
        choice.total_bits == whole_bits(choice.variables, choice.values, count, shape, 10) <= budget
    )


def test_bytes_and_times_are_two_names_for_the_same():
    by_bytes = Budget(budget_bytes=MNIST * 784 / 100).choice(MNIST, GREY, 10)
    assert by_bytes == Budget(times_smaller=100).choice(MNIST, GREY, 10)


def test_a_budget_that_the_decoder_exceeds_is_refused_with_the_smallest_that_works():
    with pytest.raises(
        ValueError,
        match=(
            r"budget_bytes is 1,000: the smallest decoder .* takes ([\d,]+) bytes, so at least \1"
            r" works"
        ),
    ) as said:
        Budget(budget_bytes=1000).choice(200, GREY, 10)
    least = int(str(said.value).split("at least ")[1].split()[0].replace(",", ""))
    assert Budget(budget_bytes=least).choice(200, GREY, 10).total_bits <= 8 * least
    with pytest.raises(ValueError, match="budget_bytes is"):
        Budget(budget_bytes=least - 1).choice(200, GREY, 10)


def test_the_greatest_ratio_that_works_is_said_and_works():
    with pytest.raises(ValueError, match="so at most") as said:
        Budget(times_smaller=1000).choice(200, GREY, 10)
    most = float(str(said.value).split("at most ")[1].split()[0])
    assert Budget(times_smaller=most).choice(200, GREY, 10).variables


@pytest.mark.parametrize(("bits", "said"), [(1.9, "1.9"), (6272, "6,272"), (1e9, "1,000,000,000")])
def test_bits_that_no_code_or_the_picture_itself_takes_are_refused(bits, said):
    with pytest.raises(
        ValueError,
        match=(
            f"^bits_per_image is {said}: from 2, the smallest code, to less than 6,272, the picture"
            " itself, works"
        ),
    ):
        Budget(bits_per_image=bits).choice(MNIST, GREY, 10)


@pytest.mark.parametrize(("times", "said"), [(1.0, "1"), (0.25, "0.25"), (1 - 1e-9, "0.999999999")])
def test_a_file_that_would_be_no_smaller_is_refused(times, said):
    with pytest.raises(
        ValueError,
        match=(
            f"^times_smaller is {said}: the file would be no smaller than the pictures; a number"
            " above 1"
        ),
    ):
        Budget(times_smaller=times)


@pytest.mark.parametrize(
    ("budget", "said"), [(200 * 784, "156,800"), (156_800.5, "156,800.5"), (5e9, "5,000,000,000")]
)
def test_a_budget_that_holds_the_pictures_as_they_are_needs_no_compression(budget, said):
    needless = (
        "the pictures as bytes take 156,800, so that no compression is needed; a budget must be"
        " below that"
    )
    with pytest.raises(ValueError, match=f"^budget_bytes is {said}: {needless}$"):
        Budget(budget_bytes=budget).choice(200, GREY, 10)
    assert Budget(budget_bytes=156_799).choice(200, GREY, 10).total_bits <= 8 * 156_799


@pytest.mark.parametrize("budget", [Budget(budget_bytes=1500), Budget(times_smaller=1.01)])
def test_too_few_pictures_are_refused_at_every_budget_and_no_other_is_offered(budget):
    few = r"takes 2,\d+ bytes, so no budget works: the pictures as bytes take 1,568$"
    with pytest.raises(ValueError, match=few):
        budget.choice(2, GREY, 10)


def test_where_hardly_anything_is_saved_no_ratio_is_offered_that_is_refused():
    for count in range(2, 8):
        with pytest.raises(ValueError, match="so ") as said:
            Budget(times_smaller=1000).choice(count, GREY, 0)
        works = str(said.value).split("so ")[1]
        if works.startswith("at most"):
            assert Budget(times_smaller=float(works.split()[2])).choice(count, GREY, 0).variables
        else:
            assert count == 2
            assert works.startswith("no budget works")


def test_exactly_one_positive_budget_is_given():
    with pytest.raises(
        ValueError,
        match="nothing was given: exactly one of bits_per_image, times_smaller, budget_bytes, code",
    ):
        Budget()
    with pytest.raises(ValueError, match="bits_per_image and budget_bytes were given"):
        Budget(bits_per_image=38, budget_bytes=1e6)
    for value in (0.0, -3, math.nan, math.inf):
        with pytest.raises(ValueError, match=r"times_smaller is .*: a positive number is needed"):
            Budget(times_smaller=value)
