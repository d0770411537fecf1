"""Packed codes come back bit for bit, in hardly more bits than they say, from numpy and from torch
alike.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distillery.storage.packing import MOST_VALUES, layout, pack, packed_bits, unpack

alphabets = st.one_of(
    st.integers(2, 40), st.integers(2, MOST_VALUES), st.sampled_from([2**k for k in range(1, 13)])
)


def some_codes(values: int, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Random codes; every third time the largest ones, which need all the room there is."""
    codes = (
        np.random.default_rng(seed).integers(0, values, shape)
        if seed % 3
        else np.full(shape, values - 1)
    )
    return codes.astype(np.uint8 if values <= 256 else np.int16)


def plain_digits(packed: bytes, values: int, count: int, *, tight: bool) -> list[int]:
    """The format as the module's first lines describe it, read by Python's long integers."""
    how = layout(count, values, tight=tight)
    digits = [0] * (how.digits * how.groups)
    for group in range(how.groups):
        number = int.from_bytes(packed[group :: how.groups], "little")
        for t in range(how.digits):
            number, digits[8 * group + t if values == 2 else t * how.groups + group] = divmod(
                number, values
            )
    return digits[:count]


@settings(max_examples=60, deadline=None)
@given(alphabets, st.integers(0, 90), st.integers(1, 12), st.integers(0, 2**32), st.booleans())
def test_a_packed_code_comes_back_bit_for_bit(
    values: int, codes: int, variables: int, seed: int, tight: bool
) -> None:
    written = some_codes(values, (codes, variables), seed)
    packed = pack(written, values, tight=tight)
    assert packed.dtype == np.uint8
    assert 8 * packed.size == packed_bits(codes * variables, values, tight=tight)
    back = unpack(packed, values, (codes, variables), tight=tight)
    assert back.dtype == written.dtype
    np.testing.assert_array_equal(back, written)


@pytest.mark.parametrize("first", range(2, 34))
def test_every_alphabet_size_packs_and_unpacks(first: int) -> None:
    for values in range(first, MOST_VALUES + 1, 32 * 5):
        written = some_codes(values, (30, 40), first)
        np.testing.assert_array_equal(unpack(pack(written, values), values, (30, 40)), written)


@settings(max_examples=40, deadline=None)
@given(alphabets, st.integers(1, 300), st.integers(0, 2**32), st.booleans())
def test_the_format_is_what_the_first_lines_say(
    values: int, count: int, seed: int, tight: bool
) -> None:
    written = some_codes(values, (count,), seed)
    assert (
        plain_digits(pack(written, values, tight=tight).tobytes(), values, count, tight=tight)
        == written.tolist()
    )


@settings(max_examples=40, deadline=None)
@given(alphabets, st.integers(0, 300), st.integers(0, 2**32))
def test_torch_writes_the_same_bytes_as_numpy_and_reads_them(
    values: int, count: int, seed: int
) -> None:
    written = some_codes(values, (count,), seed)
    packed = pack(torch.from_numpy(written), values)
    assert packed.numpy().tobytes() == pack(written, values).tobytes()
    back = unpack(packed, values, (count,))
    assert back.dtype == torch.from_numpy(written).dtype
    np.testing.assert_array_equal(back.numpy(), written)


@pytest.mark.parametrize("count", range(50))
def test_few_bits_are_the_same_bytes_from_torch_as_from_numpy(count: int) -> None:
    bits = some_codes(2, (count,), 1)
    assert pack(torch.from_numpy(bits), 2).numpy().tobytes() == pack(bits, 2).tobytes()


@pytest.mark.parametrize("values", [3, 10, 37, 300, 2049])
def test_blocks_longer_than_what_is_worked_on_at_once_come_back(values: int) -> None:
    count = 2 * layout(1_000_000, values).digits * (1 << 14) + 17
    written = some_codes(values, (count,), 1)
    np.testing.assert_array_equal(unpack(pack(written, values), values, (count,)), written)


@pytest.mark.parametrize("count", [1000, 50_000 * 38])
def test_a_block_takes_at_most_a_hundredth_more_than_c_log2_l_for_every_alphabet(
    count: int,
) -> None:
    worst = max(
        packed_bits(count, values) / (count * math.log2(values))
        for values in range(2, MOST_VALUES + 1)
    )
    assert worst <= 1.01


@pytest.mark.parametrize("k", range(1, 13))
def test_powers_of_two_waste_nothing(k: int) -> None:
    assert packed_bits(8000, 2**k) == 8000 * k


@pytest.mark.parametrize("place", [0, 7, 8, 63, 64, 66])
@pytest.mark.parametrize("wrong", [2, 128, 255])
def test_a_byte_that_is_no_bit_is_found_wherever_it_is(place: int, wrong: int) -> None:
    codes = np.ones(67, np.uint8)
    codes[place] = wrong
    with pytest.raises(
        ValueError, match=f"codes reach from 1 to {wrong}: whole numbers from 0 to 1 are needed"
    ):
        pack(codes, 2)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 1000])
def test_bits_that_lie_anyhow_in_memory_are_packed_alike(count: int) -> None:
    bits = np.random.default_rng(count).integers(0, 2, (2 * count + 1,)).astype(np.uint8)
    for lie in (
        bits[1::2],
        bits[1 : count + 1],
        np.frombuffer(bits[1 : count + 1].tobytes(), np.uint8),
    ):
        assert np.array_equal(pack(lie, 2), np.packbits(lie, bitorder="little"))


def test_bits_are_packed_as_numpy_packs_them() -> None:
    bits = some_codes(2, (1001,), 1)
    assert pack(bits, 2).tobytes() == np.packbits(bits, bitorder="little").tobytes()


def test_five_thousand_codes_of_620_trits_take_no_more_than_200_cifar_images() -> None:
    """The buffer of Riemer et al. (2018) at an effective size of 200: S_sbe has room for 3,963
    codes, five trits a byte for 4,954.
    """
    assert (
        packed_bits(5000 * 620, 3, tight=True) <= 200 * 32 * 32 * 3 * 8 < packed_bits(5000 * 620, 3)
    )


def test_any_whole_numbers_are_packed_alike() -> None:
    written = some_codes(5, (7, 9), 1)
    for kind in (np.int8, np.uint16, np.int32, np.uint64, np.int64):
        assert pack(written.astype(kind), 5).tobytes() == pack(written, 5).tobytes()


def test_codes_that_cannot_be_packed_are_refused_in_a_sentence() -> None:
    with pytest.raises(
        ValueError,
        match="values is 1: a code's variable takes a whole number of values from 2 to 4096",
    ):
        pack(np.zeros(3, np.uint8), 1)
    with pytest.raises(ValueError, match="values is 4097"):
        layout(3, 4097)
    with pytest.raises(
        ValueError, match="codes reach from 0 to 3: whole numbers from 0 to 2 are needed"
    ):
        pack(np.array([0, 3], dtype=np.uint8), 3)
    with pytest.raises(ValueError, match="codes reach from -1 to 2"):
        pack(torch.tensor([-1, 2]), 3)
    with pytest.raises(TypeError, match="codes are float32: whole numbers are needed"):
        pack(torch.zeros(3), 3)


def test_bytes_of_another_block_are_refused() -> None:
    packed = pack(np.zeros((4, 10), dtype=np.uint8), 3)
    with pytest.raises(
        ValueError,
        match=r"packed holds 8 of uint8: 9 bytes of uint8 hold \(4, 11\) codes of 3 values",
    ):
        unpack(packed, 3, (4, 11))
    with pytest.raises(ValueError, match="packed holds 8 of int64"):
        unpack(packed.astype(np.int64), 3, (4, 10))
