"""Data: real sets by name, embedded stand-ins that need no download, and streams of tasks."""

from __future__ import annotations

from distillery.data import splits, tasks
from distillery.data.catalog import (
    NAMES,
    STAND_INS,
    RBMWeights,
    fingerprint,
    for_profile,
    load,
    load_rbm,
)
from distillery.data.forms import BadDataError
from distillery.data.images import Images, as_bits, as_float
from distillery.data.real import MissingDataError

__all__ = [
    "NAMES",
    "STAND_INS",
    "BadDataError",
    "Images",
    "MissingDataError",
    "RBMWeights",
    "as_bits",
    "as_float",
    "fingerprint",
    "for_profile",
    "load",
    "load_rbm",
    "splits",
    "tasks",
]
