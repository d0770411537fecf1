"""NADE on a CPU: hidden units change only where a pixel is on, and going backwards they are
recomputed, not kept.

Everything is float32 and pixel-major: `x` (D, B) of bytes, `W` and `U` (D, H), `z` and its gradient
(D, B). B is a multiple of `TILE`: so many examples share each row of weights that is read, and a
short batch is padded. Memory beyond these is O(B · H). Going forwards threads divide the examples,
going backwards the hidden units, so that no two write to the same place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

from distillery.support.machine_code import VECTORS, compiled

TILE = 4
# hidden units and examples that going backwards holds at once: four arrays of 8 KiB, within the
# first cache
_BLOCK, _ROWS = (
    128,
    32,
)


def logits(x: Tensor, weights: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """z (D, B) of thesis equations C.2 to C.5, and the pre-activations (B, H) that the last pixel
    sees; `weights` are W, U, b and c.
    """
    W, U, b, c = weights
    z, last = torch.empty(x.shape), torch.empty(x.shape[1], W.shape[1])
    arrays = [tensor.detach().numpy() for tensor in (x, W, U, b, c, z, last)]
    _in_parts(_logits, arrays, x.shape[1], TILE)
    return z, last


def gradients(
    x: Tensor, weights: Sequence[Tensor], last: Tensor, dz: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Derivatives with respect to W, U and c (thesis, equations C.9 to C.12), given those with
    respect to z, dz (D, B); `weights` are W and U.
    """
    W, U = weights
    dW, dU, dc = torch.zeros_like(W), torch.zeros_like(U), torch.zeros(W.shape[1])
    arrays = [tensor.detach().numpy() for tensor in (x, W, U, last, dz, dW, dU, dc)]
    _in_parts(_gradients, arrays, W.shape[1], _BLOCK)
    return dW, dU, dc


def sample(uniforms: Tensor, weights: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Pixels (D, B), each on where its uniform number is below its conditional probability; and
    these, (D, B); `weights` are W, U, b and c.
    """
    W, U, b, c = weights
    x, probs = torch.empty(uniforms.shape, dtype=torch.uint8), torch.empty(uniforms.shape)
    arrays = [tensor.detach().numpy() for tensor in (uniforms, W, U, b, c, x, probs)]
    _in_parts(_sample, arrays, x.shape[1], TILE)
    return x, probs


def _in_parts(function: Callable[..., None], arrays: list[Any], size: int, multiple: int) -> None:
    """As many contiguous parts as torch has threads; one part is run here and now."""
    threads = max(1, min(torch.get_num_threads(), math.ceil(size / multiple)))
    width = multiple * math.ceil(size / (multiple * threads))
    parts = [(start, min(start + width, size)) for start in range(0, size, width)]
    if len(parts) == 1:
        function(*arrays, *parts[0])
        return
    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(lambda part: function(*arrays, *part), parts))


def _compiled(function: Callable[..., Any]) -> Any:
    return compiled(function, **VECTORS)


_f32, _i32 = np.float32, np.int32
_LOG2_E, _LN2_HIGH, _LN2_LOW = (
    _f32(1.4426950408889634),
    _f32(0.693359375),
    _f32(-2.1219444005469057e-4),
)
_C2, _C3, _C4, _C5, _C6 = (_f32(1 / math.factorial(k)) for k in range(2, 7))
_ONE, _HALF, _LIMIT = _f32(1), _f32(0.5), _f32(80)


@_compiled
def _exp(x: Any) -> Any:
    """exp(x) for |x| <= 80 to 3e-7 of its value: 2^k times a Taylor series within ln(2)/2 of 0.
    Unlike math.exp it becomes vector code.
    """
    k = np.floor(x * _LOG2_E + _HALF)
    f = x - k * _LN2_HIGH - k * _LN2_LOW
    series = _ONE + f * (_ONE + f * (_C2 + f * (_C3 + f * (_C4 + f * (_C5 + f * _C6)))))
    return series * _i32((_i32(k) + _i32(127)) << _i32(23)).view(_f32)


@_compiled
def _sigmoid(x: Any) -> Any:
    return _ONE / (_ONE + _exp(max(min(-x, _LIMIT), -_LIMIT)))


@_compiled
def _logits(
    x: Any, W: Any, U: Any, b: Any, c: Any, z: Any, last: Any, first_example: int, past_example: int
) -> None:
    D, H = W.shape
    h, s = np.empty((TILE, H), _f32), np.empty(TILE, _f32)
    for n in range(first_example, past_example, TILE):
        _start(c, last, n, h)
        for i in range(D):
            _outputs(U, i, h, s)
            for r in range(TILE):
                z[i, n + r] = s[r] + b[i]
                if x[i, n + r] and i < D - 1:
                    _switch_on(last, n + r, h, r, W, i)


@_compiled
def _sample(
    uniforms: Any,
    W: Any,
    U: Any,
    b: Any,
    c: Any,
    x: Any,
    probs: Any,
    first_example: int,
    past_example: int,
) -> None:
    D, H = W.shape
    a, h, s = np.empty((TILE, H), _f32), np.empty((TILE, H), _f32), np.empty(TILE, _f32)
    for n in range(first_example, past_example, TILE):
        _start(c, a, 0, h)
        for i in range(D):
            _outputs(U, i, h, s)
            for r in range(TILE):
                probs[i, n + r] = _sigmoid(s[r] + b[i])
                x[i, n + r] = uniforms[i, n + r] < probs[i, n + r]
                if x[i, n + r]:
                    _switch_on(a, r, h, r, W, i)


@_compiled
def _start(c: Any, a: Any, n: int, h: Any) -> None:
    """Before the first pixel the pre-activations are c (thesis, equation C.2)."""
    for r in range(TILE):
        for j in range(c.shape[0]):
            a[n + r, j] = c[j]
            h[r, j] = _sigmoid(c[j])


@_compiled
def _outputs(U: Any, i: int, h: Any, s: Any) -> None:
    """u_i · h for the four examples of a tile at once (thesis, equation C.5)."""
    s0, s1, s2, s3 = _f32(0), _f32(0), _f32(0), _f32(0)
    for j in range(U.shape[1]):
        s0 += U[i, j] * h[0, j]
        s1 += U[i, j] * h[1, j]
        s2 += U[i, j] * h[2, j]
        s3 += U[i, j] * h[3, j]
    s[0], s[1], s[2], s[3] = s0, s1, s2, s3


@_compiled
def _switch_on(a: Any, n: int, h: Any, r: int, W: Any, i: int) -> None:
    """A pixel is on: its weights join the pre-activations (thesis, equation C.3)."""
    for j in range(W.shape[1]):
        a[n, j] += W[i, j]
        h[r, j] = _sigmoid(a[n, j])


@_compiled
def _gradients(
    x: Any,
    W: Any,
    U: Any,
    last: Any,
    dz: Any,
    dW: Any,
    dU: Any,
    dc: Any,
    first_unit: int,
    past_unit: int,
) -> None:
    """Hidden units are independent once dz is known: a block of them at a time, a few examples at a
    time.
    """
    for first in range(first_unit, past_unit, _BLOCK):
        past = min(first + _BLOCK, past_unit)
        for n in range(0, x.shape[1], _ROWS):
            a = last[n : n + _ROWS, first:past].copy()
            _block_gradients(
                x[:, n : n + _ROWS], W, U, dz[:, n : n + _ROWS], dW, dU, dc, a, first, past
            )


@_compiled
def _block_gradients(
    x: Any, W: Any, U: Any, dz: Any, dW: Any, dU: Any, dc: Any, a: Any, first: int, past: int
) -> None:
    """From the last pixel to the first; `a`, `h`, `dh`, `da` are (examples, hidden units from
    `first` to `past`).
    """
    h, dh, da = np.empty_like(a), np.zeros_like(a), np.zeros_like(a)
    for n in range(a.shape[0]):
        for j in range(a.shape[1]):
            h[n, j] = _sigmoid(a[n, j])
    for i in range(W.shape[0] - 1, -1, -1):
        u, du = U[i, first:past], dU[i, first:past]
        for n in range(a.shape[0]):
            d = dz[i, n]
            for j in range(a.shape[1]):
                du[j] += d * h[n, j]
            for j in range(a.shape[1]):
                dh[n, j] += d * u[j]
            if i > 0 and x[i - 1, n]:
                _switch_off(a[n], h[n], dh[n], da[n], W[i - 1, first:past], dW[i - 1, first:past])
    _begin_again(h, dh, da, dc[first:past])


@_compiled
def _begin_again(h: Any, dh: Any, da: Any, dc: Any) -> None:
    """Before the first pixel the pre-activations are c, which takes the gradient of all pixels."""
    for n in range(h.shape[0]):
        for j in range(h.shape[1]):
            dc[j] += da[n, j] + dh[n, j] * h[n, j] * (_ONE - h[n, j])


@_compiled
def _switch_off(a: Any, h: Any, dh: Any, da: Any, w: Any, dw: Any) -> None:
    """Through h = sigmoid(a), over the pixels for which h stood still; then the pixel that was on
    hands its weights the gradient of all later pixels (thesis, equation C.12) and takes them back.
    """
    for j in range(a.shape[0]):
        da[j] += dh[j] * h[j] * (_ONE - h[j])
        dh[j] = 0
    for j in range(a.shape[0]):
        dw[j] += da[j]
    for j in range(a.shape[0]):
        a[j] -= w[j]
        h[j] = _sigmoid(a[j])
