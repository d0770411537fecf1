"""The rules that keep it one house: which way imports run, how long things are, who trains, how
fast the door opens.
"""

from __future__ import annotations

import ast
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIB = ROOT / "lib"
PACKAGES = {"distillery": LIB / "distillery", "distillery_book": LIB / "distillery_book"}
LIBRARY, BOOK = PACKAGES.values()
FILES = sorted(path for folder in PACKAGES.values() for path in folder.rglob("*.py"))

# From the top down; what stands in one line is one floor, and imports only what stands below it.
FLOORS = {
    "distillery": [
        {"commands"},
        {"tools"},
        {"lifelong", "teachers"},
        {"generators"},
        {"partition", "inference", "storage"},
        {"distillation", "training"},
        {"losses"},
        {"models"},
        {"samplers", "data", "metrics", "plots", "protocols"},
        {"support"},
    ],
    "distillery_book": [
        {"commands"},
        {"site"},
        {"pages"},
        {"chapters"},
        {"figures"},
        {"running"},
        {"results"},
    ],
}

# Floors whose rooms may import one another.
SHARED = [
    {"lifelong", "teachers"},
    {"partition", "inference", "storage"},
    {"distillation", "training"},
]

# Who calls .backward() outside distillation.py, and why. Every entry is an exception that had to be
# argued for.
TRAINS = {
    "distillation.py": "the loop",
}

MOST_STATEMENTS, MEDIAN_STATEMENTS, MOST_POSITIONAL = 15, 4, 4
# Longer functions, each with its reason.
LONG = {"distillery/distillation.py:distill": "the loop, in one piece"}


def test_every_room_has_a_floor() -> None:
    for package, floors in FLOORS.items():
        rooms = {_room(path) for path in FILES if _package(path) == package}
        assert sorted(rooms - set().union(*floors) - {""}) == [], "say in FLOORS where it stands"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(LIB)))
def test_imports_run_down(path: Path) -> None:
    package, room = _package(path), _room(path)
    if (
        room
    ):  # __init__.py is the vocabulary, which names the loop, and __main__.py the command line
        upward = [
            name
            for other, name in _imported_rooms(path)
            if other == package and not _below(package, room, name)
        ]
        assert upward == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(LIB)))
def test_the_library_does_not_know_the_book(path: Path) -> None:
    if _package(path) == "distillery":
        assert "distillery_book" not in path.read_text(encoding="utf-8")


def test_chapters_do_not_import_one_another() -> None:
    for path in sorted((BOOK / "chapters").glob("*/*.py")):
        others = {
            module.split(".")[2]
            for module in _imported_modules(path)
            if module.startswith("distillery_book.chapters.")
        }
        assert others <= {path.parent.name}, path


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(LIB)))
def test_functions_are_short(path: Path) -> None:
    lengths = {
        f"{path.relative_to(LIB)}:{node.name}": _statements(node) for node in _functions(path)
    }
    assert {
        name: length
        for name, length in lengths.items()
        if length > MOST_STATEMENTS and name not in LONG
    } == {}


def test_most_functions_are_very_short() -> None:
    assert (
        statistics.median(_statements(node) for path in FILES for node in _functions(path))
        <= MEDIAN_STATEMENTS
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(LIB)))
def test_what_others_call_takes_at_most_four_arguments_by_position(path: Path) -> None:
    public = [
        node
        for node in _functions(path)
        if not node.name.startswith("_") and not _is_called_by_sphinx(path, node)
    ]
    assert {
        node.name: found for node in public if (found := _positional(node)) > MOST_POSITIONAL
    } == {}


def test_only_those_who_may_call_backward() -> None:
    callers = {
        str(path.relative_to(LIBRARY if _package(path) == "distillery" else LIB))
        for path in FILES
        if _calls_backward(path)
    }
    assert callers == set(TRAINS), (
        "the loop is distillation.py; name any other place in TRAINS, with its reason"
    )


def test_no_file_is_pickled() -> None:
    """torch.save pickles, and so does numpy when it is allowed to; weights and arrays are
    safetensors here.
    """
    guilty = {str(path.relative_to(LIB)) for path in FILES if _pickles(path)}
    assert guilty == set()


def test_importing_the_library_is_quick_and_brings_no_heavy_package() -> None:
    """torch takes seconds of its own: it is imported first, and what the library adds is measured."""
    heavy = "{'matplotlib', 'pandas', 'dask', 'sklearn', 'torchvision', 'papermill'}"
    script = (
        "import json, sys, time; import torch; start = time.process_time(); import distillery; from"
        " distillery import distill; print(json.dumps([time.process_time() - start,"
        f" sorted({heavy} & set(sys.modules))]))"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for _ in range(3):  # a machine that is busy, or cold, may be slow once
        run = subprocess.run(
            [sys.executable, "-c", script],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        seconds, brought = json.loads(run.stdout)
        if seconds < 1:
            break
    assert brought == []
    assert seconds < 1


def _package(path: Path) -> str:
    return path.relative_to(LIB).parts[0]


def _room(path: Path) -> str:
    """The room of a file: the first name below the package, empty for the package's own file."""
    parts = path.relative_to(LIB).with_suffix("").parts[1:]
    return "" if parts[0].startswith("__") else parts[0]


def _below(package: str, room: str, other: str) -> bool:
    """Those who share a floor may import one another, save on the ground floor but one."""
    if other in (room, ""):
        return True
    here, there = _floor(package, room), _floor(package, other)
    return there > here or (there == here and FLOORS[package][here] in SHARED)


def _floor(package: str, room: str) -> int:
    return next(level for level, rooms in enumerate(FLOORS[package]) if room in rooms)


def _imported_rooms(path: Path) -> Iterator[tuple[str, str]]:
    """Package and room of whatever of ours a file imports, wherever in it."""
    for module in _imported_modules(path):
        package, _, inside = module.partition(".")
        if package in PACKAGES:
            room = inside.split(".")[0]
            is_room = (PACKAGES[package] / room).is_dir() or (
                PACKAGES[package] / f"{room}.py"
            ).is_file()
            yield package, room if is_room else _home(room)


def _imported_modules(path: Path) -> Iterator[str]:
    """Dotted names, with what is imported from a module as if it were a module too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _home(name: str) -> str:
    """`from distillery import distill` reaches the loop's floor through the vocabulary."""
    homes = {"distill": "distillation", "compress": "tools", "log_z": "tools", "load": "tools"}
    homes |= dict.fromkeys(("History", "Diverged"), "training")
    return homes.get(name, "protocols" if name in ("Batch", "Exhausted") else "")


def _functions(path: Path) -> list[ast.FunctionDef]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [node for node in nodes if isinstance(node, ast.FunctionDef)]


def _statements(function: ast.FunctionDef) -> int:
    """Those inside, nested ones counted, without the docstring."""
    inside = sum(isinstance(node, ast.stmt) for node in ast.walk(function)) - 1
    return inside - (ast.get_docstring(function) is not None)


def _positional(function: ast.FunctionDef) -> int:
    arguments = [argument.arg for argument in function.args.posonlyargs + function.args.args]
    return len(arguments) - (arguments[:1] in (["self"], ["cls"]))


def _is_called_by_sphinx(path: Path, function: ast.FunctionDef) -> bool:
    """Whether Sphinx dictates the signature: in our extensions, what is handed the application."""
    first = [argument.annotation for argument in function.args.args[:1]]
    takes_application = [ast.unparse(annotation) for annotation in first if annotation] == [
        "Sphinx"
    ]
    return path.name in ("sphinx_api.py", "sphinx_overlay.py") and takes_application


def _calls_backward(path: Path) -> bool:
    calls = (
        node.func
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    )
    return any(
        isinstance(function, ast.Attribute) and function.attr == "backward" for function in calls
    )


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
