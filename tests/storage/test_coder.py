"""Symbols come back from hardly more bits than their tables say; the format can be read without a
compiler; damage is noticed.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distillery.storage.coder import Decoder, Encoder, decode_codes, encode_codes, lanes
from distillery.storage.frequencies import TOTAL, frequencies

TABLE = frequencies(np.array([0.7, 0.2, 0.1]))


def coded(symbols: np.ndarray, tables: np.ndarray) -> bytes:
    encoder = Encoder()
    encoder.put(symbols, tables)
    return encoder.finish()


def read_by_numpy(string: bytes, count: int, table: np.ndarray) -> np.ndarray:
    """The format as the module's first lines describe it: a step takes one symbol of each lane."""
    width = lanes(count)
    states, words = (
        np.frombuffer(string, "<u8", width).copy(),
        np.frombuffer(string, "<u4", offset=8 * width),
    )
    ends, symbols, read = table.cumsum(), np.empty(count, dtype=np.int64), 0
    for begin in range(0, count, width):
        state = states[: min(width, count - begin)]
        slot = (state % TOTAL).astype(np.int64)
        found = np.searchsorted(ends, slot, side="right")
        state = table[found].astype(np.uint64) * (state // TOTAL) + (
            slot - ends[found] + table[found]
        ).astype(np.uint64)
        low = state < 2**31
        state[low] = (state[low] << np.uint64(32)) | words[read : read + low.sum()]
        read += low.sum()
        states[: len(state)], symbols[begin : begin + len(state)] = state, found
    return symbols


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 200), st.integers(0, 400), st.integers(0, 2**32))
def test_symbols_come_back_and_cost_what_their_tables_say(
    values: int, count: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    table = frequencies(rng.dirichlet(np.full(values, 0.3)))
    symbols = rng.integers(0, values, count)  # not what the table expects: improbable symbols too
    string = coded(symbols, table)
    decoder = Decoder(string, count)
    np.testing.assert_array_equal(decoder.take(table, count), symbols)
    decoder.finish()
    assert len(string) <= -np.log2(table[symbols] / TOTAL).sum() / 8 * 1.001 + 12


def test_probable_symbols_reach_their_entropy_within_a_three_hundredth() -> None:
    rng = np.random.default_rng(0)
    symbols = rng.choice(3, 100_000, p=[0.7, 0.2, 0.1])
    ideal = -np.log2(TABLE[symbols] / TOTAL).sum() / 8
    assert ideal < len(coded(symbols, TABLE)) < ideal * (1 + 1 / 300)


@pytest.mark.parametrize("values", [2, 5, 200])
def test_strings_are_as_short_as_those_of_another_coder_but_for_the_states_of_the_lanes(
    values: int,
) -> None:
    """constriction, in Rust, codes by the same tables with one state."""
    constriction = pytest.importorskip("constriction")
    rng, count = np.random.default_rng(values), 200_000
    table = frequencies(rng.dirichlet(np.ones(values)))
    symbols = rng.choice(values, count, p=table / TOTAL)
    probs = (table / TOTAL).astype(np.float32)
    model = constriction.stream.model.Categorical(probs, perfect=True)
    other = constriction.stream.stack.AnsCoder()
    other.encode_reverse(symbols.astype(np.int32), model)
    string = coded(symbols, table)
    bytes_of_states = 8 * lanes(count)
    assert abs(len(string) - bytes_of_states - other.get_compressed().nbytes) < 1e-3 * len(string)
    decoder = Decoder(string, count)
    np.testing.assert_array_equal(decoder.take(table, count), other.decode(model, count))


def test_a_longer_string_is_what_it_was_when_this_was_written() -> None:
    """By one table and by many, in several lanes, with and without a list of slots."""
    rng = np.random.default_rng(7)
    rows = frequencies(rng.dirichlet(np.ones(6), 50))
    encoder = Encoder()
    encoder.put(rng.integers(0, 6, 60_000), rows[0])
    encoder.put(rng.integers(0, 6, 50), rows)
    encoder.put(rng.integers(0, 6, 40_000), rows[1])
    encoder.put(rng.integers(0, 6, 100), rows[2])
    string = encoder.finish()
    assert hashlib.sha256(string).hexdigest()[:16] == "3bff2daeff5e536e"
    assert lanes(100_150) == 3


def test_a_symbol_that_is_the_only_one_costs_nothing() -> None:
    only = np.array([TOTAL])
    string = coded(np.zeros(1000, dtype=int), only)
    assert len(string) == 8
    assert not Decoder(string, 1000).take(only, 1000).any()


def test_numpy_alone_reads_the_format_lane_by_lane() -> None:
    count = 70_000
    assert lanes(count) == 2
    symbols = np.random.default_rng(1).choice(3, count, p=[0.7, 0.2, 0.1])
    np.testing.assert_array_equal(read_by_numpy(coded(symbols, TABLE), count, TABLE), symbols)


def test_a_string_is_what_it_was_when_this_was_written() -> None:
    """Files depend on it."""
    table = frequencies(np.array([0.2, 0.3, 0.5]))
    assert coded(np.array([0, 2, 1, 1, 0, 2, 2, 2]), table).hex() == "23058d3aae080000"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 40), max_size=6))
def test_tables_may_depend_on_all_symbols_before(seed: int, sizes: list[int]) -> None:
    rng = np.random.default_rng(seed)
    rows = frequencies(rng.dirichlet(np.full(5, 0.5), 7))
    encoder, seen = Encoder(), 0
    written = [rng.integers(0, 5, size) for size in sizes]
    for part in written:
        encoder.put(part, rows[(seen + np.arange(len(part))) % 7])
        seen = (seen + int(part.sum())) % 7
    decoder, seen = Decoder(encoder.finish(), sum(sizes)), 0
    for part in written:
        found = decoder.take(rows[(seen + np.arange(len(part))) % 7])
        np.testing.assert_array_equal(found, part)
        seen = (seen + int(found.sum())) % 7
    decoder.finish()


def test_any_altered_byte_is_noticed() -> None:
    symbols = np.random.default_rng(2).choice(3, 120, p=[0.7, 0.2, 0.1])
    string = coded(symbols, TABLE)
    for place in range(len(string)):
        altered = bytearray(string)
        altered[place] ^= 1 << (place % 8)
        with pytest.raises(ValueError, match="altered"):
            read_to_the_end(bytes(altered), len(symbols))


def test_a_string_cut_short_or_read_by_other_tables_is_noticed() -> None:
    symbols = np.random.default_rng(3).choice(3, 300, p=[0.7, 0.2, 0.1])
    string = coded(symbols, TABLE)
    with pytest.raises(ValueError, match="ends before its symbols do: it was cut short"):
        read_to_the_end(string[:-4], len(symbols))
    with pytest.raises(ValueError, match="coded by other tables"):
        read_to_the_end(string, len(symbols), frequencies(np.array([0.6, 0.3, 0.1])))
    with pytest.raises(
        ValueError,
        match="the string has 4 bytes: 8 and a multiple of 4 more are needed for 300 symbols",
    ):
        Decoder(string[:4], 300)


def read_to_the_end(string: bytes, count: int, table: np.ndarray = TABLE) -> None:
    decoder = Decoder(string, count)
    decoder.take(table, count)
    decoder.finish()


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 20), st.integers(0, 70), st.integers(1, 6), st.integers(0, 2**32))
def test_codes_come_back_by_tables_that_adapt(
    values: int, count: int, variables: int, seed: int
) -> None:
    codes = np.random.default_rng(seed).integers(0, values, (count, variables)).astype(np.uint8)
    back = decode_codes(encode_codes(codes, values), values, codes.shape)
    assert back.dtype == codes.dtype
    np.testing.assert_array_equal(back, codes)


def test_adapting_tables_find_the_entropy_of_each_variable() -> None:
    rng = np.random.default_rng(4)
    codes = (rng.random((8000, 10)) < np.linspace(0.02, 0.5, 10)).astype(np.uint8)
    share = codes.mean(0)
    entropy = -(share * np.log2(share) + (1 - share) * np.log2(1 - share)).sum() * len(codes) / 8
    assert entropy < len(encode_codes(codes, 2)) < 1.02 * entropy < 0.8 * codes.size / 8


def test_what_cannot_be_coded_is_refused_in_a_sentence() -> None:
    encoder, decoder = Encoder(), Decoder(coded(np.array([0, 1]), TABLE), 2)
    with pytest.raises(ValueError, match="symbols must be whole numbers from 0 to 2"):
        encoder.put(np.array([3]), TABLE)
    with pytest.raises(ValueError, match="each at least 1, that sum to 65536"):
        encoder.put(np.array([0]), np.array([1, 2]))
    with pytest.raises(ValueError, match="3 symbols are asked for, 2 of 2 are left"):
        decoder.take(TABLE, 3)
    with pytest.raises(
        ValueError, match="n is None: it is needed with one table for all, and only then"
    ):
        decoder.take(TABLE)
    with pytest.raises(
        ValueError,
        match=r"codes have shape \(3,\) and dtype float64: whole numbers \(N, c\) are needed",
    ):
        encode_codes(np.zeros(3), 2)
