"""Students abreast: the layers of all of them worked out together, each with its own weights and
its own inputs.

At one example a step a small network spends most of its time on starting operations and on moving
gradients about. Abreast, a convolution of S students is one convolution in S groups, a dense layer
one batched product, and the gradient of a weight is made where and how the optimizer wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from distillery.models.bank import Bank, flat_name
from distillery.models.lenet import LeNet
from distillery.models.mlp import MLP

_EACH_BY_ITSELF = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Identity)
_MANY = 32  # pictures a student, from which on convolutions in groups are the slower way


class Abreast(Bank):
    """A stacked bank of LeNets, MLPs or plain sequences of their layers: faster than `Bank` at
    small batches, and the same to rounding.

    Streams are each student's own, `generators.Parallel`, unless `own_streams` is False.
    """

    def __init__(self, students: Sequence[nn.Module], *, own_streams: bool = True) -> None:
        for student in students:
            _check_layers(student)
        super().__init__(students, stacked=True, own_streams=own_streams)

    def forward(self, x: Tensor) -> Tensor:
        parts: Tensor = self._parts(x)
        answer = parts if self.own_streams else parts.expand(self.size, *parts.shape)
        if _is_faster_one_by_one(answer):
            return torch.stack([self._alone(*part) for part in enumerate(answer)])
        for name, layer in _layers(self._skeleton[0]):
            answer = _abreast(layer)(layer, self._weights(name), answer)
        return answer

    def _alone(self, index: int, x: Tensor) -> Tensor:
        """What one student answers, its pictures laid out as its convolutions are fast."""
        values = {name: getattr(self, flat_name(name))[index] for name in self._names}
        pictures = x.contiguous(memory_format=torch.channels_last)
        answer: Tensor = functional_call(self._skeleton[0], values, (pictures,))
        return answer

    def _weights(self, name: str) -> tuple[Tensor | None, Tensor | None]:
        """Weight (S, …) and bias (S, …) of the layer of that name in all students."""
        flat = flat_name(name)
        weight, bias = (getattr(self, f"{flat}__{part}", None) for part in ("weight", "bias"))
        return weight, bias


def _is_faster_one_by_one(x: Tensor) -> bool:
    """Whether (S, B, …) are many pictures on a CPU, and nothing is learned from the answers."""
    is_read_only = not torch.is_grad_enabled()
    return is_read_only and x.dim() == 5 and x.shape[1] >= _MANY and x.device.type == "cpu"


class _Dense(torch.autograd.Function):
    """W h + b for each student: W (S, out, in), h (S, in, B).

    Left to itself, autograd makes the gradient of W transposed, and copies it: at one example a
    step that costs more than all products.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(weight: Tensor, bias: Tensor, h: Tensor) -> Tensor:
        return torch.baddbmm(bias[:, :, None], weight, h)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        weight, _, h = inputs
        ctx.save_for_backward(weight, h)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        weight, h = ctx.saved_tensors
        one_example = h.shape[2] == 1  # then the product is an outer one
        across = h.transpose(1, 2)
        of_weight = slope * across if one_example else torch.bmm(slope, across)
        of_h = None
        if ctx.needs_input_grad[2]:
            of_h = torch.bmm(slope.transpose(1, 2), weight).transpose(1, 2)
        return of_weight, slope.sum(2), of_h


def _dense(layer: nn.Module, weights: tuple[Tensor, Tensor | None], h: Tensor) -> Tensor:
    weight, bias = weights
    if h.dim() != 3 or h.shape[2] != weight.shape[2]:
        raise ValueError(
            f"a dense layer of {weight.shape[2]} inputs met examples of shape"
            f" {tuple(h.shape[2:])}: pictures of another size?"
        )
    bias = weight.new_zeros(weight.shape[:2]) if bias is None else bias
    answer: Tensor = _Dense.apply(weight, bias, h.transpose(1, 2))
    return answer.transpose(1, 2)


def _convolution(layer: nn.Module, weights: tuple[Tensor, Tensor | None], h: Tensor) -> Tensor:
    """One convolution in S groups: (S, B, C, H, W) as (B, S · C, H, W)."""
    assert isinstance(layer, nn.Conv2d)
    weight, bias = weights
    if h.dim() != 5 or h.shape[2] != weight.shape[2]:
        raise ValueError(
            f"a convolution of {weight.shape[2]} channels met examples of shape"
            f" {tuple(h.shape[2:])}: (channels, height, width) is needed"
        )
    students, batch = h.shape[:2]
    answer = F.conv2d(
        h.transpose(0, 1).flatten(1, 2),
        weight.flatten(0, 1),
        None if bias is None else bias.flatten(),
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=students,
    )
    return answer.reshape(batch, students, -1, *answer.shape[2:]).transpose(0, 1)


def _pooled(layer: nn.Module, weights: Any, h: Tensor) -> Tensor:
    pooled: Tensor = layer(h.flatten(0, 1))
    return pooled.reshape(*h.shape[:2], *pooled.shape[1:])


def _flat(layer: nn.Module, weights: Any, h: Tensor) -> Tensor:
    return h.flatten(2)


def _each_by_itself(layer: nn.Module, weights: Any, h: Tensor) -> Tensor:
    answer: Tensor = layer(h)
    return answer


def _abreast(layer: nn.Module) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    ways: dict[type, Callable[[nn.Module, Any, Tensor], Tensor]] = {
        nn.Linear: _dense,
        nn.Conv2d: _convolution,
        nn.MaxPool2d: _pooled,
        nn.Flatten: _flat,
    }
    return ways.get(type(layer), _each_by_itself)


def _layers(student: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The layers in the order in which they run, by name; one that stands in two places comes
    twice.
    """
    for name, layer in student.named_modules(remove_duplicate=False):
        if name and not isinstance(layer, nn.Sequential):
            yield name, layer


def _check_layers(student: nn.Module) -> None:
    if type(student) not in (LeNet, MLP, nn.Sequential):
        raise ValueError(
            f"a student is a {type(student).__name__}: LeNet, MLP or Sequential can stand abreast,"
            " others in Bank(students, stacked=True)"
        )
    for name, layer in student.named_modules():
        if not _can_stand(layer) and layer is not student:
            raise ValueError(
                f"layer {name} of a student is {layer}: dense layers, zero-padded convolutions in"
                " one group, max pools, flattening and ReLU, tanh or sigmoid can stand abreast"
            )


def _can_stand(layer: nn.Module) -> bool:
    if isinstance(layer, nn.Conv2d):
        return layer.groups == 1 and layer.padding_mode == "zeros"
    if isinstance(layer, nn.Flatten):
        return layer.start_dim == 1 and layer.end_dim == -1
    return type(layer) in (nn.Linear, nn.MaxPool2d, nn.Sequential, *_EACH_BY_ITSELF)
