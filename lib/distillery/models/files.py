"""A file of trained models that says what they are: class, arguments, and what is known of their
training.

It is a safetensors file. Its header's metadata are strings: `format`, `version`, `models` (a list,
in json, of `name`, `class`, `arguments` and the `prefix` of its tensors' names), `about` (in json,
what is known of their training) and `checksum`, of the tensors alone: the sha256 of a safetensors
file that holds them and no metadata. `distillery.models.making` makes a model of what is said.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distillery.models import table
from distillery.models.making import Description, build, kept
from distillery.support.nearest import unknown
from distillery.support.told import told

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMAT, VERSION = "distillery models", "1"
_METADATA = "__metadata__"
_MOST_HEADER = 10_000_000  # bytes
_FACTS = {"name": str, "class": str, "arguments": dict, "prefix": str}


@dataclass(frozen=True, eq=False)
class Named:
    """A model to be stored, the name it is known by, and what its tensors' names begin with: in a
    file of several each needs a prefix of its own.
    """

    name: str
    model: nn.Module
    prefix: str = ""


@dataclass(frozen=True, eq=False)
class Contents:
    """What a file says of its models, by name, and of their training."""

    models: Mapping[str, Description]
    about: Mapping[str, Any]
    checksum: str

    def called(self, name: str | None, where: str) -> str:
        """`name`, if there is such a model; the only one there is if none is named."""
        names = list(self.models)
        if name is None and len(names) > 1:
            raise ValueError(
                f"{where} holds {len(names)} models: say which by name=, one of {', '.join(names)}"
            )
        if name is not None and name not in self.models:
            raise ValueError(f"{where}: {unknown('model', name, names)}")
        return names[0] if name is None else name


def pack(tensors: Mapping[str, Tensor]) -> bytes:
    """The tensors as the bytes of a safetensors file without metadata; nothing for none."""
    from safetensors.torch import save

    return (
        save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()})
        if tensors
        else b""
    )


def packed(models: Sequence[Named], about: Mapping[str, Any] | None = None) -> bytes:
    """The models as the bytes of a file; what half precision holds exactly is stored in it."""
    if len({entry.name for entry in models}) < len(models):
        raise ValueError(
            f"models are called {', '.join(entry.name for entry in models)}: each needs a name of"
            " its own"
        )
    tensors: dict[str, Tensor] = {}
    for entry in models:
        own = {entry.prefix + name: value for name, value in _narrowed(kept(entry.model)).items()}
        if both := sorted(own.keys() & tensors.keys()):
            raise ValueError(
                f"tensor {both[0]!r} belongs to model {entry.name!r} and to another: each model of"
                " a file needs a prefix of its own"
            )
        tensors |= own
    return titled(pack(tensors), [_described(entry) for entry in models], about or {})


def titled(
    content: bytes, models: Sequence[Description], about: Mapping[str, Any], *, where: str = "it"
) -> bytes:
    """The same tensors under a header that says what they are."""
    alone = pack(tensors_in(content, where))
    written = [
        {"name": m.name, "class": m.kind, "arguments": dict(m.arguments), "prefix": m.prefix}
        for m in models
    ]
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "models": _json(written),
        "about": _json(dict(about)),
        "checksum": hashlib.sha256(alone).hexdigest(),
    }
    start = 8 + int.from_bytes(alone[:8], "little")
    header = json.dumps(
        {_METADATA: metadata, **json.loads(alone[8:start])}, separators=(",", ":")
    ).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + alone[start:]


def retitled(content: bytes, about: Mapping[str, Any]) -> bytes:
    """A packed file whose header says something else about the training of its models."""
    written = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])[_METADATA]
    models = [_description(facts, "models") for facts in json.loads(written["models"])]
    return titled(content, models, about)


def contents(path: Path) -> Contents:
    """What a file says of itself; its tensors are not read."""
    metadata = _metadata(path)
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path} is no file of models: its header does not say {FORMAT!r}")
    if metadata.get("version") != VERSION:
        raise ValueError(
            f"{path} has format version {told(repr(metadata.get('version')))}: this release"
            f" reads version {VERSION}"
        )
    about = _parsed(metadata.get("about", "{}"), dict, f"{path}: 'about'")
    listed = _parsed(metadata.get("models"), list, f"{path}: 'models'")
    models = [_description(facts, f"{path}: 'models'") for facts in listed]
    if not models or len({m.name for m in models}) < len(models):
        raise ValueError(
            f"{path} names the models {told([m.name for m in models])}: one or more, each by a"
            " name of its own, are needed"
        )
    return Contents({m.name: m for m in models}, about, str(metadata.get("checksum", "")))


def says_what_it_is(path: Path) -> bool:
    """Whether the header is one of ours; weights that other software wrote have none."""
    return _metadata(path).get("format") == FORMAT


def load(path: Path, name: str | None = None) -> nn.Module:
    """One model of a file, in evaluation mode on the CPU; its `provenance` is what the file says of
    its training.
    """
    found = contents(path)
    chosen = found.called(name, str(path))
    return _made(path, found, [chosen])[chosen]


def load_all(path: Path) -> dict[str, nn.Module]:
    """All models of a file by name."""
    found = contents(path)
    return _made(path, found, list(found.models))


def checksum(content: bytes, where: str) -> str:
    """The sha256 of a file of the same tensors without metadata."""
    return hashlib.sha256(pack(tensors_in(content, where))).hexdigest()


def tensors_in(content: bytes, where: str) -> dict[str, Tensor]:
    """The tensors of a file, whose bytes these are."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(content)
    except (
        SafetensorError,
        AttributeError,
        KeyError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        raise ValueError(
            f"{where} cannot be read as a file of models: it was cut short, or is none"
            f" ({told(error)})"
        ) from error


def _made(path: Path, found: Contents, names: Sequence[str]) -> dict[str, nn.Module]:
    content = path.read_bytes()
    tensors = tensors_in(content, str(path))
    if hashlib.sha256(pack(tensors)).hexdigest() != found.checksum:
        raise ValueError(f"{path} was altered: its checksum is not that of its tensors")
    prefixes = tuple(description.prefix for description in found.models.values())
    strange = sorted(name for name in tensors if not name.startswith(prefixes))
    if strange:
        raise ValueError(
            f"{path} holds tensor {told(repr(strange[0]))}, which belongs to none of its models"
        )
    models = {}
    for name in names:
        description = found.models[name]
        own = {
            key.removeprefix(description.prefix): value
            for key, value in tensors.items()
            if key.startswith(description.prefix)
        }
        models[name] = build(description, own, f"{path}, model {name!r}")
        models[name].provenance = {"name": name, **found.about}  # type: ignore[assignment]
    return models


def _described(entry: Named) -> Description:
    kind, model = table.kind_of(entry.model), entry.model
    return Description(entry.name, kind, model.arguments(), entry.prefix)  # type: ignore[operator]


def _narrowed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Numbers of single precision in half precision, if that holds every one of them exactly."""
    import torch

    def is_exact(value: Tensor) -> bool:
        return value.dtype != torch.float32 or bool((value.half().float() == value).all())

    if not all(map(is_exact, tensors.values())):
        return dict(tensors)
    return {
        name: value.half() if value.dtype == torch.float32 else value
        for name, value in tensors.items()
    }


def _metadata(path: Path) -> dict[str, str]:
    """The strings in the header of a safetensors file."""
    if path.is_dir() or not path.exists():
        raise ValueError(
            f"{path} is {'a folder' if path.is_dir() else 'not there'}: a file is needed"
        )
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        room = min(path.stat().st_size - 8, _MOST_HEADER)
        header = file.read(length) if 0 < length <= room else b""
    try:
        parsed = json.loads(header)
        metadata = parsed.get(_METADATA, {})
        return {str(name): str(text) for name, text in metadata.items()}
    except (ValueError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path} cannot be read as a file of models: it was cut short, or is none (its first"
            f" bytes claim a header of {length:,} bytes of json)"
        ) from error


def _description(facts: Any, where: str) -> Description:
    if not isinstance(facts, dict) or any(
        not isinstance(facts.get(name), kind) for name, kind in _FACTS.items()
    ):
        raise ValueError(
            f"{where} lists {told(repr(facts))}: a name, a class, arguments and a prefix are needed"
        )
    return Description(facts["name"], facts["class"], facts["arguments"], facts["prefix"])


def _parsed(text: str | None, kind: type, where: str) -> Any:
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is no json: {text!r:.80}") from error
    if not isinstance(found, kind):
        raise ValueError(f"{where} is {found!r:.80}: a {kind.__name__} is needed")
    return found


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))
