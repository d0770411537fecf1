"""What a study is: a grid of cells at each profile, the function that runs one cell, and which
published numbers its runs answer.

A run is known by its study, parameters, seed, data fingerprint and the study's version. The profile
is recorded but is no part of that identity: whatever a profile changes (passes, sizes, widths)
stands in `Cell.params`, so a run is never mistaken for a longer one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from distillery.support.nearest import unknown

if TYPE_CHECKING:
    import torch
    from torch import nn

    from distillery.data import Images
    from distillery.models.files import Named

Profile = Literal["smoke", "laptop", "paper"]
PROFILES: tuple[Profile, ...] = ("smoke", "laptop", "paper")
Scalar = bool | int | float | str
WEIGHTS = "weights:"


def check_profile(name: str) -> Profile:
    """`name` as a profile, or a sentence with the profiles that exist."""
    if name not in PROFILES:
        raise ValueError(unknown("profile", name, PROFILES))
    return name


@dataclass(frozen=True)
class Cell:
    """One run: parameters (json scalars), a seed, and the data it uses (`"none"` when the study
    makes its own).

    Several data sets are joined by a plus sign: `"cifar100+cifar10"`. What another study has
    trained counts as data: `"mnist+weights:nade"` needs the weights recorded as `nade`, and is
    another run when they are others.
    """

    params: Mapping[str, Scalar]
    seed: int
    data: str = "none"

    def __post_init__(self) -> None:
        for name, value in self.params.items():
            if not isinstance(value, (bool, int, float, str)) or (
                isinstance(value, float) and not math.isfinite(value)
            ):
                raise ValueError(
                    f"Cell.params[{name!r}] is {value!r}; a finite bool, int, float or str is"
                    " needed"
                )
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise ValueError(f"Cell.seed is {self.seed!r}; an int is needed")

    def __str__(self) -> str:
        return " ".join(
            [
                *(f"{name}={value}" for name, value in self.params.items()),
                f"seed={self.seed}",
                f"data={self.data}",
            ]
        )


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a cell found: finite metrics, how it departed from the published protocol, the pictures'
    data, small trained models.

    `departures` maps a name to [published, here]: `{"passes": [500, 20]}`. Arrays are meant for
    pictures (2 MB a study). Models are those worth shipping (35 MB in all): they are stored in one
    file, recorded as `weights_name`, and are loaded by their own names.
    """

    metrics: Mapping[str, float]
    departures: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    arrays: Mapping[str, torch.Tensor] = field(default_factory=dict)
    models: Sequence[Named] = ()
    weights_name: str = ""

    def __post_init__(self) -> None:
        for name, value in self.metrics.items():
            if not math.isfinite(float(value)):
                raise ValueError(
                    f"metric {name!r} is {float(value)}; a record holds finite numbers alone"
                )
        for name, pair in self.departures.items():
            if len(pair) != 2:
                raise ValueError(
                    f"departure {name!r} is {pair!r}; a pair [published, here] is needed"
                )


@dataclass(frozen=True)
class Answer:
    """Which records answer a published cell: those that fit `where`; their `metric` times `scale`
    is `column` of `row` in `table`.

    With `minus` it is the difference to the records that fit that, seed by seed. A number that has
    decided something which the paper leaves open `calibrates`, and judges nothing.
    """

    table: str
    row: Mapping[str, Any]
    column: str
    metric: str
    where: Mapping[str, Scalar] = field(default_factory=dict)
    scale: float = 1.0
    calibrates: bool = False
    minus: Mapping[str, Scalar] | None = None


@dataclass(frozen=True)
class Context:
    """Where a cell runs.

    `scratch` is its own folder, kept until the cell is recorded: a killed cell continues from its
    checkpoint there.

    `dtype` is the autocast type, None for float32. `declared` maps the data sets of the cell to
    their fingerprints; None allows any. `read_models` finds recorded models by the fingerprint of
    their weights.
    """

    profile: Profile
    device: torch.device
    dtype: torch.dtype | None
    scratch: Path
    threads: int = 1
    declared: Mapping[str, str] | None = None
    on_report: Callable[[float], None] | None = None
    read_models: Callable[[str], dict[str, nn.Module]] | None = None

    def report(self, done: float) -> None:
        """Say that a share `done` (0 to 1) of the cell is behind us."""
        if self.on_report is not None:
            self.on_report(min(max(float(done), 0.0), 1.0))

    def load(self, name: str) -> Images:
        """The data set `name`, one of those the cell declares, with the fingerprint its record will
        carry.
        """
        from distillery import data

        if self.declared is not None and name not in self.declared:
            raise ValueError(f"data set {name!r} {self._undeclared()}")
        images = data.load(name)
        if self.declared is not None and images.fingerprint != self.declared[name]:
            expected = self.declared[name]
            raise ValueError(
                f"data set {name!r} has fingerprint {images.fingerprint} here, but {expected} where"
                " the study was started"
            )
        return images

    def models(self, weights: str) -> dict[str, nn.Module]:
        """The models, by their names, in the weights recorded as `weights`, which the cell declares
        as `weights:NAME` in its data.
        """
        declared = self.declared or {}
        if WEIGHTS + weights not in declared or self.read_models is None:
            raise ValueError(f"data set {WEIGHTS + weights!r} {self._undeclared()}")
        return self.read_models(declared[WEIGHTS + weights])

    def _undeclared(self) -> str:
        return (
            "is not declared by this cell, whose Cell.data is"
            f" {'+'.join(self.declared or {}) or 'none'!r}"
        )


@dataclass(frozen=True, eq=False)
class Study:
    """The runs behind a chapter's tables.

    Raise `version` when code that decides a result changes: older records then stop counting.

    `departs` says in what a run with such parameters and data differs from what the paper says; a
    record that names less is completed by it, so that what was noticed later counts too.

    `precision` is "float32" or "float64" for a study that computes so whatever the machine
    multiplies fastest. `makes` are the names under which weights of its models are recorded.
    """

    name: str
    version: int
    title: str
    cells: Callable[[Profile], Sequence[Cell]]
    run: Callable[[Cell, Context], Outcome]
    answers: Callable[[], Sequence[Answer]] = list
    aims: Sequence[tuple[str, str, Mapping[str, Scalar]]] = ()
    precision: Literal["auto", "float32", "float64"] = "auto"
    makes: tuple[str, ...] = ()
    departs: Callable[[Cell], Mapping[str, Sequence[Any]]] = lambda cell: {}

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise ValueError(
                f"Study.name is {self.name!r}; lower-case letters, digits and underscores are"
                " allowed: files bear it"
            )
        if isinstance(self.version, bool) or not isinstance(self.version, int) or self.version < 1:
            raise ValueError(f"Study.version is {self.version!r}; an int of 1 or more is needed")
        if self.precision not in ("auto", "float32", "float64"):
            raise ValueError(
                f"Study.precision is {self.precision!r}; auto, float32 or float64 is needed"
            )
