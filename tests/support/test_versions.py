from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import torch

from distillery import __version__
from distillery.support.versions import versions


def test_versions_are_those_that_compute():
    found = versions()
    assert list(found) == ["python", "torch", "numpy", "distillery", "processor"]
    assert found["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert (found["python"], found["numpy"], found["distillery"]) == (
        platform.python_version(),
        np.__version__,
        __version__,
    )


def test_the_processor_is_named_by_its_model_or_its_family() -> None:
    named = versions()["processor"]
    cpuinfo = Path("/proc/cpuinfo")
    models = cpuinfo.read_text() if cpuinfo.exists() else ""
    if "model name" in models:
        assert f": {named}\n" in models
    else:
        assert named in (platform.processor(), platform.machine())
