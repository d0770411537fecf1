"""The rules that keep it one house: which way imports run, how long things are, who trains, how fast the door opens."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "lib" / "distillery"
FILES = sorted(LIBRARY.rglob("*.py"))

# From the top down; what stands in one line is one floor. The ground floor imports nothing of ours but protocols.
FLOORS = [
    {"lab"},
    {"studies"},
    {"lifelong", "teachers"},
    {"generators"},
    {"partition", "inference", "storage"},
    {"distillation", "run", "door", "checkpoints", "schedules", "adadelta", "models", "losses"},
    {"samplers", "data", "metrics", "plots"},
    {"protocols", "nearest", "atomic", "machine_code"},
]
GROUND = FLOORS[-2]

# Who calls .backward() outside distillation.py, and why. Every entry is an exception that had to be argued for.
TRAINS = {
    "distillation.py": "the loop",
}

LONGEST_FILE = 300
LONGEST_FUNCTION = 45


def test_every_room_has_a_floor() -> None:
    unknown = sorted({_room(path) for path in FILES} - set().union(*FLOORS) - {""})
    assert unknown == [], "say in FLOORS where it stands"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_imports_run_down(path: Path) -> None:
    room = _room(path)
    if room:  # __init__.py is the vocabulary, which names the loop, and __main__.py the command line
        upward = [name for name in _imported_rooms(path) if not _may_import(room, name)]
        assert upward == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in ast.walk(ast.parse(text)) if _is_function(node)}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def test_only_those_who_may_call_backward() -> None:
    callers = {str(path.relative_to(LIBRARY)) for path in FILES if _calls_backward(path)}
    assert callers == set(TRAINS), "the loop is distillation.py; name any other place in TRAINS, with its reason"


def test_no_file_is_pickled() -> None:
    """torch.save pickles, and so does numpy when it is allowed to; weights and arrays are safetensors here."""
    guilty = {str(path.relative_to(LIBRARY)) for path in FILES if _pickles(path)}
    assert guilty == set()


def test_importing_the_library_is_quick_and_brings_no_heavy_package() -> None:
    heavy = "{'matplotlib', 'pandas', 'dask', 'sklearn', 'torchvision', 'papermill'}"
    script = (
        "import json, sys, time; start = time.process_time(); import distillery; from distillery import distill;"
        f"print(json.dumps([time.process_time() - start, sorted({heavy} & set(sys.modules))]))"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for _ in range(3):  # a machine that is busy, or cold, may be slow once
        run = subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True)
        seconds, brought = json.loads(run.stdout)
        if seconds < 2:
            break
    assert brought == []
    assert seconds < 2


def _room(path: Path) -> str:
    """The room of a file: the first name below distillery, empty for the package's own file."""
    parts = path.relative_to(LIBRARY).with_suffix("").parts
    return "" if parts[0].startswith("__") else parts[0]


def _may_import(room: str, other: str) -> bool:
    if room == other or other == "":
        return True
    here, there = _floor(room), _floor(other)
    return there > here or (there == here and room not in GROUND)


def _floor(room: str) -> int:
    return next(level for level, rooms in enumerate(FLOORS) if room in rooms)


def _imported_rooms(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module == "distillery":
            names = [f"distillery.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""] if node.level == 0 else []
        else:
            continue
        for name in names:
            if name.startswith("distillery."):
                inner = name.split(".")[1]
                yield inner if (LIBRARY / inner).is_dir() or (LIBRARY / f"{inner}.py").is_file() else _home(inner)


def _home(name: str) -> str:
    """`from distillery import distill` reaches the loop's floor through the vocabulary."""
    return {
        "distill": "distillation",
        "load": "lab",
        "History": "run",
        "Diverged": "run",
        "Batch": "protocols",
        "Exhausted": "protocols",
    }.get(name, "")


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def _calls_backward(path: Path) -> bool:
    calls = (node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    return any(isinstance(function, ast.Attribute) and function.attr == "backward" for function in calls)


def _pickles(path: Path) -> bool:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        if {"pickle", "cloudpickle", "joblib"} & {str(name).split(".")[0] for name in names}:
            return True
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr) in {("torch", "save"), ("torch", "load")}
        ):
            return True
        if (
            isinstance(node, ast.keyword)
            and node.arg == "allow_pickle"
            and not (isinstance(node.value, ast.Constant) and node.value.value is False)
        ):
            return True
    return False
