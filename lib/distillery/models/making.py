"""A model made of what a file says of it: its class, its arguments, and its tensors.

Only classes of `distillery.models.table` are ever made, and only as large as the tensors are.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distillery.models import table
from distillery.support.told import told

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True)
class Description:
    """What a file says of one of its models."""

    name: str
    kind: str
    arguments: Mapping[str, Any]
    prefix: str

    def __str__(self) -> str:
        written = (f"{told(name)}={reprlib.repr(value)}" for name, value in self.arguments.items())
        return f"{self.kind}({', '.join(written)})"


def build(description: Description, tensors: Mapping[str, Tensor], where: str) -> nn.Module:
    """The model of this description, with these tensors, whose prefix is gone."""
    model = _shaped(description, tensors, where)
    _check_fit(description, tensors, kept(model), where)
    model = model.to(_precision(tensors, where))
    model.load_state_dict({**model.state_dict(), **tensors})
    return model.eval()


def kept(model: nn.Module) -> dict[str, Tensor]:
    """The tensors that a file holds of a model: parameters and buffers, without what follows from
    the arguments, and without streams of random numbers.
    """
    left_out = {"_extra_state", *table.find(table.kind_of(model)).follows}
    return {
        name: value
        for name, value in model.state_dict().items()
        if name.rpartition(".")[2] not in left_out
    }


def _shaped(description: Description, tensors: Mapping[str, Tensor], where: str) -> nn.Module:
    """A model of these arguments, unless it would be larger than what the file holds."""
    from distillery.models.modest import Modest

    try:
        kind = table.find(description.kind)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    try:
        with Modest(tensors.values()):
            model: Any = kind.from_arguments(**description.arguments)
    except Exception as error:  # whatever a stranger's arguments may bring about
        raise ValueError(f"{where}: no {description} can be made: {told(error)}") from error
    return model


def _check_fit(
    description: Description,
    tensors: Mapping[str, Tensor],
    needed: Mapping[str, Tensor],
    where: str,
) -> None:
    for name in sorted(needed.keys() | tensors.keys()):
        here, there = (
            f"{tuple(group[name].shape)}" if name in group else "missing"
            for group in (needed, tensors)
        )
        if here != there:
            raise ValueError(
                f"{where}: the tensors do not fit a {description}: {name} is {there} in the file,"
                f" {here} in the model"
            )


def _precision(tensors: Mapping[str, Tensor], where: str) -> torch.dtype:
    """Half precision is read as single; double stays."""
    import torch

    allowed = {torch.float16, torch.bfloat16, torch.float32, torch.float64}
    types = {tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()}
    if strange := sorted(str(each) for each in types - allowed):
        raise ValueError(
            f"{where}: its numbers are {strange[0]}: float16, bfloat16, float32 and float64 are"
            " supported"
        )
    return torch.float64 if torch.float64 in types else torch.float32
