from __future__ import annotations

import numpy as np
import torch
from torch import nn

from distillery.support.shown import shown


def test_what_is_short_is_shown_as_python_writes_it() -> None:
    assert [shown(value) for value in (2.5, "bf16", None, (1, 2), torch.float16)] == [
        "2.5",
        "'bf16'",
        "None",
        "(1, 2)",
        "torch.float16",
    ]


def test_an_array_is_shown_by_its_shape_however_short() -> None:
    assert shown(np.zeros((2, 3))) == "a ndarray of shape (2, 3) and dtype float64"
    assert shown(torch.zeros(10**6)) == "a Tensor of shape (1000000,) and dtype torch.float32"


def test_what_is_long_is_shown_by_its_kind_and_size() -> None:
    assert shown(list(range(1000))) == "a list of 1000 entries"
    assert shown("x" * 1000) == "a str of 1000 entries"
    assert shown(nn.Sequential(*[nn.Linear(2, 2) for _ in range(9)])).startswith("a Sequential")
    assert shown(nn.Linear) == "the class Linear itself"
