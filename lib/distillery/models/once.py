"""Within a step each network runs once on a batch, layers looked into included, however many terms
a loss has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

INPUT = ":input"  # after the name of a layer: what it takes in


@contextmanager
def once(teacher: nn.Module, student: nn.Module, loss: nn.Module | None = None) -> Iterator[None]:
    """Calls of either network on the same input, by identity, return the answer of the first call.

    A loss that looks into layers (see `look`) names them in `teacher_layers` and `student_layers`,
    so that the one run keeps them.
    """
    with ExitStack() as stack:
        for role, network in (("teacher", teacher), ("student", student)):
            layers = {
                name
                for part in (loss.modules() if loss else ())
                for name in getattr(part, f"{role}_layers", ())
            }
            stack.enter_context(_remembering(network, sorted(layers)))
        yield


def look(network: nn.Module, argument: Any, layers: Sequence[str]) -> tuple[Any, dict[str, Tensor]]:
    """The network's answer, and what the named layers put out on the way to it.

    Layers are named as `named_modules` has them, of any network; `classifier:input` is what the
    layer `classifier` takes in, so that no network has to be changed to be looked into.
    """
    memory: _Memory | None = network.__dict__.get("_memory")
    if memory is not None:
        answer = network(argument)
        seen = memory.seen(argument)
        if missing := set(layers) - set(seen):
            name = type(network).__name__
            raise KeyError(
                f"layers {sorted(missing)} of {name} are not declared: name them in the loss's"
                " student_layers or teacher_layers"
            )
        return answer, {name: seen[name] for name in layers}
    with _watching(network, layers) as seen:
        return network(argument), seen


@contextmanager
def quietly(*networks: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients, after which modes and random streams are as they were
    found.
    """
    modules = [module for network in networks for module in network.modules()]
    modes = [module.training for module in modules]
    streams = [
        (m, m.get_extra_state())
        for m in modules
        if type(m).get_extra_state is not nn.Module.get_extra_state
    ]
    for network in networks:
        network.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=_accelerators(modules)):
            yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode
        for module, state in streams:
            module.set_extra_state(state)


class _Memory:
    """The answers a network has given, by the identity of what it was asked, and by whether
    gradients were kept.
    """

    def __init__(self, network: nn.Module, layers: Sequence[str]) -> None:
        self.network, self.layers = network, layers
        self.forward: Callable[..., Any] = network.forward
        self.answers: dict[tuple[int, bool], tuple[Any, Any, dict[str, Tensor]]] = {}

    def ask(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) != 1 or kwargs:
            return self.forward(*args, **kwargs)
        key = (id(args[0]), torch.is_grad_enabled())
        if key not in self.answers:
            with _watching(self.network, self.layers) as seen:
                self.answers[key] = (
                    args[0],
                    self.forward(args[0]),
                    seen,
                )  # holding the argument keeps its id from being used again
        return self.answers[key][1]

    def seen(self, argument: Any) -> dict[str, Tensor]:
        return self.answers[id(argument), torch.is_grad_enabled()][2]


@contextmanager
def _remembering(network: nn.Module, layers: Sequence[str]) -> Iterator[None]:
    if "_memory" in network.__dict__:  # an outer `once` remembers already
        yield
        return
    usual = network.__dict__.get("forward")  # a compiled network has one of its own
    memory = _Memory(network, layers)
    network.__dict__["_memory"], network.__dict__["forward"] = memory, memory.ask
    try:
        yield
    finally:
        del network.__dict__["_memory"], network.__dict__["forward"]
        if usual is not None:
            network.__dict__["forward"] = usual


def _accelerators(modules: Sequence[nn.Module]) -> list[int]:
    return sorted(
        {
            p.device.index
            for module in modules
            for p in module.parameters(recurse=False)
            if p.is_cuda
        }
    )


@contextmanager
def _watching(network: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    seen: dict[str, Tensor] = {}
    with ExitStack() as stack:
        for name in layers:
            hook = _hook(_layer(network, name), name, seen)
            stack.callback(hook.remove)
        yield seen


def _layer(network: nn.Module, name: str) -> nn.Module:
    """The layer of that name, whether its output is meant or its input."""
    named = dict(network.named_modules())
    plain = name.removesuffix(INPUT)
    if plain not in named:
        raise KeyError(
            f"layer {plain!r} is not in {type(network).__name__}: it has"
            f" {', '.join(name for name in named if name)}"
        )
    return named[plain]


def _hook(layer: nn.Module, name: str, seen: dict[str, Tensor]) -> RemovableHandle:
    """What the layer puts out, or takes in, is put into `seen` whenever it runs."""
    if name.endswith(INPUT):
        return layer.register_forward_pre_hook(
            lambda _module, taken: seen.__setitem__(name, taken[0])
        )
    return layer.register_forward_hook(lambda _module, _taken, given: seen.__setitem__(name, given))
