from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from distillery.distillation import distill
from distillery.generators import Resample
from distillery.losses import KL
from distillery.storage.frequencies import TOTAL
from distillery.storage.prior import CodePrior, WholePrior
from distillery.teachers import Recorded


def prior(
    variables: int, values: int, hidden: int = 5, *, seed: int = 0, scale: float = 1.0
) -> CodePrior:
    """A prior that is far from uniform."""
    rng = torch.Generator().manual_seed(seed)
    made = CodePrior(variables, values, hidden, rng=rng)
    with torch.no_grad():
        for weight in made.parameters():
            weight += scale * torch.randn(weight.shape, generator=rng)
    return made


def uniform_codes(count: int, variables: int, values: int, *, seed: int = 0) -> np.ndarray:
    return (
        np.random.default_rng(seed)
        .integers(0, values, (count, variables))
        .astype(np.uint8 if values <= 256 else np.int16)
    )


@pytest.mark.parametrize(("variables", "values"), [(4, 2), (3, 3), (2, 5)])
def test_the_probabilities_of_all_codes_sum_to_one(variables: int, values: int) -> None:
    every = torch.tensor(list(itertools.product(range(values), repeat=variables)))
    assert float(prior(variables, values)(every).detach().exp().sum()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("variables", "values"), [(1, 2), (7, 2), (5, 3), (3, 37), (2, 300)])
@pytest.mark.parametrize("count", [0, 1, 300])
def test_codes_come_back_bit_for_bit(variables: int, values: int, count: int) -> None:
    whole, codes = prior(variables, values).whole(), uniform_codes(count, variables, values)
    back = whole.decode(whole.encode(codes), count)
    assert back.dtype == codes.dtype
    assert np.array_equal(back, codes)


def test_codes_of_more_than_one_block_come_back() -> None:
    whole, codes = prior(3, 2).whole(), uniform_codes(9000, 3, 2)
    assert np.array_equal(whole.decode(whole.encode(codes), len(codes)), codes)


def test_whole_numbers_say_what_the_network_says() -> None:
    """A score is rounded down to a 256th of a bit, a share to one of 65,536 and one more for each
    symbol.
    """
    made, codes = prior(6, 3, scale=0.2), uniform_codes(200, 6, 3)
    told = -float(made(torch.from_numpy(codes)).detach().double().sum()) / np.log(2)
    # with shares no smaller than a fiftieth, those roundings come to a thousandth of a bit at most
    worst = codes.size * (1 / 256 + 0.001)
    assert made.whole().bits_of(codes) == pytest.approx(told, abs=worst)


@pytest.mark.parametrize(("variables", "values"), [(6, 2), (3, 5)])
def test_a_one_hot_code_is_the_code(variables: int, values: int) -> None:
    made, codes = prior(variables, values), torch.from_numpy(uniform_codes(20, variables, values))
    one_hot = torch.eye(values)[codes.long()]
    assert made.scores(one_hot).equal(made.scores(codes))
    torch.testing.assert_close(made(one_hot), made(codes))


def test_scores_do_not_depend_on_their_own_variable_nor_on_later_ones() -> None:
    made, codes = prior(5, 3), torch.from_numpy(uniform_codes(20, 5, 3)).long()
    other = codes.clone()
    other[:, 2:] = (codes[:, 2:] + 1) % 3
    assert made.scores(codes)[:, :3].equal(made.scores(other)[:, :3])
    assert not made.scores(codes)[:, 3:].equal(made.scores(other)[:, 3:])


def test_scores_are_the_same_in_float32_as_in_float64() -> None:
    """The proof that they are exact: whole 4096ths whose sums are far below 2^24."""
    made, codes = prior(30, 2, 16), torch.from_numpy(uniform_codes(50, 30, 2))
    narrow = made.scores(codes)
    assert narrow.double().equal(made.double().scores(codes))
    assert (narrow * 4096).equal((narrow * 4096).round())


def test_the_string_takes_what_the_tables_say() -> None:
    whole, codes = prior(8, 2).whole(), uniform_codes(2000, 8, 2)
    assert 8 * len(whole.encode(codes)) == pytest.approx(
        whole.bits_of(codes), rel=1e-3, abs=64 + 32
    )


def test_a_variable_that_repeats_another_costs_nothing_once_learned() -> None:
    """Two fair bits, the second a copy: one bit a code is enough, and a prior that sees one
    variable at a time needs two.
    """
    first = torch.randint(2, (2000, 1), generator=torch.Generator().manual_seed(0))
    codes = torch.cat([first, first], 1)
    made = CodePrior(2, 2, 4, rng=torch.Generator().manual_seed(1))
    generator = Resample(codes, rng=torch.Generator().manual_seed(2))
    optimizer = torch.optim.Adam(made.parameters(), lr=0.1)
    distill(Recorded(), made, generator, KL(), optimizer=optimizer, batch_size=50, steps=150)
    assert 0.99 < made.whole().bits_of(codes.numpy()) / len(codes) < 1.1


def test_a_prior_is_made_again_from_its_arrays() -> None:
    whole, codes = prior(4, 3).whole(), uniform_codes(50, 4, 3)
    arrays = whole.arrays()
    assert whole.bits == 8 * (2 * 4 * 3 * 5 + 2 * 5 + 2 * 4 * 3)
    assert np.array_equal(WholePrior.from_arrays(arrays).decode(whole.encode(codes), 50), codes)


def test_weights_beyond_what_is_stored_count_as_the_largest() -> None:
    made = prior(2, 2)
    with torch.no_grad():
        made.outputs += 100
    codes = uniform_codes(10, 2, 2)
    assert int(made.whole().outputs.min()) == 127
    assert np.array_equal(made.whole().decode(made.whole().encode(codes), 10), codes)


def test_bad_codes_and_arrays_are_refused() -> None:
    whole = prior(3, 2).whole()
    with pytest.raises(ValueError, match=r"codes have shape \(4, 2\)"):
        whole.encode(uniform_codes(4, 2, 2))
    with pytest.raises(ValueError, match="codes reach from 0 to 2"):
        whole.encode(np.array([[0, 1, 2]]))
    with pytest.raises(ValueError, match="inputs has shape"):
        WholePrior(whole.inputs[:, :, :2], whole.start, whole.outputs, whole.bias)
    with pytest.raises(ValueError, match="values is 1"):
        CodePrior(3, 1, rng=torch.Generator())
    with pytest.raises(ValueError, match=r"was altered|ends before"):
        whole.decode(whole.encode(uniform_codes(10, 3, 2))[:-4] + b"\0\0\0\0", 10)


def test_every_table_is_whole() -> None:
    whole, codes = prior(5, 4).whole(), uniform_codes(30, 5, 4).astype(np.int64)
    for tables in whole._tables(codes):
        assert (tables.sum(-1) == TOTAL).all()
