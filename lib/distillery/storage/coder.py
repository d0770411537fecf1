"""An entropy coder: symbols in hardly more bits than their probabilities say, by interleaved range
asymmetric numeral systems.

Duda's rANS (2013), with 64-bit states and 32-bit words, in whole numbers throughout: equal tables
give equal bytes on every machine. Symbol j belongs to lane j mod `lanes`, and each lane has a state
of its own, so that a reader without a compiler can take as many symbols at once. A string holds the
lanes' final states, 8 bytes each, then the words in the order in which decoding needs them, the low
byte first.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from distillery.storage.frequencies import PRECISION, TOTAL, check_tables, counted_frequencies
from distillery.storage.packing import check_values
from distillery.support.machine_code import compiled

_LOW = 1 << 31  # a state is in [2^31, 2^63)
_SYMBOLS_A_LANE, _MOST_LANES = 32_768, 64


class Encoder:
    """Takes symbols in the order in which they will be decoded: `put` them with their tables, then
    `finish`.
    """

    def __init__(self) -> None:
        self._starts: list[np.ndarray] = []
        self._sizes: list[np.ndarray] = []

    def put(self, symbols: np.ndarray, tables: np.ndarray) -> None:
        """Symbols (n,) by one table (l,) for all, or by one each, (n, l)."""
        symbols, tables = np.asarray(symbols), check_tables(tables)
        if symbols.dtype.kind not in "iu" or (
            symbols.size and not 0 <= int(symbols.min()) <= int(symbols.max()) < tables.shape[-1]
        ):
            raise ValueError(f"symbols must be whole numbers from 0 to {tables.shape[-1] - 1}")
        starts = tables.cumsum(-1) - tables
        if tables.ndim == 1:
            sizes, starts = tables[symbols], starts[symbols]
        else:
            place = symbols.astype(np.intp)[:, None]
            sizes, starts = (np.take_along_axis(each, place, -1)[:, 0] for each in (tables, starts))
        self._starts.append(starts.astype(np.uint64))
        self._sizes.append(sizes.astype(np.uint64))

    def finish(self) -> bytes:
        """The string. Coding runs from the last symbol to the first."""
        starts, sizes = (
            np.concatenate([*parts, np.zeros(0, np.uint64)])
            for parts in (self._starts, self._sizes)
        )
        states, words = (
            np.full(lanes(len(starts)), _LOW, dtype=np.uint64),
            np.empty(len(starts), dtype=np.uint32),
        )
        first = _encode(starts, sizes, states, words)
        return states.astype("<u8").tobytes() + words[first:].astype("<u4").tobytes()


class Decoder:
    """Gives back `count` symbols, as many at a time as are asked for; each time the tables may
    depend on all before.
    """

    def __init__(self, string: bytes, count: int) -> None:
        used = lanes(count)
        if len(string) < 8 * used or len(string) % 4:
            raise ValueError(
                f"the string has {len(string)} bytes: {8 * used} and a multiple of 4 more are"
                f" needed for {count} symbols"
            )
        self._states = np.frombuffer(string, "<u8", used).astype(np.uint64)
        self._words = np.frombuffer(string, "<u4", offset=8 * used).astype(np.uint32)
        self._count, self._done, self._read = count, 0, 0

    def take(self, tables: np.ndarray, n: int | None = None) -> np.ndarray:
        """The next symbols: `n` by one table (l,) for all, or one for each of the tables (n, l)."""
        tables = check_tables(tables)
        shared = tables.ndim == 1
        if (n is None) == shared or (n is not None and n < 0):
            raise ValueError(f"n is {n}: it is needed with one table for all, and only then")
        symbols = np.empty(len(tables) if n is None else n, dtype=np.int64)
        if self._done + len(symbols) > self._count:
            raise ValueError(
                f"{len(symbols)} symbols are asked for, {self._count - self._done} of {self._count}"
                " are left"
            )
        known = np.repeat(np.arange(len(tables)), tables) if shared else np.zeros(0, dtype=np.int64)
        sizes = np.ascontiguousarray(np.atleast_2d(tables)).astype(np.uint64)
        starts = sizes.cumsum(1) - sizes
        self._read = _decode(
            self._states, self._words, self._read, self._done, starts, sizes, known, symbols
        )
        self._done += len(symbols)
        if self._read > len(self._words):
            raise ValueError(
                "the string ends before its symbols do: it was cut short or altered, or coded by"
                " other tables"
            )
        return symbols

    def finish(self) -> None:
        """An error unless every symbol, word and state has come out as it went in: a check on the
        string, and on the tables.
        """
        if (
            self._done < self._count
            or self._read < len(self._words)
            or (self._states != _LOW).any()
        ):
            raise ValueError(
                "the string does not end where its symbols do: it was altered, or coded by other"
                " tables"
            )


def encode_codes(codes: np.ndarray, values: int) -> bytes:
    """Codes (N, c) below `values`, each variable by tables that adapt: before block after block
    they are the counts of all codes so far.
    """
    check_values(values)
    if codes.ndim != 2 or codes.dtype.kind not in "iu":
        raise ValueError(
            f"codes have shape {codes.shape} and dtype {codes.dtype}: whole numbers (N, c) are"
            " needed"
        )
    encoder, counts = Encoder(), np.ones((codes.shape[1], values), dtype=np.int64)
    for block in _blocks(len(codes)):
        for i, table in enumerate(counted_frequencies(counts)):
            encoder.put(codes[block, i], table)
            counts[i] += np.bincount(codes[block, i], minlength=values)
    return encoder.finish()


def decode_codes(string: bytes, values: int, shape: tuple[int, int]) -> np.ndarray:
    """The codes again."""
    check_values(values)
    decoder, counts = (
        Decoder(string, shape[0] * shape[1]),
        np.ones((shape[1], values), dtype=np.int64),
    )
    codes = np.empty(shape, dtype=np.uint8 if values <= 256 else np.int16)
    for block in _blocks(shape[0]):
        for i, table in enumerate(counted_frequencies(counts)):
            codes[block, i] = found = decoder.take(table, block.stop - block.start)
            counts[i] += np.bincount(found, minlength=values)
    decoder.finish()
    return codes


def _blocks(count: int) -> list[slice]:
    """1, 1, 2, 4 … codes: at the start much is learnt from each."""
    ends = [0, *(1 << k for k in range(count.bit_length()) if 1 << k < count), count]
    return [slice(begin, end) for begin, end in pairwise(ends) if begin < end]


def lanes(count: int) -> int:
    """Into how many lanes so many symbols are dealt."""
    return max(1, min(count // _SYMBOLS_A_LANE, _MOST_LANES))


_WORD, _HALF, _BITS, _MASK = (np.uint64(n) for n in (32, 2**32 - 1, PRECISION, TOTAL - 1))
_TOP, _LEAST = np.uint64(63 - PRECISION), np.uint64(_LOW)


@compiled
def _encode(starts: Any, sizes: Any, states: Any, words: Any) -> Any:
    """Where in `words` the words begin; they are written from the end."""
    place = len(words)
    for j in range(len(starts) - 1, -1, -1):
        lane = j % len(states)
        state, size = states[lane], sizes[j]
        if (state >> _TOP) >= size:
            place -= 1
            words[place] = state & _HALF
            state >>= _WORD
        whole = state // size
        states[lane] = (whole << _BITS) + (state - whole * size) + starts[j]
    return place


@compiled
def _decode(
    states: Any, words: Any, read: Any, done: Any, starts: Any, sizes: Any, known: Any, symbols: Any
) -> Any:
    """How many words are read in the end: more than there are, if they do not suffice.

    `known` is the symbol of every slot, or empty.
    """
    most = starts.shape[1] - 1
    for j in range(len(symbols)):
        lane = (done + j) % len(states)
        state = states[lane]
        slot = state & _MASK
        if len(known):
            row, symbol = 0, known[slot]
        else:
            row, symbol = j, 0
            while symbol < most and starts[row, symbol + 1] <= slot:
                symbol += 1
        state = sizes[row, symbol] * (state >> _BITS) + slot - starts[row, symbol]
        if state < _LEAST:
            if read >= len(words):
                return len(words) + 1
            state = (state << _WORD) | np.uint64(words[read])
            read += 1
        states[lane], symbols[j] = state, symbol
    return read
