"""The environment a chapter runs in: this interpreter, one thread, a fixed hash seed, matplotlib as
it ships.

Two kernels with two threads each on two cores are many times slower than with one, and a reader's
own matplotlib settings must not change a figure: so whoever runs a chapter runs it here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def environment(root: Path) -> dict[str, str]:
    """What a kernel needs in its environment for two runs on any machine to print the same."""
    fixed = dict.fromkeys(THREADS, "1")
    fixed |= {
        "PYTHONHASHSEED": "0",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    inherited = {name: value for name, value in os.environ.items() if name != "MATPLOTLIBRC"}
    return inherited | fixed | {"MPLCONFIGDIR": str(root / "_build" / "matplotlib")}


def warm_fonts(root: Path) -> None:
    """Build matplotlib's font cache beforehand: else the first kernel prints that it does."""
    folder = root / "_build" / "matplotlib"
    if not any(folder.glob("fontlist-*.json")):
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [sys.executable, "-c", "import matplotlib.font_manager"],
            env=environment(root),
            check=True,
            capture_output=True,
        )
