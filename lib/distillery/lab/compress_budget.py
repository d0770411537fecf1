"""What a reader may spend on a recollection file, and the code that he gets for it (Riemer et al., 2017, equations 3 and 4)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from distillery.storage import FILES, Choice, best_incremental, best_total, least_total, packed_bits, stored_bits
from distillery.storage.budgets import autoencoder_parameters

VALUES = range(2, 17)  # equation 3 asks nothing of the network: with more values it would take a hundred times the filters for half a bit
HEADER_BYTES = 2048  # what budgets leave for the header and its card
LEAST_BITS = 2  # of a code, two variables of two values or one of four

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Budget:
    """One of: bits for the code alone, a share of the pictures' bytes for the whole file, bytes for it, or the `code` (c, l) itself."""

    bits_per_image: float | None = None
    times_smaller: float | None = None
    budget_bytes: float | None = None
    code: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        given = {field.name: getattr(self, field.name) for field in fields(self) if getattr(self, field.name) is not None}
        if len(given) != 1:
            names = ", ".join(field.name for field in fields(self))
            raise ValueError(
                f"{' and '.join(given) or 'nothing'} {'were' if len(given) > 1 else 'was'} given: exactly one of {names} is needed"
            )
        for name, value in given.items():
            if name != "code" and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value!r}: a positive number is needed")

    def choice(self, count: int, shape: Shape, classes: int) -> Choice:
        """The code for so many pictures with labels of so many classes, 0 for none; its parameters and bits are those of the file."""
        if self.code is not None:
            return _priced(*self.code, count, shape, classes)
        if self.bits_per_image is not None:
            return _priced(*_for_the_code(self.bits_per_image, shape), count, shape, classes)
        raw = count * math.prod(shape)
        if self.budget_bytes is not None:
            return _for_all(self.budget_bytes, count, shape, classes, said=f"budget_bytes is {self.budget_bytes:,g}")
        assert self.times_smaller is not None
        return _for_all(raw / self.times_smaller, count, shape, classes, said=f"times_smaller is {self.times_smaller:g}", raw=raw)


def _for_the_code(bits: float, shape: Shape) -> tuple[int, int]:
    """Equation 3, each variable in whole bits: what is written is then what was asked for."""
    whole = 8 * math.prod(shape)
    if not LEAST_BITS <= bits < whole:
        raise ValueError(
            f"bits_per_image is {bits:g}: from {LEAST_BITS}, the smallest code, to less than {whole:,}, the picture itself, works"
        )
    choice = best_incremental(bits, values=VALUES, channels=shape[0])
    return choice.variables, choice.values


def _for_all(budget: float, count: int, shape: Shape, classes: int, *, said: str, raw: int = 0) -> Choice:
    """Equation 4, codes as they are packed, the decoder alone and in float16, labels and header included; `raw` bytes make it a ratio."""
    extra = _extra_bits(count, classes)
    least = math.ceil(least_total(count, counted="packed", values=VALUES, channels=shape[0], extra_bits=extra, stored=FILES) / 8)
    if budget < least:
        works = f"at most {math.floor(100 * raw / least) / 100:g}" if raw else f"at least {least:,}"
        raise ValueError(f"{said}: the smallest decoder with its codes, labels and header takes {least:,} bytes, so {works} works")
    found = best_total(8 * budget, count, counted="packed", values=VALUES, channels=shape[0], extra_bits=extra, stored=FILES)
    return _priced(found.variables, found.values, count, shape, classes)


def _priced(variables: int, values: int, count: int, shape: Shape, classes: int) -> Choice:
    """The code with what it takes in the file."""
    parameters = autoencoder_parameters(variables, values, channels=shape[0], decoder_only=True)
    bits = stored_bits(count, variables, values, "packed")
    return Choice(variables, values, bits / count, parameters, bits + FILES.bits * parameters + _extra_bits(count, classes))


def _extra_bits(count: int, classes: int) -> int:
    return 8 * HEADER_BYTES + (packed_bits(count, classes) if classes else 0)
