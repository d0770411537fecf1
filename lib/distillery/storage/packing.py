"""Codes as bits: (N, c) whole numbers below l, written in the mixed radix that wastes less than a
hundredth of c · log2 l.

The digits of all codes, one after the other, are dealt out to groups: digit t · groups + j is digit
t of group j (where l is 2 the eight digits of a byte are neighbours, as in `numpy.packbits`). Each
group is a number in base l, least digit first, and each number so many bytes; byte 0 of all groups
comes first, then byte 1, and so on. Groups side by side make every step of packing one operation on
long arrays, the same for numpy's and for torch's, on any device.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from distillery.support.machine_code import compiled

Array = TypeVar("Array", np.ndarray, Tensor)

MOST_VALUES = 4096
WASTE = 0.01
_MOST_BYTES = 128  # of a group: 1,024 bits
_LIMB = 32  # bits of a group's number that one int64 holds; it is multiplied by less than 2^31
_NONE, _GATHER, _TOP_BYTE = np.uint64(0), np.uint64(0x0102040810204080), np.uint64(56)
_ONES, _DIAGONAL = np.uint64(0x0101010101010101), np.uint64(0x8040201008040201)
_SEVEN = np.uint64(7)
_127 = np.uint64(0x7F7F7F7F7F7F7F7F)
_WHOLE = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
_AT_ONCE = 1 << 17  # bytes worked on together, so that they stay within the cache


@dataclass(frozen=True)
class Layout:
    """`groups` numbers of `digits` digits in base `values`, each in `width` bytes."""

    values: int
    digits: int
    width: int
    groups: int

    @property
    def bytes(self) -> int:
        return self.width * self.groups


@lru_cache(maxsize=1024)
def layout(count: int, values: int, *, tight: bool = False) -> Layout:
    """How `count` digits below `values` are packed: in the narrowest groups that waste at most 1 %,
    or `tight`, in those that waste least.

    Few digits may waste more: they take whole bytes.
    """
    check_values(values)
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise ValueError(f"count is {count!r}: a number of digits is needed")
    if values == 2:
        return Layout(2, 8, 1, math.ceil(count / 8))
    enough = math.floor((1 + WASTE) * count * math.log2(values) / 8)
    widths = [width for width in range(1, _MOST_BYTES + 1) if values <= 1 << (8 * width)]
    ways = [_shared_out(count, values, width) for width in widths]
    good_enough = [way for way in ways if way.bytes <= enough]
    if good_enough and not tight:
        return good_enough[0]
    return min(ways, key=lambda way: way.bytes)


def pack(codes: Array, values: int, *, tight: bool = False) -> Array:
    """Codes, whole numbers below `values` in any shape, as bytes: an array or tensor of uint8, as
    long as `layout(...)` says.
    """
    how = layout(_size(codes), values, tight=tight)
    if isinstance(codes, np.ndarray) and codes.dtype == np.uint8 and values == 2:
        return _packed_bits(codes)
    _check_codes(codes, values)
    if isinstance(codes, np.ndarray) and values == 2:
        return (
            np.packbits(codes.reshape(-1), bitorder="little")
            if codes.size
            else np.zeros(0, np.uint8)
        )
    planes = _planes(_cast(codes.reshape(-1), _narrowest(values)), how)
    packed = _empty(codes, (how.width, how.groups), "uint8")
    for part in _parts(how):
        _write(packed[:, part], _number([planes[t, part] for t in range(how.digits)], how))
    return packed.reshape(-1)


def unpack(packed: Array, values: int, shape: Sequence[int], *, tight: bool = False) -> Array:
    """The codes again, in their `shape`: uint8, or int16 above 256 values."""
    count = math.prod(shape)
    how = layout(count, values, tight=tight)
    if _size(packed) != how.bytes or _kind(packed) != "uint8":
        raise ValueError(
            f"packed holds {_size(packed)} of {_kind(packed)}: {how.bytes} bytes of uint8 hold"
            f" {tuple(shape)} codes of {values} values"
        )
    if isinstance(packed, np.ndarray) and values == 2:
        return _unpacked_bits(packed, count).reshape(shape)
    flat = _empty(packed, (how.digits * how.groups,), _narrowest(values))
    planes, held = _planes(flat, how), packed.reshape(how.width, how.groups)
    for part in _parts(how):
        for t, digit in enumerate(_digits_of(_read(held[:, part]), how)):
            planes[t, part] = digit
    return flat[:count].reshape(*shape)


def packed_bits(count: int, values: int, *, tight: bool = False) -> int:
    """The bits that `pack` writes for `count` digits."""
    return 8 * layout(count, values, tight=tight).bytes


def check_values(values: int) -> None:
    if isinstance(values, bool) or not isinstance(values, int) or not 2 <= values <= MOST_VALUES:
        raise ValueError(
            f"values is {values!r}: a code's variable takes a whole number of values from 2 to"
            f" {MOST_VALUES}"
        )


def _packed_bits(codes: np.ndarray) -> np.ndarray:
    """One pass that packs and looks for codes that are no bits; two would take twice as long."""
    flat, packed = np.ascontiguousarray(codes).reshape(-1), np.empty(-(-codes.size // 8), np.uint8)
    whole = codes.size // 8 * 8
    seen = int(_eight_by_eight(flat[:whole].view("<u8"), packed))
    seen |= int(np.bitwise_or.reduce(flat[whole:], initial=0))
    if seen & ~0x0101010101010101:
        _check_codes(codes, 2)
    packed[whole // 8 :] = np.packbits(flat[whole:], bitorder="little")
    return packed


def _unpacked_bits(packed: np.ndarray, count: int) -> np.ndarray:
    bits = np.empty(8 * packed.size, np.uint8)
    _one_by_eight(packed.reshape(-1), bits.view("<u8"))
    return bits[:count]


@compiled
def _eight_by_eight(words: Any, out: Any) -> Any:
    """Eight bits of eight bytes into one, the product carries bit i of the result from byte i;
    returns all bits that any word has.
    """
    seen = _NONE
    for i in range(len(words)):
        seen |= words[i]
        out[i] = (words[i] * _GATHER) >> _TOP_BYTE
    return seen


@compiled
def _one_by_eight(packed: Any, words: Any) -> None:
    """Bit i of a byte into byte i of a word: the byte eight times, of each one bit; plus 127 that
    bit is the highest, if it is set.
    """
    for i in range(len(packed)):
        words[i] = (((np.uint64(packed[i]) * _ONES) & _DIAGONAL) + _127 >> _SEVEN) & _ONES


def _shared_out(count: int, values: int, width: int) -> Layout:
    """As many groups as groups of `width` bytes would be, filled evenly, and no wider than that
    needs.
    """
    groups = max(1, math.ceil(count / _digits(values, width)))
    digits = math.ceil(count / groups)
    return Layout(values, digits, _bytes(values, digits), groups)


def _digits(values: int, width: int) -> int:
    """As many digits as `width` bytes hold."""
    digits = int(8 * width / math.log2(values)) + 1
    return digits if _bytes(values, digits) <= width else digits - 1


def _bytes(values: int, digits: int) -> int:
    """As few bytes as hold every number of so many digits; long integers decide only where the
    logarithm cannot.
    """
    need = digits * math.log2(values) / 8
    if abs(need - round(need)) > 1e-6:
        return math.ceil(need)
    return math.ceil((values**digits - 1).bit_length() / 8)


def _number(digits: list[Any], how: Layout) -> list[Any]:
    """Each group's number from its digits, least digit first, in limbs of 32 bits, least limb
    first.
    """
    digits, base = _folded(digits, how.values, 2**8, "uint8")
    if how.values**how.digits <= 2 ** (_LIMB - 1):
        return [_horner(digits, base, "int32")] if len(digits) > 1 else digits
    digits, base = _folded(digits, base, 2 ** (_LIMB - 1), "int64")
    limbs = digits[-1:]
    for digit in reversed(digits[:-1]):
        carry = digit
        for i, limb in enumerate(limbs):
            limb = limb * base + carry
            limbs[i], carry = limb & (2**_LIMB - 1), limb >> _LIMB
        if 4 * len(limbs) < how.width:
            limbs.append(carry)
    return limbs


def _folded(digits: list[Any], base: int, limit: int, kind: str) -> tuple[list[Any], int]:
    """As many neighbouring digits in one as stay below `limit`, and the base of those."""
    some = _most_digits(base, limit)
    if kind == "uint8" and some < 2:
        return digits, base
    return [
        _horner(digits[i : i + some], base, kind) for i in range(0, len(digits), some)
    ], base**some


def _horner(digits: list[Any], base: int, kind: str) -> Any:
    number = _cast(digits[-1], kind, copy=True)
    for digit in reversed(digits[:-1]):
        number *= base
        number += digit
    return number


def _write(out: Any, limbs: list[Any]) -> None:
    for i in range(len(out)):
        limb, shift = limbs[i // 4], 8 * (i % 4)
        out[i] = limb if len(out) == 1 else (limb >> shift if shift else limb) & 255


def _read(held: Any) -> list[Any]:
    """Limbs of 32 bits from rows of bytes."""
    limbs = []
    for start in range(0, len(held), 4):
        rows = [_cast(held[i], "int64") for i in range(start, min(start + 4, len(held)))]
        limbs.append(_horner(rows, 256, "int64") if len(held) > 1 else held[start])
    return limbs


def _digits_of(limbs: list[Any], how: Layout) -> Iterator[Any]:
    """The digits of each group's number, least first."""
    some = _most_digits(how.values, 2 ** (_LIMB - 1))
    left = how.digits
    while left > some:
        rest: Any = 0
        for i in reversed(range(len(limbs))):
            whole = limbs[i] + (rest << _LIMB)
            limbs[i], rest = _divided(whole, how.values**some)
        left -= some
        limbs = limbs[: math.ceil(_bytes(how.values, left) / 4)]
        yield from _peeled(rest, how.values, some)
    if left:
        yield from _peeled(limbs[0], how.values, left)


def _peeled(number: Any, values: int, digits: int) -> Iterator[Any]:
    """The digits of a number below values^digits, by halves: small numbers divide faster."""
    number = _cast(number, _narrowest(values**digits))
    if digits == 1:
        yield number
        return
    upper, lower = _divided(number, values ** (digits // 2))
    yield from _peeled(lower, values, digits // 2)
    yield from _peeled(upper, values, digits - digits // 2)


def _divided(number: Any, by: int) -> tuple[Any, Any]:
    if by & (by - 1) == 0:
        return number >> (by.bit_length() - 1), number & (by - 1)
    quotient = number // by
    return quotient, number - quotient * by  # a division is dearer than a product


def _most_digits(base: int, limit: int) -> int:
    some = 1
    while base ** (some + 1) <= limit:
        some += 1
    return some


def _planes(flat: Any, how: Layout) -> Any:
    """(digits, groups): digits that are equally significant side by side, zeros at the end."""
    if _size(flat) < how.digits * how.groups:
        padded = _empty(flat, (how.digits * how.groups,), _kind(flat))
        padded[: _size(flat)], padded[_size(flat) :] = flat, 0
        flat = padded
    if how.values == 2:
        return flat.reshape(how.groups, how.digits).T
    return flat.reshape(how.digits, how.groups)


def _parts(how: Layout) -> Iterator[slice]:
    some = _AT_ONCE if how.width == 1 else _AT_ONCE // 8
    return (slice(start, start + some) for start in range(0, how.groups, some))


def _check_codes(codes: Any, values: int) -> None:
    if _kind(codes) not in _WHOLE:
        raise TypeError(f"codes are {_kind(codes)}: whole numbers are needed")
    signed = not _kind(codes).startswith("u")
    if _size(codes) and not ((not signed or int(codes.min()) >= 0) and int(codes.max()) < values):
        raise ValueError(
            f"codes reach from {int(codes.min())} to {int(codes.max())}: whole numbers from 0 to"
            f" {values - 1} are needed"
        )


def _narrowest(values: int) -> str:
    room = {"uint8": 2**8, "int16": 2**15, "int32": 2**31}
    return next((kind for kind, most in room.items() if values <= most), "int64")


def _kind(x: Any) -> str:
    return str(x.dtype).removeprefix("torch.")


def _size(x: Any) -> int:
    return int(x.numel() if isinstance(x, Tensor) else x.size)


def _empty(like: Any, shape: tuple[int, ...], kind: str) -> Any:
    if isinstance(like, Tensor):
        return like.new_empty(shape, dtype=getattr(torch, kind))
    return np.empty(shape, kind)


def _cast(x: Any, kind: str, *, copy: bool = False) -> Any:
    if isinstance(x, Tensor):
        return x.to(getattr(torch, kind), copy=copy)
    return x.astype(kind, copy=copy)
