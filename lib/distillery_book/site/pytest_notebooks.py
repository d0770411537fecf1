"""A pytest plugin beside nbval: notebooks run in this environment, on one thread, and each cell
says how exactly it is compared.

A cell's metadata may hold `{"distillery": {"compare": "exact" | "close" | "none", "rtol": 0.1,
"atol": 0.0}}`. Exact is the default: what is printed must be printed again, on any machine. `close`
compares the numbers within the tolerance and the text between them exactly; `none` only asks that
the cell runs.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from distillery_book.site import kernels

MODES = ("exact", "close", "none")
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w])")
ADDRESSES = "regex: 0x[0-9a-f]{8,}\nreplace: 0xADDRESS\n"


def pytest_configure(config: pytest.Config) -> None:
    """nbval's settings, so that `pytest --nbval book/` needs no others."""
    if not getattr(config.option, "nbval", False):
        return
    config.option.nbval_current_env = not config.option.nbval_kernel_name
    os.environ.update(kernels.environment(config.rootpath))
    if not hasattr(config, "workerinput"):
        kernels.warm_fonts(config.rootpath)
        _sanitizer(config.rootpath).write_text(ADDRESSES)
    if not config.option.nbval_sanitize_with:
        config.option.nbval_sanitize_with = str(_sanitizer(config.rootpath))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        cell = getattr(item, "cell", None)
        if cell is not None and hasattr(item, "compare_outputs"):
            _arrange(item, comparison(cell.metadata))


def comparison(metadata: Mapping[str, Any]) -> tuple[str, float, float]:
    """How a cell is compared: mode, relative and absolute tolerance."""
    asked = dict(metadata.get("distillery", {}))
    mode = asked.get("compare", "exact")
    unknown = sorted(set(asked) - {"compare", "rtol", "atol"})
    if mode not in MODES or unknown:
        raise pytest.UsageError(
            f"cell metadata distillery is {asked}:"
            f" compare (one of {', '.join(MODES)}), rtol and atol are allowed"
        )
    return mode, float(asked.get("rtol", 0.1)), float(asked.get("atol", 0.0))


def close(printed: str, committed: str, *, rtol: float, atol: float) -> bool:
    """Whether two texts agree: the same words in the same order, however spaced, and numbers within
    the tolerance.
    """
    if _words(printed) != _words(committed):
        return False
    pairs = zip(NUMBER.findall(printed), NUMBER.findall(committed), strict=True)
    return all(math.isclose(float(a), float(b), rel_tol=rtol, abs_tol=atol) for a, b in pairs)


def _words(text: str) -> list[str]:
    """What stands before, between and after the numbers of a text, with single spaces."""
    return [" ".join(part.split()) for part in NUMBER.split(text)]


def _arrange(item: Any, asked: tuple[str, float, float]) -> None:
    mode, rtol, atol = asked
    if mode == "none":
        item.options["check"] = False
    if mode == "close":
        exact = item.compare_outputs

        def compare(test: list[Any], ref: list[Any], skip_compare: Any = None) -> bool:
            return _close_outputs(test, ref, rtol=rtol, atol=atol) or exact(test, ref, skip_compare)

        item.compare_outputs = compare


def _close_outputs(test: list[Any], ref: list[Any], *, rtol: float, atol: float) -> bool:
    ours, theirs = [_texts(output) for output in test], [_texts(output) for output in ref]
    if [sorted(texts) for texts in ours] != [sorted(texts) for texts in theirs]:
        return False
    return all(
        close(a[key], b[key], rtol=rtol, atol=atol)
        for a, b in zip(ours, theirs, strict=True)
        for key in a
    )


def _texts(output: Mapping[str, Any]) -> dict[str, str]:
    """An output's texts by kind; pictures count as present, and are not compared."""
    if output["output_type"] == "stream":
        return {str(output["name"]): str(output["text"])}
    return {kind: _text(kind, value) for kind, value in output.get("data", {}).items()}


def _text(kind: str, value: Any) -> str:
    if kind.startswith("image/"):
        return ""
    return value if isinstance(value, str) else repr(value)


def _sanitizer(root: Path) -> Path:
    folder = root / "_build"
    folder.mkdir(exist_ok=True)
    return folder / "nbval.cfg"
