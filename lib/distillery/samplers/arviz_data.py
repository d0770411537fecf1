"""Chains as ArviZ has them, for its plots and summaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from distillery.samplers.density import LogDensity, evaluate


def as_arviz(
    draws: Tensor,
    *,
    name: str = "w",
    labels: Sequence[str] | None = None,
    log_density: LogDensity | None = None,
) -> Any:
    """Draws (sweeps, chains) or (sweeps, chains, dimensions) as an `xarray.DataTree` of ArviZ 1.x.

    The group `posterior` holds them as the variable `name`, its dimensions being chain, draw and,
    where there is one, `name_dim`, whose coordinates are `labels`. With `log_density` the group
    `sample_stats` holds its values at every draw as `lp`. ArviZ is imported here.
    """
    if draws.dim() not in (2, 3) or 0 in draws.shape:
        raise ValueError(
            f"draws have shape {tuple(draws.shape)}: (sweeps, chains) or (sweeps, chains,"
            " dimensions) is needed"
        )
    dimension = f"{name}_dim"
    data = {"posterior": {name: _by_chain(draws)}}
    if log_density is not None:
        states = draws if draws.dim() == 3 else draws[..., None]
        values = evaluate(log_density, states.flatten(0, 1)).view(draws.shape[:2])
        data["sample_stats"] = {"lp": _by_chain(values)}
    within = {"dims": {name: [dimension]}} if draws.dim() == 3 else {}
    named = {"coords": {dimension: _checked(labels, draws)}} if labels is not None else {}
    return _from_dict()(data, **within, **named)


def _by_chain(values: Tensor) -> Any:
    return values.detach().movedim(0, 1).numpy(force=True)


def _checked(labels: Sequence[str], draws: Tensor) -> list[str]:
    dimensions = draws.shape[2] if draws.dim() == 3 else 0
    if len(labels) != dimensions:
        raise ValueError(
            f"labels are {list(labels)}: one for each of {dimensions} dimensions is needed"
        )
    return list(labels)


def _from_dict() -> Any:
    try:
        from arviz_base import from_dict
    except ImportError as error:
        raise ImportError(
            "ArviZ 1.0 or later is needed for its data, and is not installed: pip install"
            " 'arviz>=1', or arviz-base alone"
        ) from error
    return from_dict
