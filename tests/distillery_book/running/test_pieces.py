from __future__ import annotations

from pathlib import Path

import pytest
import torch

from distillery_book.results.study import Context
from distillery_book.running.pieces import Pieces, sizes


def _pieces(
    folder: Path, *, seed: int = 0, total: float = 2.0, heard: list[float] | None = None
) -> Pieces:
    on_report = None if heard is None else heard.append
    return Pieces(
        Context("smoke", torch.device("cpu"), None, folder, on_report=on_report), seed, total=total
    )


def _draw(rng, share):
    share(0.5)
    return {"x": torch.rand(3, generator=rng)}


def test_a_piece_follows_from_the_seed_and_its_name_and_from_nothing_else(tmp_path):
    for name in "abc":
        (tmp_path / name).mkdir()
    first, again = _pieces(tmp_path / "a"), _pieces(tmp_path / "b")
    one, two = first("one", _draw), first("two", _draw)
    assert torch.equal(again("two", _draw)["x"], two["x"])
    assert not torch.equal(one["x"], two["x"])
    assert not torch.equal(_pieces(tmp_path / "c", seed=1)("one", _draw)["x"], one["x"])


def test_a_finished_piece_is_read_and_one_that_was_interrupted_is_made_again(tmp_path):
    kept = _pieces(tmp_path)("one", _draw)

    def die(rng, share):
        raise KeyboardInterrupt

    pieces = _pieces(tmp_path)
    assert torch.equal(pieces("one", die)["x"], kept["x"])
    with pytest.raises(KeyboardInterrupt):
        pieces("two", die)
    assert [path.name for path in tmp_path.iterdir()] == ["one.safetensors"]
    (tmp_path / "two.safetensors.part").write_bytes(b"half")
    assert _pieces(tmp_path)("two", _draw)["x"].shape == (3,)


def test_progress_counts_each_piece_by_its_cost(tmp_path):
    heard: list[float] = []
    pieces = _pieces(tmp_path, total=4.0, heard=heard)
    pieces("one", _draw, cost=1.0)
    pieces("two", _draw, cost=3.0)
    assert heard == [0.125, 0.25, 0.625, 1.0]


def test_parts_add_up():
    assert sizes(10, 4) == [4, 4, 2]
    assert sizes(8, 4) == [4, 4]
