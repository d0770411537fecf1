"""Every name that a room of the library gives out has an example in the reference, and every example
runs by itself.
"""

from __future__ import annotations

import importlib
import inspect
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from distillery_book.site import examples, sphinx_api

ROOT = Path(__file__).resolve().parents[2]
EVERY = examples.every()
ROOMS = (
    *("data", "generators", "inference", "lifelong", "losses", "models", "partition", "plots"),
    *("samplers", "storage", "teachers", "training"),
)
TOOLS = ("compact", "compress", "logz")
# What only says what went wrong, or lives in another room where it has its example.
ELSEWHERE = {"BadDataError", "Exhausted", "Generator"}


@pytest.mark.parametrize("example", EVERY, ids=lambda one: f"{one.room}-{one.names[0]}")
def test_an_example_runs_by_itself_and_shows_something(
    example: examples.Example, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    space: dict[str, Any] = {"__name__": "example"}
    exec(compile(example.code, f"{example.room}.md", "exec"), space)
    if example.room == "plots":
        import matplotlib.pyplot as plt

        assert plt.get_fignums()
        plt.close("all")
    else:
        assert capsys.readouterr().out


@pytest.mark.parametrize("room", [*ROOMS, *(f"tools.{tool}" for tool in TOOLS)])
def test_every_name_that_a_room_gives_out_has_an_example(room: str) -> None:
    module = importlib.import_module(f"distillery.{room}")
    given = {name for name in module.__all__ if _can_be_called(getattr(module, name))}
    places = (room.split(".")[0], examples.LOOP)
    shown = {name for one in EVERY if one.room in places for name in one.names}
    assert sorted(given - shown - ELSEWHERE) == []


def test_every_example_stands_beneath_the_names_that_it_shows() -> None:
    counted = Counter((one.room, name) for one in EVERY for name in one.names)
    assert [place for place, number in counted.items() if number > 1] == []
    assert examples.of("distillery.generators.noise.Noise") in [one.code for one in EVERY]
    assert examples.of("distillery.training.run.History") is not None
    assert examples.of("distillery") is None


def test_every_room_has_a_page() -> None:
    pages = {path.stem for path in (ROOT / "book" / "api").glob("*.md")}
    assert pages == set(sphinx_api.pages())
    for page in pages:
        assert f"<!-- room: {page} -->" in (ROOT / "book" / "api" / f"{page}.md").read_text()


def _can_be_called(thing: Any) -> bool:
    return inspect.isclass(thing) or inspect.isfunction(thing)
