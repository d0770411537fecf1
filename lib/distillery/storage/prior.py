"""A learned prior over codes: which value a variable takes, given those before it, by a small
network of whole numbers.

Codes (B, c) below l; hidden unit k sees a_k = start_k + the sum over j < i of input[j, z_j, k], and
the score of value v of variable i is bias[i, v] + the sum over k of clip(a_k) · output[i, k, v], in
bits: a NADE (Larochelle and Murray, 2011) whose units are clipped ramps.

Weights are whole 64ths, and so is everything before a product; a product is in 4096ths. Sums of so
few digits are exact in any order and on every machine, so that coder and decoder have the same
tables. `CodePrior` learns with its weights rounded as they will be, the gradient passing straight
through; `WholePrior`, numpy alone, is what is stored, and what codes and decodes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from distillery.models.bits import check_size
from distillery.storage.coder import Decoder, Encoder
from distillery.storage.frequencies import PRECISION, scored_frequencies
from distillery.storage.packing import check_values

_UNIT = 64  # a weight of 1
_TOP = 4 * _UNIT  # where a hidden unit stops rising
_FINER = 4  # binary digits that a product has more than a score, which is in 256ths of a bit
_NARROW, _WIDE = 127, 32_767  # the largest whole weights: int8, and int16 for start and bias
_AT_ONCE = 4096  # codes worked on together: what bounds the memory


class CodePrior(nn.Module):
    """The prior as it learns: `prior(codes)` is log p(code), natural logarithm, (B,) for codes (B,
    c). Train it by `losses.KL`.

    Codes may also come as one-hot floats (B, c, l), through which a gradient reaches whoever chose
    them (`losses.CodeBits`).
    """

    def __init__(
        self, variables: int, values: int, hidden: int = 32, *, rng: torch.Generator
    ) -> None:
        check_size("variables", variables)
        check_values(values)
        check_size("hidden", hidden)
        super().__init__()
        self.variables, self.values, self.hidden = variables, values, hidden
        self.inputs = nn.Parameter(
            _uniform((variables, values, hidden), 1 / math.sqrt(variables), rng)
        )
        self.start = nn.Parameter(torch.full((hidden,), 1.0, device=rng.device))
        self.outputs = nn.Parameter(
            _uniform((variables, hidden, values), 1 / math.sqrt(hidden), rng)
        )
        self.bias = nn.Parameter(torch.zeros(variables, values, device=rng.device))

    def forward(self, codes: Tensor) -> Tensor:
        log_probs = (self.scores(codes) * math.log(2)).log_softmax(-1)
        if codes.dim() == 3:
            return (log_probs * codes).sum((-2, -1))
        return log_probs.gather(-1, codes.long()[..., None]).sum((-2, -1))

    def scores(self, codes: Tensor) -> Tensor:
        """(B, c, l): log2 probabilities up to a constant, each given the values of the variables
        before its own.
        """
        each = self._heard(codes)
        before = each.cumsum(1) - each
        units = (_rounded(self.start, _UNIT, _WIDE) + before).clamp(0, _TOP / _UNIT)
        outputs = _rounded(self.outputs, _UNIT, _NARROW)
        return torch.einsum("bch,chl->bcl", units, outputs) + _rounded(self.bias, _UNIT**2, _WIDE)

    def _heard(self, codes: Tensor) -> Tensor:
        """(B, c, h): what every variable's value says to the hidden units."""
        inputs = _rounded(self.inputs, _UNIT, _NARROW)
        if codes.dim() == 3:
            return torch.einsum("bcl,clh->bch", codes.to(inputs.dtype), inputs)
        return inputs[torch.arange(self.variables, device=codes.device), codes.long()]

    @torch.no_grad()
    def whole(self) -> WholePrior:
        """The prior as it is stored and codes: its weights as the whole numbers that they were
        rounded to all along.
        """
        return WholePrior(
            _whole(self.inputs, _UNIT, _NARROW, np.int8),
            _whole(self.start, _UNIT, _WIDE, np.int16),
            _whole(self.outputs, _UNIT, _NARROW, np.int8),
            _whole(self.bias, _UNIT**2, _WIDE, np.int16),
        )


@dataclass(frozen=True, eq=False)
class WholePrior:
    """In whole numbers: int8 inputs (c, l, h) and outputs (c, h, l), int16 start (h,), all 64ths;
    int16 bias (c, l), 4096ths.
    """

    inputs: np.ndarray
    start: np.ndarray
    outputs: np.ndarray
    bias: np.ndarray

    def __post_init__(self) -> None:
        (variables, values), hidden = self.bias.shape[-2:], len(self.start)
        shapes = {
            "inputs": (variables, values, hidden),
            "start": (hidden,),
            "outputs": (variables, hidden, values),
            "bias": (variables, values),
        }
        for name, dtype in zip(shapes, (np.int8, np.int16, np.int8, np.int16), strict=True):
            array = getattr(self, name)
            if array.shape != shapes[name] or array.dtype != dtype:
                raise ValueError(
                    f"{name} has shape {array.shape} and dtype {array.dtype}: {shapes[name]} and"
                    f" {np.dtype(dtype)} are needed"
                )
        check_values(values)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> WholePrior:
        """The prior from what `arrays` gave."""
        return cls(*(arrays[name] for name in ("inputs", "start", "outputs", "bias")))

    def arrays(self) -> dict[str, np.ndarray]:
        """What is stored of it."""
        return {name: getattr(self, name) for name in ("inputs", "start", "outputs", "bias")}

    @property
    def bits(self) -> int:
        """What the prior itself takes, beside the codes."""
        return 8 * sum(array.nbytes for array in self.arrays().values())

    def encode(self, codes: np.ndarray) -> bytes:
        """Codes (N, c), whole numbers below l, as a string of bytes."""
        self._check(codes)
        encoder = Encoder()
        for block in _blocks(len(codes)):
            part = codes[block].astype(np.int64)
            for i, tables in enumerate(self._tables(part)):
                encoder.put(part[:, i], tables)
        return encoder.finish()

    def decode(self, string: bytes, count: int) -> np.ndarray:
        """The `count` codes again: uint8, or int16 above 256 values."""
        variables, values = self.bias.shape
        decoder = Decoder(string, count * variables)
        codes = np.zeros((count, variables), dtype=np.uint8 if values <= 256 else np.int16)
        for block in _blocks(count):
            part = np.zeros((block.stop - block.start, variables), dtype=np.int64)
            # Which looks at a variable only after it is known.
            for i, tables in enumerate(self._tables(part)):
                part[:, i] = decoder.take(tables)
            codes[block] = part
        decoder.finish()
        return codes

    def bits_of(self, codes: np.ndarray) -> float:
        """The bits that `encode` writes for all codes, but for what the coder itself adds: minus
        log2 of their probabilities.
        """
        self._check(codes)
        total = 0.0
        for block in _blocks(len(codes)):
            part = codes[block].astype(np.int64)
            for i, tables in enumerate(self._tables(part)):
                total += float(
                    (PRECISION - np.log2(np.take_along_axis(tables, part[:, i : i + 1], -1))).sum()
                )
        return total

    def _tables(self, codes: np.ndarray) -> Iterator[np.ndarray]:
        """For variable after variable the tables (n, l); of `codes` only those before it are read,
        at the time it is asked for.
        """
        # Whole numbers below 2^53 in float64: exact, and fast to multiply.
        units = np.repeat(self.start.astype(np.float64)[None], len(codes), 0)
        for i, (outputs, bias) in enumerate(
            zip(self.outputs.astype(np.float64), self.bias, strict=True)
        ):
            if i:
                units += self.inputs[i - 1].astype(np.float64)[codes[:, i - 1]]
            products = np.clip(units, 0, _TOP) @ outputs + bias
            yield scored_frequencies(products.astype(np.int64) >> _FINER)

    def _check(self, codes: np.ndarray) -> None:
        variables, values = self.bias.shape
        if codes.ndim != 2 or codes.shape[1] != variables or codes.dtype.kind not in "iu":
            raise ValueError(
                f"codes have shape {codes.shape} and dtype {codes.dtype}: whole numbers (N,"
                f" {variables}) are needed"
            )
        if codes.size and not 0 <= int(codes.min()) <= int(codes.max()) < values:
            raise ValueError(
                f"codes reach from {int(codes.min())} to {int(codes.max())}: whole numbers from 0"
                f" to {values - 1} are needed"
            )


def _rounded(weight: Tensor, unit: int, most: int) -> Tensor:
    """The nearest whole number of units that can be stored; the gradient is that of the weight
    itself, within the range.
    """
    weight = weight.clamp(-most / unit, most / unit)
    return weight + ((weight * unit).round() / unit - weight).detach()


def _whole(weight: Tensor, unit: int, most: int, dtype: type) -> np.ndarray:
    return (weight.clamp(-most / unit, most / unit) * unit).round().cpu().numpy().astype(dtype)


def _uniform(shape: tuple[int, ...], most: float, rng: torch.Generator) -> Tensor:
    return (2 * torch.rand(shape, generator=rng, device=rng.device) - 1) * most


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, min(start + _AT_ONCE, count)) for start in range(0, count, _AT_ONCE))
