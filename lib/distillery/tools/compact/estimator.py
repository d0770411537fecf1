"""What scikit-learn expects of an estimator, without importing it before it is needed.

Its own checks of inputs are used, so that arrays, lists and tables of pandas are taken and refused
as everywhere in scikit-learn.
"""

from __future__ import annotations

import inspect
from typing import Any, Self

import torch
from torch import Tensor

from distillery.support.nearest import unknown


class Estimator:
    """Parameters are the arguments of `__init__`, kept as they are given; what `fit` learns ends
    with an underscore.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params: Any) -> Self:
        """Change parameters; what was learnt stays until the next `fit`."""
        for name, value in params.items():
            if name not in self._names():
                raise ValueError(unknown(f"parameter of {self}", name, self._names()))
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        given = (f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({', '.join(given)})"

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    @classmethod
    def _names(cls) -> list[str]:
        return [name for name in inspect.signature(cls).parameters if name != "self"]

    def _rng(self, seed: Any) -> torch.Generator:
        """A stream from `random_state`: None for another each time, a whole number, or numpy's
        generator of numbers.
        """
        rng = torch.Generator()
        if seed is None:
            rng.seed()
            return rng
        return rng.manual_seed(int(seed.randint(2**31) if hasattr(seed, "randint") else seed))

    def _checked(self, X: Any, *, reset: bool = False, **more: Any) -> Any:
        """X, and y if it is among `more`, as arrays that may be learnt from or asked about."""
        found = sklearn("utils.validation").validate_data(
            self, X, reset=reset, dtype="float64", **more
        )
        if not reset:
            sklearn("utils.validation").check_is_fitted(self)
        return found


def sklearn(module: str) -> Any:
    """A module of scikit-learn, or a sentence that says how to get it."""
    import importlib

    try:
        return importlib.import_module(f"sklearn.{module}")
    except ModuleNotFoundError as error:
        raise ImportError(
            "scikit-learn is needed for its conventions, and is not installed: pip install"
            " scikit-learn"
        ) from error


def check_positive(name: str, value: Any) -> None:
    """A parameter that must be a number above zero."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ValueError(f"{name} is {value!r}: a number above 0 is needed")


def as_tensor(values: Any) -> Tensor:
    """An array as a tensor of its own in double precision."""
    return torch.tensor(values, dtype=torch.float64)
