"""One switch each for device and precision: `auto` takes a GPU if there is one, and bfloat16 where
the hardware multiplies it natively.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from distillery.support.nearest import unknown

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class Settings:
    """A device, and the type that autocast uses there; None means float32 throughout."""

    device: torch.device
    dtype: torch.dtype | None

    @property
    def precision(self) -> str:
        return "float32" if self.dtype is None else str(self.dtype).removeprefix("torch.")


def resolve(device: str = "auto", precision: str = "auto", *, portable: bool = False) -> Settings:
    """The device and type that the names stand for here.

    Where numbers must be `portable`, `auto` is the CPU in float32.
    """
    import torch

    check_device(device)
    check_precision(precision)
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(
            f"device {device!r} was asked for, but this torch ({torch.__version__}) finds no CUDA"
            " device; use cpu or auto"
        )
    where = torch.device(_auto_device(portable) if device == "auto" else device)
    if where.type == "cuda" and (where.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device {device!r} was asked for, but there are {torch.cuda.device_count()} CUDA"
            " devices, counted from 0"
        )
    is_fast = precision == "auto" and not portable and multiplies_bfloat16(where)
    return Settings(where, torch.bfloat16 if precision == "bfloat16" or is_fast else None)


def check_device(name: str) -> str:
    """`name` if it is auto, cpu, cuda or cuda:N; else a sentence with these."""
    if name not in DEVICES and not re.fullmatch(r"cuda:\d+", name):
        raise ValueError(unknown("device", name, [*DEVICES, "cuda:N"]))
    return name


def check_precision(name: str) -> str:
    """`name` if it is auto, float32 or bfloat16; else a sentence with these."""
    if name not in PRECISIONS:
        raise ValueError(unknown("precision", name, PRECISIONS))
    return name


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 natively: AMX on a CPU, tensor cores from Ampere on
    with CUDA.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return "amx_bf16" in _cpu_flags()


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _auto_device(portable: bool) -> str:
    import torch

    return "cuda" if not portable and torch.cuda.is_available() else "cpu"


def _cpu_flags(path: Path = Path("/proc/cpuinfo")) -> set[str]:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return set()
    return set(next((line for line in lines if line.startswith("flags")), "").split())
