from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import distillery
from distillery.support.lazily import lazily
from distillery.tools import compress, logz


def test_the_vocabulary_is_listed_and_every_name_of_it_is_there() -> None:
    for package in (distillery, compress, logz):
        assert set(package.__all__) <= set(dir(package))
        assert all(getattr(package, name) is not None for name in package.__all__)


def test_the_tools_have_natural_names() -> None:
    assert distillery.compress is compress.compress
    assert distillery.log_z is logz.log_z


def test_every_name_of_the_vocabulary_stands_on_the_page_of_the_library_where_it_lives() -> None:
    page = (Path(__file__).parents[2] / "book" / "api.md").read_text(encoding="utf-8")
    said = dict(re.findall(r"\| \{py:\w+\}`(\w+) <([\w.]+)>`", page))
    assert said.keys() == set(distillery.__all__) - {"__version__"}
    for name, home in said.items():
        module, _, own = home.rpartition(".")
        found = getattr(distillery, name)
        assert getattr(importlib.import_module(module), own) is found
        assert found.__module__ == module


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    find, names = lazily("distillery", {"Batch": "protocols"}, {"here": 1})
    assert find("Batch") is distillery.Batch
    assert names() == ["Batch", "here"]
    with pytest.raises(
        AttributeError, match=r"module 'distillery' has no attribute 'Bath': it has Batch"
    ):
        find("Bath")


def test_names_are_found_when_they_are_first_used() -> None:
    script = (
        "import sys, distillery; before = 'torch' in sys.modules; distillery.Batch;"
        " print(before, 'torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True"]


def test_what_a_type_checker_sees_of_the_vocabulary_is_what_there_is() -> None:
    for package in (distillery, compress, logz):
        tree = ast.parse(Path(str(package.__file__)).read_text(encoding="utf-8"))
        (block,) = [node for node in tree.body if isinstance(node, ast.If)]
        seen = {alias.name for node in block.body for alias in node.names}  # type: ignore[attr-defined]
        assert seen == set(package.__all__) - {"__version__"}
