"""A model in a folder, as model hubs keep them: `model.safetensors`, `config.json`, and a card for
people to read, `README.md`.

The file of weights says itself what it holds (`distillery.models.files`). Where other software has
written it anew, and dropped what its header said, the configuration beside it counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from distillery.models import files, table
from distillery.models.making import Description, build
from distillery.support.atomic import write_atomically
from distillery.support.shown import shown

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
# what a card says of a training, in this order, and how it calls it
_SAID = {
    "trained_on": "Trained on",
    "study": "By study",
    "version": "Version of the study",
    "profile": "Profile",
    "params": "Parameters",
    "seed": "Seed",
    "versions": "Software",
    "commit": "Commit",
    "finished": "Finished",
}


def save(
    model: Any, folder: Path, *, name: str = "", about: Mapping[str, Any] | None = None
) -> None:
    """Write the three files; what is not said of the model is taken from its `provenance`."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"folder is {folder}, a file: a folder is needed, new or old")
    known = dict(getattr(model, "provenance", {}))
    name = name or known.pop("name", "") or folder.name
    known.pop("name", None)
    told = known if about is None else dict(about)
    content = files.packed([files.Named(name, model)], told)
    config = {"class": table.kind_of(model), "arguments": model.arguments()}
    write_atomically(folder / WEIGHTS, content)
    write_atomically(folder / CONFIG, (json.dumps(config, indent=2) + "\n").encode())
    write_atomically(folder / CARD, card(name, model, told).encode())


def load(where: Path, *, name: str | None = None) -> nn.Module:
    """The model in a folder, or in a file."""
    if not where.is_dir():
        return files.load(where, name)
    weights, config = where / WEIGHTS, where / CONFIG
    if not weights.is_file():
        raise ValueError(
            f"{where} holds no {WEIGHTS}: a folder that save_pretrained made is needed"
        )
    if not files.says_what_it_is(weights):
        return _by_config(weights, config)
    found = files.contents(weights)
    description = found.models[found.called(name, str(weights))]
    if config.exists() and _config(config) != (description.kind, dict(description.arguments)):
        raise ValueError(
            f"{config} says something else than {weights}, which holds a {description}: remove the"
            " one that is wrong"
        )
    return files.load(weights, name)


def card(name: str, model: Any, about: Mapping[str, Any]) -> str:
    """What people read of a model: what it is, what it was trained on, how well it did, and how it
    is loaded.
    """
    kind, numbers = table.kind_of(model), sum(p.numel() for p in model.parameters())
    facts = [f"| {said} | {_text(about[key])} |" for key, said in _SAID.items() if key in about]
    metrics = [f"| {key} | {value:.6g} |" for key, value in about.get("metrics", {}).items()]
    arguments = _text(model.arguments())
    lines = [
        "---",
        "library_name: distillery",
        "---",
        "",
        f"# {name}",
        "",
        f"A `{kind}` of the library Distillery with {numbers:,} parameters ({arguments}).",
        "",
        "```python",
        f"from distillery.models.{table.HOMES[kind]} import {kind}",
        "",
        f'model = {kind}.from_pretrained("FOLDER")  # where this card lies',
        "```",
    ]
    if facts:
        lines += ["", "## Training", "", "| | |", "| --- | --- |", *facts]
    if metrics:
        lines += ["", "## Recorded metrics", "", "| metric | value |", "| --- | --- |", *metrics]
    return "\n".join(lines) + "\n"


def _by_config(weights: Path, config: Path) -> nn.Module:
    if not config.is_file():
        raise ValueError(
            f"{weights} does not say what it holds, and there is no {CONFIG} beside it: one of both"
            " is needed"
        )
    kind, arguments = _config(config)
    description = Description(weights.parent.name, kind, arguments, "")
    tensors = files.tensors_in(weights.read_bytes(), str(weights))
    return build(description, tensors, f"{weights}, as {config} describes it")


def _config(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        kind, arguments = found["class"], found["arguments"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is no json with a class and arguments") from error
    if not isinstance(kind, str) or not isinstance(arguments, dict):
        raise ValueError(
            f"{path} says class {shown(kind)} and arguments {shown(arguments)}: a name and a"
            " dictionary are needed"
        )
    return kind, arguments


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(inside)}" for key, inside in value.items())
    return str(value)
