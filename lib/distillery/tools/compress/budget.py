"""What a reader may spend on a recollection file, and the code that he gets for it (Riemer et al.,
2017, equations 3 and 4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from distillery.storage import (
    FILES,
    Choice,
    TooSmallError,
    best_incremental,
    best_total,
    packed_bits,
    stored_bits,
)
from distillery.storage.budgets import autoencoder_parameters

# equation 3 asks nothing of the network: with more values it would take a hundred times the
# filters for half a bit
VALUES = range(2, 17)
HEADER_BYTES = 2048  # what budgets leave for the header and its card
LEAST_BITS = 2  # of a code, two variables of two values or one of four

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Budget:
    """One of four: `bits_per_image` for the code alone, `times_smaller` than the pictures' bytes
    for the whole file, `budget_bytes` for it in total, or the `code` (c, l) itself.
    """

    bits_per_image: float | None = None
    times_smaller: float | None = None
    budget_bytes: float | None = None
    code: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        given = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) is not None
        }
        if len(given) != 1:
            names = ", ".join(field.name for field in fields(self))
            raise ValueError(
                f"{' and '.join(given) or 'nothing'} {'were' if len(given) > 1 else 'was'} given:"
                f" exactly one of {names} is needed"
            )
        for name, value in given.items():
            if name != "code" and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value!r}: a positive number is needed")
        if self.times_smaller is not None and self.times_smaller <= 1:
            said = f"times_smaller is {_written(self.times_smaller)}"
            raise ValueError(
                f"{said}: the file would be no smaller than the pictures; a number above 1 is"
                " needed"
            )

    def choice(self, count: int, shape: Shape, classes: int) -> Choice:
        """The code for so many pictures with labels of so many classes, 0 for none; its parameters
        and bits are those of the file.
        """
        if self.code is not None:
            return _priced(*self.code, count, shape, classes)
        if self.bits_per_image is not None:
            return _priced(*_for_the_code(self.bits_per_image, shape), count, shape, classes)
        raw = count * math.prod(shape)
        if self.budget_bytes is not None:
            said = f"budget_bytes is {_written(self.budget_bytes)}"
            if self.budget_bytes >= raw:
                raise ValueError(
                    f"{said}: the pictures as bytes take {raw:,}, so that no compression is needed;"
                    " a budget must be below that"
                )
            return _for_all(self.budget_bytes, count, shape, classes, said=said)
        assert self.times_smaller is not None
        said = f"times_smaller is {_written(self.times_smaller)}"
        return _for_all(raw / self.times_smaller, count, shape, classes, said=said, is_ratio=True)


def _for_the_code(bits: float, shape: Shape) -> tuple[int, int]:
    """Equation 3, each variable in whole bits: what is written is then what was asked for."""
    whole = 8 * math.prod(shape)
    if not LEAST_BITS <= bits < whole:
        raise ValueError(
            f"bits_per_image is {_written(bits)}: from {LEAST_BITS}, the smallest code, to less"
            f" than {whole:,}, the picture itself, works"
        )
    choice = best_incremental(bits, values=VALUES, channels=shape[0])
    return choice.variables, choice.values


def _for_all(
    budget: float, count: int, shape: Shape, classes: int, *, said: str, is_ratio: bool = False
) -> Choice:
    """Equation 4, codes as they are packed, the decoder alone and in float16, labels and header
    included.
    """
    extra = _extra_bits(count, classes)
    try:
        found = best_total(
            8 * budget,
            count,
            counted="packed",
            values=VALUES,
            channels=shape[0],
            extra_bits=extra,
            stored=FILES,
        )
    except TooSmallError as problem:
        least, raw = math.ceil(problem.least_bits / 8), count * math.prod(shape)
        most = math.floor(100 * raw / least) / 100
        works = f"at most {_written(most)} works" if is_ratio else f"at least {least:,} works"
        if least >= raw:
            works = f"no budget works: the pictures as bytes take {raw:,}"
        raise ValueError(
            f"{said}: the smallest decoder with its codes, labels and header takes {least:,} bytes,"
            f" so {works}"
        ) from None
    return _priced(found.variables, found.values, count, shape, classes)


def _priced(variables: int, values: int, count: int, shape: Shape, classes: int) -> Choice:
    """The code with what it takes in the file."""
    parameters = autoencoder_parameters(variables, values, channels=shape[0], decoder_only=True)
    bits = stored_bits(count, variables, values, "packed")
    return Choice(
        variables,
        values,
        bits / count,
        parameters,
        bits + FILES.bits * parameters + _extra_bits(count, classes),
    )


def _extra_bits(count: int, classes: int) -> int:
    return 8 * HEADER_BYTES + (packed_bits(count, classes) if classes else 0)


def _written(number: float) -> str:
    """As it was given, not rounded: a number just beyond a bound must not look like the bound."""
    return f"{int(number) if number == int(number) else number:,}"
