"""Several students trained side by side: widths, seeds, rates, columns of a table."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap


class Bank(nn.Module):
    """S students answering at once: the outputs have shape (S, B, …).

    `stacked=True` multiplies all students' weights in one product, which needs equal shapes and
    pays at small batches; a list runs one after the other. Both train exactly what S separate runs
    would. With `own_streams=True` the batch holds S equal parts and each student sees its own (see
    `generators.Parallel`): seeds that share a stream understate their spread.
    """

    def __init__(
        self, students: Sequence[nn.Module], *, stacked: bool = False, own_streams: bool = False
    ) -> None:
        super().__init__()
        if len(students) == 0:
            raise ValueError("students is empty: a Bank needs at least one")
        self.size, self.stacked, self.own_streams = len(students), stacked, own_streams
        if stacked:
            self._stack(students)
        else:
            self.students = nn.ModuleList(students)

    def __len__(self) -> int:
        return self.size

    def forward(self, x: Tensor) -> Tensor:
        parts = self._parts(x)
        if not self.stacked:
            return torch.stack(
                [student(part) for student, part in zip(self.students, parts, strict=True)]
            )
        state = (
            {k: getattr(self, flat_name(k)) for k in self._names},
            {k: getattr(self, flat_name(k)) for k in self._buffer_names},
        )
        return vmap(
            self._answer, in_dims=(0, 0, 0 if self.own_streams else None), randomness="different"
        )(*state, parts)

    def student(self, index: int) -> nn.Module:
        """One student, on its own: a copy when stacked, the module itself when not."""
        if not self.stacked:
            return self.students[index]
        one = copy.deepcopy(self._skeleton[0]).to_empty(
            device=getattr(self, flat_name(self._names[0])).device
        )
        for name, value in [*one.named_parameters(), *one.named_buffers()]:
            value.data = getattr(self, flat_name(name))[index].detach().clone()
        return one.train(self.training)

    def _parts(self, x: Tensor) -> Any:
        if not self.own_streams:
            return x if self.stacked else [x] * self.size
        if len(x) % self.size:
            raise ValueError(
                f"a batch of {len(x)} cannot be shared out among {self.size} students: a multiple"
                f" of {self.size} is needed"
            )
        return x.reshape(self.size, len(x) // self.size, *x.shape[1:])

    def _stack(self, students: Sequence[nn.Module]) -> None:
        if any(_description(s) != _description(students[0]) for s in students):
            raise ValueError(
                "students of different layers or shapes cannot be stacked: use Bank(students,"
                " stacked=False)"
            )
        if any("_extra_state" in name for name in students[0].state_dict()):
            raise ValueError(
                "students with random streams of their own cannot be stacked: use Bank(students,"
                " stacked=False)"
            )
        parameters, buffers = stack_module_state(list(students))
        self._names, self._buffer_names = list(parameters), list(buffers)
        for name, value in parameters.items():
            self.register_parameter(
                flat_name(name), nn.Parameter(value.detach(), requires_grad=value.requires_grad)
            )
        for name, value in buffers.items():
            self.register_buffer(flat_name(name), value)
        self._skeleton = [
            copy.deepcopy(students[0]).to("meta")
        ]  # in a list, so that it is not a submodule

    def _answer(
        self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor
    ) -> Tensor:
        skeleton = self._skeleton[0].train(self.training)
        answer: Tensor = functional_call(skeleton, (parameters, buffers), (x,))
        return answer


class PerStudent:
    """An optimizer around an optimizer: student s of a stacked bank moves `rates[s]` times as far
    (the inner rate being 1, say).

    Exact for every rule whose step is proportional to its rate: SGD, momentum, Adam, AdamW,
    ADADELTA.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, rates: Sequence[float]) -> None:
        self.optimizer, self.rates = optimizer, torch.as_tensor(rates, dtype=torch.float32)
        for p in self._parameters():
            if p.dim() == 0 or len(p) != len(self.rates):
                raise ValueError(
                    f"rates has {len(self.rates)} entries, a parameter shape {tuple(p.shape)}: a"
                    " stacked Bank of as many is needed"
                )

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return self.optimizer.param_groups

    def zero_grad(self) -> None:
        self.optimizer.zero_grad()

    @torch.no_grad()
    def step(self) -> None:
        before = [p.clone() for p in self._parameters()]
        self.optimizer.step()
        for p, old in zip(self._parameters(), before, strict=True):
            rates = self.rates.to(p).reshape(-1, *[1] * (p.dim() - 1))
            p.copy_(old + rates * (p - old))

    def state_dict(self) -> dict[str, Any]:
        return self.optimizer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state)

    def _parameters(self) -> Iterator[Tensor]:
        return (p for group in self.param_groups for p in group["params"])


def clip_gradients(student: nn.Module, loss: nn.Module, limit: float | None) -> None:
    """Scale gradients down to a norm of at most `limit`: each student of a bank by itself, the
    loss's own apart, and where every student has a loss of its own (`EachItsOwn`) each of these.
    """
    if limit is None:
        return
    students = (
        list(_gradients_of_each(student)) if isinstance(student, Bank) else [_gradients(student)]
    )
    of_losses = [_gradients(part) for part in getattr(loss, "losses", [loss])]
    for gradients in [*students, *of_losses]:
        if gradients:
            norm = torch.linalg.vector_norm(
                torch.stack([torch.linalg.vector_norm(g) for g in gradients])
            )
            scale = (limit / (norm + 1e-12)).clamp(max=1.0)
            for g in gradients:
                g.mul_(scale)


def _gradients(module: nn.Module) -> list[Tensor]:
    return [p.grad for p in module.parameters() if p.grad is not None]


def _gradients_of_each(bank: Bank) -> Iterator[list[Tensor]]:
    for index in range(len(bank)):
        yield (
            [g[index] for g in _gradients(bank)]
            if bank.stacked
            else _gradients(bank.students[index])
        )


def _description(student: nn.Module) -> tuple[str, list[tuple[str, tuple[int, ...]]]]:
    return repr(student), [
        (name, tuple(value.shape))
        for name, value in [*student.named_parameters(), *student.named_buffers()]
    ]


def flat_name(name: str) -> str:
    return name.replace(".", "__")
