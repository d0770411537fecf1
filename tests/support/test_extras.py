"""What one takes home needs few packages; a call that needs another says which extra brings it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from distillery.support.extras import EXTRAS, MissingExtraError, check, extra

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# The first lines of a program in a world that lacks these packages.
WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""
OPTIONAL = {package for packages in EXTRAS.values() for package in packages} | {"psutil"}


def run_without(absent: set[str], program: str) -> str:
    """What a program prints where those packages are not installed."""
    script = WITHOUT.format(absent=absent) + program
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


IMPORT_ALL = """
import importlib, pkgutil, distillery
from distillery.support.extras import MissingExtraError
for module in pkgutil.walk_packages(distillery.__path__, "distillery.", onerror=lambda name: None):
    if module.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except MissingExtraError as problem:
        print(module.name, "|", problem)
"""


def test_every_module_but_the_pictures_can_be_imported_without_any_extra() -> None:
    lines = run_without(OPTIONAL, IMPORT_ALL).splitlines()
    assert {line.partition(" | ")[0] for line in lines} == {"distillery.plots"}
    assert lines[0].partition(" | ")[2] == (
        "distillery.plots needs matplotlib, which is not installed; the extra 'pictures' brings"
        " it: pip install 'distillery[pictures]'"
    )


CALLS = {
    "digits": ("sklearn", "stand-ins", "from distillery import data; data.load('embedded:digits')"),
    "glyphs": (
        "matplotlib",
        "stand-ins",
        "from distillery import data; data.load('embedded:glyphs')",
    ),
    "outlines": (
        "fontTools",
        "stand-ins",
        "from distillery import data; data.load('embedded:glyphs')",
    ),
    "download": (
        "torchvision",
        "vision",
        "from distillery import data; data.load('mnist', '/nowhere')",
    ),
    "figure": (
        "pandas",
        "tables",
        "from distillery.tools.logz.report import _frame; _frame(None)",
    ),
    "plots": ("matplotlib", "pictures", "from distillery import plots"),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_needs_a_missing_package_names_it_and_the_extra(call: str) -> None:
    package, name, program = CALLS[call]
    caught = f"try:\n    {program}\nexcept ImportError as problem:\n    print(problem)"
    said = run_without({package}, caught)
    assert f"needs {package}, which is not installed; the extra {name!r} brings it" in said
    assert "\n" not in said


def test_a_download_that_lacks_its_package_says_how_to_do_without() -> None:
    program = (
        "from distillery import data\ntry:\n    data.load('mnist', '/nowhere')\n"
        "except ValueError as problem:\n    print(problem)"
    )
    said = run_without({"torchvision"}, program)
    assert said.startswith("mnist is not in /nowhere, and the download needs torchvision")
    assert "or set $DISTILLERY_DATA to the folder that holds mnist.npz" in said


def test_scenes_need_no_extra() -> None:
    program = "from distillery import data; print(len(data.load('embedded:scenes').x_train))"
    assert run_without(OPTIONAL, program) == "5000"


def test_a_figure_that_cannot_be_drawn_is_refused_before_anything_is_read_or_computed() -> None:
    program = (
        "from distillery.commands.main import main\nsys.stderr = sys.stdout\n"
        "print(main(['logz', 'none.npz', '--figure', 'it.png']))"
    )
    sentence, code = run_without({"pandas"}, program).splitlines()
    assert sentence.startswith(
        "distillery: the figure (--figure none does without) needs pandas, which is not installed"
    )
    assert code == "2"


def test_what_is_installed_passes_the_check() -> None:
    check("tables", "it")


def test_what_is_not_installed_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "nobody's", ("no_such_package",))
    with pytest.raises(MissingExtraError, match="it needs no_such_package, which is not installed"):
        check("nobody's", "it")


def test_what_breaks_inside_a_package_is_not_called_missing() -> None:
    with pytest.raises(ModuleNotFoundError, match="kiwi") as raised, extra("pictures", "it"):
        raise ModuleNotFoundError("No module named 'kiwi'", name="kiwi")
    assert not isinstance(raised.value, MissingExtraError)


def test_the_extras_bring_what_the_sentences_promise() -> None:
    declared = PROJECT["optional-dependencies"]
    brought_by = packages_distributions()
    for name, packages in EXTRAS.items():
        for package in packages:
            names = {distribution.lower() for distribution in brought_by[package]}
            assert names & {requirement.partition(">=")[0] for requirement in declared[name]}
    assert declared["book"][0] == f"distillery[{','.join(EXTRAS)}]"


def test_what_one_takes_home_needs_seven_packages() -> None:
    needed = {requirement.partition(">=")[0] for requirement in PROJECT["dependencies"]}
    assert needed == {"torch", "numpy", "scipy", "numba", "safetensors", "tqdm", "pillow"}
