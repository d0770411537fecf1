"""How many bits a code takes, how much it can say, and which code says most within a budget (Riemer
et al., 2017, equations 1 to 4).

A code has c variables of l values. Bits are counted in one of three ways: `simple`, each variable
in whole bits as the papers count, or as `packing.pack` writes blocks of codes, `packed` or `tight`.
Budgets are in bits, for one incoming example or in total, and each name says which.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from distillery.storage.packing import MOST_VALUES, check_values, packed_bits
from distillery.support.nearest import chosen

Counted = Literal["simple", "packed", "tight"]
COUNTED = ("simple", "packed", "tight")


@dataclass(frozen=True)
class Stored:
    """What is stored of an autoencoder: each parameter in so many `bits`, or the decoder alone."""

    bits: int = 32
    decoder_only: bool = False


PAPERS = Stored()  # as the papers count
FILES = Stored(16, decoder_only=True)  # what a recollection file holds


@dataclass(frozen=True)
class Choice:
    """An architecture within a budget: c variables of l values, the bits its code takes, its
    parameters, what the whole budget comes to.
    """

    variables: int
    values: int
    code_bits: float
    parameters: int
    total_bits: float

    @property
    def capacity_bits(self) -> float:
        return capacity_bits(self.variables, self.values)


class TooSmallError(ValueError):
    """A total budget below that of the smallest autoencoder and its codes, `least_bits`."""

    def __init__(self, message: str, least_bits: float) -> None:
        super().__init__(message)
        self.least_bits = least_bits


def simple_bits(variables: int, values: int) -> int:
    """S_sbe = c · ceil(log2 l), each variable in whole bits (equation 1)."""
    _check_code(variables, values)
    return variables * (values - 1).bit_length()


def capacity_bits(variables: int, values: int) -> float:
    """C_ve = c · log2 l, what a code can say (equation 2)."""
    _check_code(variables, values)
    return variables * math.log2(values)


def stored_bits(codes: float, variables: int, values: int, counted: Counted = "simple") -> float:
    """What so many codes take: S_sbe each, or all of them packed together (a fraction of a code is
    an expected number).
    """
    if chosen("counted", counted, COUNTED) == "simple":
        return codes * simple_bits(variables, values)
    _check_code(variables, values)
    return packed_bits(math.ceil(codes) * variables, values, tight=counted == "tight")


def autoencoder_parameters(
    variables: int, values: int, *, channels: int = 1, decoder_only: bool = False
) -> int:
    """Weights and biases of the categorical autoencoder: F = c · l / 4 filters in each of six 5x5
    layers, the decoder's being three.
    """
    _check_code(variables, values)
    if variables * values % 4:
        raise ValueError(
            f"variables * values is {variables} * {values} = {variables * values}: a multiple of 4"
            " is needed"
        )
    return _parameters(variables * values // 4, channels, decoder_only)


def codes_within(
    budget_bits: float,
    variables: int,
    values: int,
    *,
    counted: Counted = "simple",
    parameters: int = 0,
) -> int:
    """How many codes a total budget holds beside so many parameters of 32 bits."""
    left = budget_bits - 32 * parameters
    if left < 0:
        raise ValueError(
            f"budget_bits is {budget_bits:g}: {parameters} parameters alone take {32 * parameters}"
        )
    fits = int(left // capacity_bits(variables, values))
    while stored_bits(fits, variables, values, counted) > left:
        fits = min(fits - 1, int(fits * left / stored_bits(fits, variables, values, counted)))
    return fits


def best_incremental(
    budget_bits_per_example: float,
    *,
    kept: float = 1.0,
    counted: Counted = "simple",
    values: Iterable[int] = range(2, MOST_VALUES + 1),
    channels: int = 1,
) -> Choice:
    """Maximise C_ve over (c, l) while rho · S <= gamma / N, whatever the model takes (equation 3);
    `kept` is rho.

    Of codes that say the same the one with fewest filters is taken, then the one with fewest
    values.
    """
    allowed = _positive("budget_bits_per_example", budget_bits_per_example) / _share(kept)
    values = list(values)
    largest = [_largest(allowed, v, counted, channels) for v in values]
    choices = [choice for choice in largest if choice is not None]
    if not choices:
        least = min(_fewest_variables(v) * _variable_bits(v, counted) for v in values) * kept
        raise ValueError(
            f"budget_bits_per_example is {budget_bits_per_example:g}: the smallest code takes"
            f" {least:g}"
        )
    return max(choices, key=_rank)


def best_total(
    budget_bits: float,
    examples: int,
    *,
    kept: float = 1.0,
    counted: Counted = "simple",
    values: Iterable[int] = range(2, MOST_VALUES + 1),
    channels: int = 1,
    extra_bits: float = 0.0,
    stored: Stored = PAPERS,
) -> Choice:
    """Maximise C_ve over (c, l) while N · rho · S + 32 · |theta| <= gamma, codes and decoder
    together (equation 4, in bits, over all N).

    `extra_bits` are what else is stored, labels say; `stored` is what is stored of theta.
    `TooSmallError` names the least that works.
    """
    allowed = _positive("budget_bits", budget_bits) - extra_bits
    codes = _count(examples) * _share(kept)
    values = set(values)
    whole = partial(_whole, codes, counted=counted, channels=channels, stored=stored)
    choices = [whole(*code) for code in _architectures(allowed, values, channels, stored)]
    fits = [choice for choice in choices if choice.total_bits <= allowed]
    if fits:
        return max(fits, key=_rank)
    least = min(whole(_fewest_variables(v), v).total_bits for v in values) + extra_bits
    raise TooSmallError(
        f"budget_bits is {budget_bits:g}: the smallest autoencoder and {codes:g} of its codes take"
        f" {least:g}",
        least,
    )


def _largest(allowed: float, values: int, counted: Counted, channels: int) -> Choice | None:
    """As many variables of `values` values as a code of so many bits holds, in step with the
    filters at 2x2 places.
    """
    step, each = _fewest_variables(values), _variable_bits(values, counted)
    variables = int(allowed * (1 + 1e-12) / each) // step * step
    if not variables:
        return None
    return Choice(
        variables,
        values,
        variables * each,
        autoencoder_parameters(variables, values, channels=channels),
        variables * each,
    )


def _fewest_variables(values: int) -> int:
    """The number of variables is a multiple of it, so that c · l is one of 4."""
    check_values(values)
    return 4 // math.gcd(values, 4)


def _variable_bits(values: int, counted: Counted) -> float:
    if chosen("counted", counted, COUNTED) == "simple":
        return (values - 1).bit_length()
    return math.log2(values)


def _architectures(
    allowed: float, values: set[int], channels: int, stored: Stored
) -> Iterator[tuple[int, int]]:
    """Every (c, l) of every number of filters whose parameters alone are within the budget."""
    filters = 1
    while _parameters(filters, channels, stored.decoder_only) * stored.bits <= allowed:
        yield from (
            (4 * filters // v, v)
            for v in range(2, min(4 * filters, MOST_VALUES) + 1)
            if 4 * filters % v == 0 and v in values
        )
        filters += 1


def _whole(
    codes: float, variables: int, values: int, *, counted: Counted, channels: int, stored: Stored
) -> Choice:
    """Codes and decoder together."""
    bits = stored_bits(codes, variables, values, counted)
    parameters = autoencoder_parameters(
        variables, values, channels=channels, decoder_only=stored.decoder_only
    )
    return Choice(variables, values, bits / codes, parameters, bits + stored.bits * parameters)


def _rank(choice: Choice) -> tuple[float, int, int]:
    return round(choice.capacity_bits, 9), -choice.variables * choice.values, -choice.values


def _parameters(filters: int, channels: int, decoder_only: bool = False) -> int:
    decoder = 2 * (25 * filters**2 + filters) + 25 * filters * channels + channels
    encoder = 25 * channels * filters + filters + 2 * (25 * filters**2 + filters)
    return decoder if decoder_only else encoder + decoder


def _check_code(variables: int, values: int) -> None:
    check_values(values)
    if isinstance(variables, bool) or not isinstance(variables, int) or variables < 1:
        raise ValueError(f"variables is {variables!r}: a whole number from 1 is needed")


def _count(examples: int) -> int:
    if examples < 1:
        raise ValueError(f"examples is {examples}: at least 1 is needed")
    return examples


def _positive(name: str, bits: float) -> float:
    if not (math.isfinite(bits) and bits > 0):
        raise ValueError(f"{name} is {bits!r}: a positive number of bits is needed")
    return bits


def _share(kept: float) -> float:
    if not 0 < kept <= 1:
        raise ValueError(
            f"kept is {kept!r}: the share of examples that are kept, above 0 and at most 1, is"
            " needed"
        )
    return kept
