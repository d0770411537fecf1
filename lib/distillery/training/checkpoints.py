"""A checkpoint is one safetensors file: the tensors of every part by name, and the rest as json in
its header, with a note of which run it is of. No pickle.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from distillery.support.atomic import replacing
from distillery.support.told import told

# What safetensors, json and our own walk through the tree make of altered bytes.
_DAMAGES = (
    SafetensorError,
    AttributeError,
    KeyError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
_TENSOR, _PAIRS, _STREAMS = "__tensor__", "__pairs__", "default streams"


def save(
    path: str | Path, parts: Mapping[str, Any], *, note: Mapping[str, Any] | None = None
) -> None:
    """Write the state of every part atomically: a reader sees the old file or the new one, never
    half of either.

    The note is what json can hold, and is read without the rest.
    """
    states = {name: part.state_dict() for name, part in parts.items()}
    tensors: dict[str, Tensor] = {}
    tree = _split(states | {_STREAMS: _default_streams()}, "", tensors)
    header = {"tree": json.dumps(tree)}
    if note is not None:
        header["note"] = json.dumps(note)
    with replacing(Path(path)) as part:
        save_file(tensors, part, metadata=header)


def note(path: str | Path) -> dict[str, Any] | None:
    """What `save` was told to note, or None if there is no note."""
    with _opened(path) as file:
        header = file.metadata()
        json.loads(header["tree"])
        return dict(json.loads(header["note"])) if "note" in header else None


def load(path: str | Path, parts: Mapping[str, Any]) -> None:
    """Put every part into the state that `save` found it in.

    The parts are made as they were made then.
    """
    state = _read(path)
    streams = state.pop(_STREAMS, {})
    if set(state) != set(parts):
        raise ValueError(
            f"checkpoint {path} holds {told(sorted(map(str, state)))}: this run has {sorted(parts)}"
        )
    for name, part in parts.items():
        with _fitting(path, f"the {name}"):
            part.load_state_dict(state[name])
        if isinstance(part, torch.optim.Optimizer):
            _lay_out(part)
    with _fitting(path, "the default streams"):
        _set_default_streams(streams)


@contextmanager
def _fitting(path: str | Path, what: str) -> Iterator[None]:
    """A sentence about whatever a state that is not one of `what` may bring about."""
    try:
        yield
    except Exception as error:
        raise ValueError(
            f"checkpoint {path} does not fit {what} of this run: one made in the same way is needed"
            f" ({told(error)})"
        ) from error


def _lay_out(optimizer: torch.optim.Optimizer) -> None:
    """What it keeps of a parameter lies in memory as the parameter does, channels last for one:
    fused optimizers take that for granted.
    """
    for parameter, kept in optimizer.state.items():
        for name, value in kept.items():
            if (
                isinstance(value, Tensor)
                and value.shape == parameter.shape
                and value.stride() != parameter.stride()
            ):
                kept[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def _read(path: str | Path) -> dict[str, Any]:
    with _opened(path) as file:
        tree = json.loads(file.metadata()["tree"])
        # Cloned, for they are windows onto the file, and the file may change under a run that goes
        # on.
        tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118 (a file is no dictionary)
        return dict(_join(tree, tensors))


@contextmanager
def _opened(path: str | Path) -> Iterator[Any]:
    """The file, and a sentence if it turns out not to be a checkpoint."""
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except _DAMAGES as error:
        raise ValueError(
            f"checkpoint {path} cannot be read ({told(error)}): a file written by"
            " distill(checkpoint=…) is needed"
        ) from None


def _default_streams() -> dict[str, Any]:
    """Dropout draws from the default streams: a continued run must see the same masks."""
    return {
        "cpu": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
    }


def _set_default_streams(streams: Mapping[str, Any]) -> None:
    torch.set_rng_state(streams["cpu"])
    if streams["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(streams["cuda"])


def _split(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """The same tree with every tensor replaced by its name in `tensors`."""
    if isinstance(value, Tensor):
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {_TENSOR: name}
    if isinstance(value, Mapping):
        # json has string keys only, and optimizers count their parameters.
        pairs = [[key, _split(item, f"{name}/{key}", tensors)] for key, item in value.items()]
        return {_PAIRS: pairs}
    if isinstance(value, (list, tuple)):
        return [_split(item, f"{name}/{i}", tensors) for i, item in enumerate(value)]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(
        f"checkpoint entry {name} is a {type(value).__name__}: tensors, numbers, strings, lists and"
        " dicts can be saved"
    )


def _join(tree: Any, tensors: Mapping[str, Tensor]) -> Any:
    """What `_split` took apart."""
    if isinstance(tree, list):
        return [_join(item, tensors) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if _TENSOR in tree:
        return tensors[tree[_TENSOR]]
    return {key: _join(item, tensors) for key, item in tree[_PAIRS]}
