from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import pytest

from distillery.support.machine_code import VECTORS, compiled


def _plus_one(x: Any) -> Any:
    return x + 1


def test_what_is_compiled_answers_as_python_does() -> None:
    assert compiled(_plus_one)(2) == 3
    assert compiled(_plus_one, **VECTORS)(np.array([1.5, math.inf])).tolist() == [2.5, math.inf]


def test_vectors_keep_the_meaning_of_what_is_no_number() -> None:
    assert math.isnan(compiled(_plus_one, **VECTORS)(math.nan))


def test_an_installation_that_cannot_be_written_to_compiles_without_keeping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, asked = numba.njit, []

    def njit(*args: Any, cache: bool = False, **options: Any) -> Any:
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return real(*args, **options)

    monkeypatch.setattr(numba, "njit", njit)
    assert compiled(_plus_one)(2) == 3
    assert asked == [True, False]
