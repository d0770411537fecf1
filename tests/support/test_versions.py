from __future__ import annotations

import platform

import numpy as np
import torch

from distillery import __version__
from distillery.support.versions import versions


def test_versions_are_those_that_compute():
    found = versions()
    assert list(found) == ["python", "torch", "numpy", "distillery"]
    assert found["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert (found["python"], found["numpy"], found["distillery"]) == (
        platform.python_version(),
        np.__version__,
        __version__,
    )
