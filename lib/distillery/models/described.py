"""Models that say what they are made of, so that a file of theirs can be read anywhere.

`from_pretrained` and `save_pretrained` are what users of model hubs expect of a class.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import torch


class Described:
    """A model with `arguments()`, in json, from which `from_arguments` makes one of the same shape.

    `follows` names the buffers that follow from the arguments: files do not hold them.
    """

    follows: ClassVar[tuple[str, ...]] = ()

    def arguments(self) -> dict[str, Any]:
        """What the class is called with to make a model of this shape, as json has it."""
        raise NotImplementedError

    @classmethod
    def from_arguments(cls, **arguments: Any) -> Self:
        """A model of that shape; its numbers mean nothing yet."""
        made: Any = cls
        return made(**arguments, rng=torch.Generator().manual_seed(0))

    def save_pretrained(
        self, folder: str | Path, *, name: str = "", about: Mapping[str, Any] | None = None
    ) -> None:
        """Write into a folder `model.safetensors`, its `config.json`, and a card, `README.md`.

        `about` is what the card says of it, `{"trained_on": "mnist", "metrics": {"test": 0.1}}`
        say; by default what was said where it was loaded.
        """
        from distillery.models import pretrained

        pretrained.save(self, Path(folder), name=name, about=about)

    @classmethod
    def from_pretrained(cls, where: str | Path, *, name: str | None = None) -> Self:
        """The model of this class in a folder, or in a file, in evaluation mode on the CPU; of
        several in one file the one called `name`.
        """
        from distillery.models import pretrained

        model: Any = pretrained.load(Path(where), name=name)
        if not isinstance(model, cls):
            raise TypeError(
                f"{where} holds a {type(model).__name__}: {cls.__name__}.from_pretrained needs a"
                f" {cls.__name__}"
            )
        return model
