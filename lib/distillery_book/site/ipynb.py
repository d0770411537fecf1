"""Notebook files as plain data: cells, parameters, the committed form of an executed copy.

Files are read as JSON, since every tool that writes them writes format 4.5: each cell has an id, by
which an executed copy's outputs find their place.
"""

from __future__ import annotations

import ast
import base64
import html
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

Notebook = dict[str, Any]
Cell = dict[str, Any]
GLUED = re.compile(
    r'(<span data-glue="([^"]+)">)(.*?)(</span>)'
)  # a number that the prose shows, and the name it was glued under
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def executed_copy(root: Path, profile: str, name: str) -> Path:
    """Where the run of a chapter at a profile lies."""
    return root / "_build" / "executed" / profile / f"{name}.ipynb"


def read(path: Path) -> Notebook:
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not a notebook: {error}") from error
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise ValueError(f"{path} is not a notebook: it has no list of cells")
    return notebook


def text(notebook: Notebook) -> str:
    """The file's text as Jupyter writes it: one space of indent, keys in order, a newline at the
    end.
    """
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def code_cells(notebook: Notebook) -> list[Cell]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def source(cell: Cell) -> str:
    """A cell's text: files hold it as one string or as a list of lines."""
    return cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])


def tags(cell: Cell) -> list[str]:
    return list(cell.get("metadata", {}).get("tags", []))


def parameters(notebook: Notebook) -> dict[str, tuple[str, Any]]:
    """What the cell tagged `parameters` declares: `name: type = value` as name -> (type, value)."""
    declared: dict[str, tuple[str, Any]] = {}
    for cell in notebook["cells"]:
        if "parameters" in tags(cell):
            for line in ast.parse(source(cell)).body:
                if (
                    isinstance(line, ast.AnnAssign)
                    and isinstance(line.target, ast.Name)
                    and line.value is not None
                ):
                    declared[line.target.id] = (
                        ast.unparse(line.annotation),
                        ast.literal_eval(line.value),
                    )
    return declared


def glued(notebook: Notebook) -> dict[str, str]:
    """The numbers and texts that a notebook's cells hand to its prose, by name."""
    outputs = [output for cell in code_cells(notebook) for output in cell["outputs"]]
    named = {
        output.get("metadata", {}).get("scrapbook", {}).get("name"): output.get("data", {})
        for output in outputs
    }
    found = {
        name: data.get("application/papermill.record/text/plain")
        for name, data in named.items()
        if name
    }
    return {
        name: str(ast.literal_eval(_joined(value)))
        for name, value in found.items()
        if value is not None
    }


def shown(committed: Notebook, executed: Notebook) -> tuple[Notebook, list[str]]:
    """The committed text and code with the executed copy's outputs, and the ids of cells whose code
    is no longer what ran.

    The prose shows the numbers that the executed copy glued. What papermill injected is shown after
    the parameters it changes.
    """
    numbers = glued(executed)
    ran = {cell["id"]: cell for cell in code_cells(executed)}
    injected = [cell for cell in code_cells(executed) if "injected-parameters" in tags(cell)]
    cells: list[Cell] = []
    for cell in committed["cells"]:
        is_code = cell["cell_type"] == "code"
        cells.append(_with_outputs(cell, ran) if is_code else _with_numbers(cell, numbers))
        if is_code and "parameters" in tags(cell):
            cells.extend(injected)
    sources = {name: source(cell) for name, cell in ran.items()}
    code = code_cells(committed)
    stale = [cell["id"] for cell in code if sources.get(cell["id"]) != source(cell)]
    return committed | {"cells": cells}, stale


def refreshed(committed: Notebook, executed: Notebook) -> Notebook:
    """The committed notebook with the executed copy's outputs, without a trace of who ran it and
    when.
    """
    merged, stale = shown(committed, executed)
    if stale:
        raise ValueError(
            f"cell {stale[0]} is not what ran: run the chapter again before its outputs are written"
            " back"
        )
    count = iter(range(1, len(merged["cells"]) + 1))
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    return merged | {
        "cells": [_plain(cell, count) for cell in merged["cells"]],
        "metadata": metadata,
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _with_outputs(cell: Cell, ran: Mapping[str, Cell]) -> Cell:
    """What never ran keeps the outputs it was committed with."""
    if cell["id"] not in ran:
        return cell
    twin = ran[cell["id"]]
    return cell | {"outputs": twin["outputs"], "execution_count": twin["execution_count"]}


def _with_numbers(cell: Cell, numbers: Mapping[str, str]) -> Cell:
    """What no cell glued stays as it is."""

    def filled(found: re.Match[str]) -> str:
        start, name, _, end = found.groups()
        return (
            f"{start}{html.escape(numbers[name], quote=False)}{end}"
            if name in numbers
            else found[0]
        )

    return cell | {"source": _lines(GLUED.sub(filled, source(cell)))}


def _plain(cell: Cell, count: Iterator[int]) -> Cell:
    plain: Cell = {
        "cell_type": cell["cell_type"],
        "id": cell["id"],
        "metadata": _plain_metadata(cell["metadata"]),
        "source": _lines(source(cell)),
    }
    if cell["cell_type"] != "code":
        return plain | ({"attachments": cell["attachments"]} if "attachments" in cell else {})
    number = next(count)
    return plain | {
        "execution_count": number,
        "outputs": [_plain_output(output, number) for output in _unbroken(cell["outputs"])],
    }


def _unbroken(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was printed in one go stands in one piece, however it arrived from the kernel."""
    whole: list[dict[str, Any]] = []
    for output in outputs:
        follows = whole and output["output_type"] == whole[-1]["output_type"] == "stream"
        if follows and output["name"] == whole[-1]["name"]:
            text = _joined(whole[-1]["text"]) + _joined(output["text"])
            whole[-1] = whole[-1] | {"text": text}
        else:
            whole.append(output)
    return whole


def _plain_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        key: value
        for key, value in metadata.items()
        if key not in ("papermill", "execution", "editable", "slideshow", "ExecuteTime")
    }
    return {key: value for key, value in kept.items() if not (key == "tags" and not value)}


def _plain_output(output: dict[str, Any], number: int) -> dict[str, Any]:
    plain = dict(output)
    if plain["output_type"] == "execute_result":
        plain["execution_count"] = number
    if plain["output_type"] == "stream":
        plain["text"] = _lines(_joined(plain["text"]))
    if "data" in plain:
        plain["data"] = {kind: _plain_value(kind, value) for kind, value in plain["data"].items()}
    return plain


def _plain_value(kind: str, value: Any) -> Any:
    if kind == "image/png":
        return _smaller(_joined(value))
    return _lines(value) if kind.startswith("text/") and isinstance(value, str) else value


def _smaller(encoded: str) -> str:
    """A picture in few colours: a third of the bytes, for what every clone carries; the built site
    shows the full ones.

    A drawing comes out the same in 64 or 128; what would be off by more than 1.5 of 255 (root mean
    square) keeps 256.
    """
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(encoded)))
    if picture.mode == "P":
        return encoded
    full = picture.convert("RGBA")
    on_white = Image.new("RGB", full.size, "white")
    on_white.paste(full, mask=full.getchannel("A"))
    for colours in (64, 128, 256):
        few = on_white.quantize(colours, dither=Image.Dither.NONE, kmeans=2)
        if _difference(few, on_white) <= 1.5:
            break
    written = io.BytesIO()
    few.save(written, "PNG", optimize=True)
    return base64.b64encode(written.getvalue()).decode() + "\n"


def _difference(few: Image.Image, full: Image.Image) -> float:
    import numpy as np

    apart = np.asarray(few.convert("RGB"), dtype=float) - np.asarray(full, dtype=float)
    return float(np.sqrt(np.square(apart).max(-1).mean()))


def _joined(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)


def _lines(value: str) -> list[str]:
    return value.splitlines(keepends=True)
