"""Log densities for `CompiledSlice` whose loops over data the compiler turns into vector
instructions.

`kernel` compiles one, free to reorder its sums; `exp` is written out in arithmetic, since a loop
with a call to the C library's cannot be vectorised. A logarithm of a sum over data is best taken
once for many: as the logarithm of a product of factors of modest size.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

REORDER = {"reassoc", "contract", "arcp", "nsz"}  # NaN and infinity keep their meaning

kernel = njit(fastmath=REORDER, error_model="numpy")

_LOG2_E = 1 / math.log(2)
_LN2_HIGH, _LN2_LOW = (
    0.6931471803691238,
    1.9082149292705877e-10,
)  # ln 2 in two parts, the first exact times a small integer
_TAYLOR = tuple(1 / math.factorial(n) for n in range(12))


@kernel
def exp(x):  # type: ignore[no-untyped-def]
    """e^x for x in [-708, 708], and the value at the nearer end outside: 2^k times the Taylor
    polynomial of the rest, to 1e-15.
    """
    x = max(min(x, 708.0), -708.0)
    k = np.floor(x * _LOG2_E + 0.5)
    rest = x - k * _LN2_HIGH - k * _LN2_LOW
    value = _TAYLOR[11]
    for n in range(10, -1, -1):
        value = value * rest + _TAYLOR[n]
    return value * _as_float((np.int64(k) + 1023) << 52)


def _reinterpreted(typing_context: Any, bits: Any) -> Any:
    """The float64 of which these are the bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))

    return types.float64(types.int64), generate


_as_float: Any = intrinsic(_reinterpreted)
