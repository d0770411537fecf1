"""An entropy coder: symbols in hardly more bits than their probabilities say, by interleaved range
asymmetric numeral systems.

Duda's rANS (2013), with 64-bit states and 32-bit words, in whole numbers throughout: equal tables
give equal bytes on every machine. Symbol j belongs to lane j mod `lanes`, and each lane has a state
of its own, so that a reader without a compiler can take as many symbols at once. A string holds the
lanes' final states, 8 bytes each, then the words in the order in which decoding needs them, the low
byte first.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from distillery.storage.frequencies import PRECISION, TOTAL, check_tables, counted_frequencies
from distillery.storage.packing import check_values
from distillery.support.machine_code import compiled

_LOW = 1 << 31  # a state is in [2^31, 2^63)
_SYMBOLS_A_LANE, _MOST_LANES = 32_768, 64
_LOOKED_UP = 4096  # so many symbols of one table are worth a list of its slots


class Encoder:
    """Takes symbols in the order in which they will be decoded: `put` them with their tables, then
    `finish`.
    """

    def __init__(self) -> None:
        self._slots: list[np.ndarray] = []

    def put(self, symbols: np.ndarray, tables: np.ndarray) -> None:
        """Symbols (n,) by one table (l,) for all, or by one each, (n, l)."""
        symbols, tables = np.asarray(symbols), check_tables(tables)
        if symbols.dtype.kind not in "iu" or (
            symbols.size and not 0 <= int(symbols.min()) <= int(symbols.max()) < tables.shape[-1]
        ):
            raise ValueError(f"symbols must be whole numbers from 0 to {tables.shape[-1] - 1}")
        slots = _slots(tables)
        if tables.ndim == 1:
            self._slots.append(slots.take(symbols))
        else:
            place = symbols.astype(np.intp)[:, None]
            self._slots.append(np.take_along_axis(slots, place, -1)[:, 0])

    def finish(self) -> bytes:
        """The string. Coding runs from the last symbol to the first."""
        slots = np.concatenate([*self._slots, np.zeros(0, np.uint32)])
        states = np.full(lanes(len(slots)), _LOW, dtype=np.uint64)
        words = np.empty(len(slots), dtype=np.uint32)
        first = _encode(slots, states, words)
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
        words = np.frombuffer(string, "<u4", offset=8 * used).astype(np.uint32)
        self._words = np.append(words, np.uint32(0))  # what is read when there is nothing to read
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
        self._decode(tables, symbols)
        if self._read >= len(self._words):
            raise ValueError(
                "the string ends before its symbols do: it was cut short or altered, or coded by"
                " other tables"
            )
        return symbols

    def _decode(self, tables: np.ndarray, symbols: np.ndarray) -> None:
        """The next symbols into their array, by the loop that is faster for so many."""
        string = (self._states, self._words, self._read, self._done % len(self._states))
        if tables.ndim == 1 and len(symbols) >= _LOOKED_UP:
            known = np.repeat(np.arange(len(tables), dtype=np.uint16), tables)
            self._read = _look_up(*string, _slots(tables), known, symbols)
        else:
            self._read = _search(*string, _slots(np.atleast_2d(tables)), symbols)
        self._done += len(symbols)

    def finish(self) -> None:
        """An error unless every symbol, word and state has come out as it went in: a check on the
        string, and on the tables.
        """
        if (
            self._done < self._count
            or self._read < len(self._words) - 1
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
    encoder = Encoder()
    counts = np.ones((codes.shape[1], values), dtype=np.int64)
    columns = np.ascontiguousarray(codes.T)
    for block in _blocks(len(codes)):
        for i, table in enumerate(counted_frequencies(counts)):
            symbols = columns[i, block]
            encoder.put(symbols, table)
            counts[i] += np.bincount(symbols, minlength=values)
    return encoder.finish()


def decode_codes(string: bytes, values: int, shape: tuple[int, int]) -> np.ndarray:
    """The codes again."""
    check_values(values)
    decoder = Decoder(string, shape[0] * shape[1])
    counts = np.ones((shape[1], values), dtype=np.int64)
    columns = np.empty(shape[::-1], dtype=np.uint8 if values <= 256 else np.int16)
    for block in _blocks(shape[0]):
        for i, table in enumerate(counted_frequencies(counts)):
            symbols = decoder.take(table, block.stop - block.start)
            columns[i, block] = symbols
            counts[i] += np.bincount(symbols, minlength=values)
    decoder.finish()
    return np.ascontiguousarray(columns.T)


def _blocks(count: int) -> list[slice]:
    """1, 1, 2, 4 … codes: at the start much is learnt from each."""
    ends = [0, *(1 << k for k in range(count.bit_length()) if 1 << k < count), count]
    return [slice(begin, end) for begin, end in pairwise(ends) if begin < end]


def lanes(count: int) -> int:
    """Into how many lanes so many symbols are dealt."""
    return max(1, min(count // _SYMBOLS_A_LANE, _MOST_LANES))


def _slots(tables: np.ndarray) -> np.ndarray:
    """Where each symbol's share of 2^16 begins, and how large it is but for 1, in the lower and the
    upper half of a uint32: to look a symbol up is to wait for memory.
    """
    starts = tables.cumsum(-1) - tables
    return (((tables - 1) << PRECISION) | starts).astype(np.uint32)


_WORD, _HALF, _BITS, _MASK = (np.uint64(n) for n in (32, 2**32 - 1, PRECISION, TOTAL - 1))
_TOP, _LEAST, _ONE = np.uint64(63 - PRECISION), np.uint64(_LOW), np.uint64(1)

_machine_code = partial(compiled, error_model="numpy")  # sizes are never 0

# The loops below choose words without a branch, for no processor can guess which symbol needs one.


@_machine_code
def _encode(slots: Any, states: Any, words: Any) -> Any:
    """Where in `words` the words begin; they are written from the end.

    Half a state stands before them all the time, and counts only if it has to leave.
    """
    place, last = len(words), len(states) - 1
    lane = (len(slots) - 1) % len(states)
    for j in range(len(slots) - 1, -1, -1):
        state, size = states[lane], (np.uint64(slots[j]) >> _BITS) + _ONE
        full = (state >> _TOP) >= size
        words[place - 1] = state & _HALF
        place -= full
        state = state >> _WORD if full else state
        whole = state // size
        states[lane] = (whole << _BITS) + (state - whole * size) + (slots[j] & _MASK)
        lane = lane - 1 if lane else last
    return place


@_machine_code
def _next(states: Any, words: Any, read: Any, lane: Any, slot: Any) -> Any:
    """A lane after the symbol that owns a slot, filled up by a word if it has become small."""
    size, start = (np.uint64(slot) >> _BITS) + _ONE, np.uint64(slot) & _MASK
    state = size * (states[lane] >> _BITS) + (states[lane] & _MASK) - start
    low = state < _LEAST
    word = np.uint64(words[min(read, len(words) - 1)])
    states[lane] = (state << _WORD) | word if low else state
    return read + low


@_machine_code
def _look_up(
    states: Any, words: Any, read: Any, lane: Any, slots: Any, known: Any, symbols: Any
) -> Any:
    """How many words are read in the end: more than there are, if they do not suffice.

    `known` is the symbol of every slot.
    """
    for j in range(len(symbols)):
        symbols[j] = known[states[lane] & _MASK]
        read = _next(states, words, read, lane, slots[symbols[j]])
        lane = lane + 1 if lane + 1 < len(states) else 0
    return read


@_machine_code
def _search(states: Any, words: Any, read: Any, lane: Any, slots: Any, symbols: Any) -> Any:
    """The same where symbols have tables of their own, or are too few to make a list of slots."""
    shared, most = len(slots) == 1, slots.shape[1] - 1
    for j in range(len(symbols)):
        row, symbol, slot = 0 if shared else j, 0, states[lane] & _MASK
        while symbol < most and (slots[row, symbol + 1] & _MASK) <= slot:
            symbol += 1
        symbols[j] = symbol
        read = _next(states, words, read, lane, slots[row, symbol])
        lane = lane + 1 if lane + 1 < len(states) else 0
    return read
