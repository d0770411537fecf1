"""A program in a process of its own, in a folder of its own, as its first and only one."""

from __future__ import annotations

import os
import runpy
from multiprocessing import get_context
from pathlib import Path

# What takes seconds to import is there already: the program still has to import what it uses.
SERVER = get_context("forkserver")
SERVER.set_forkserver_preload(
    ["torch", "torch._dynamo", "sklearn.datasets", "sklearn.ensemble", "pandas"]
)


def printed(program: str, folder: Path) -> str:
    """What a program prints that is run as a script in an empty folder; if it fails, what it says
    of that.
    """
    (folder / "task.py").write_text(program, encoding="utf-8")
    process = SERVER.Process(target=_run, args=(str(folder),))
    process.start()
    process.join()
    return (folder / "printed").read_text(encoding="utf-8") if not process.exitcode else "failed"


def _run(folder: str) -> None:
    import torch

    torch.set_num_threads(1)
    os.chdir(folder)
    os.dup2(os.open("printed", os.O_WRONLY | os.O_CREAT), 1)
    runpy.run_path("task.py", run_name="__main__")
