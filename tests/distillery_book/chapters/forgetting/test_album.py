"""Pictures kept of a run are what its autoencoder made of them when those tasks ended."""

from __future__ import annotations

from pathlib import Path

import torch

from distillery.data.tasks import Task
from distillery.generators.resample import as_unit
from distillery.lifelong.memory import as_bytes
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery_book.chapters.forgetting.album import PAGES, PICTURES, Album


def tasks(count: int) -> list[Task]:
    rng = torch.Generator().manual_seed(0)
    pictures = torch.randint(256, (9, 3, 32, 32), generator=rng, dtype=torch.uint8)
    labels = torch.zeros(9, dtype=torch.long)
    return [Task(str(n), pictures, labels, pictures, labels, (0,)) for n in range(count)]


def codec(seed: int = 0) -> CategoricalAutoencoder:
    rng = torch.Generator().manual_seed(seed)
    return CategoricalAutoencoder(8, 2, rng=rng, channels=3, size=32)


def test_a_page_shows_the_autoencoder_of_its_moment_and_outlives_the_run(tmp_path: Path) -> None:
    stream, changing, path = tasks(7), codec(), tmp_path / "album.safetensors"
    album = Album(changing, stream, path, joint=False)
    expected = {}
    for number, task in enumerate(stream):
        changing.load_state_dict(codec(number).state_dict())
        if number == 4:  # as if the run had been killed and had gone on
            album = Album(changing, stream, path, joint=False)
        album.end(number, task)
        changing.eval()
        with torch.no_grad():
            expected[f"after_{number + 1}"] = as_bytes(changing.reconstruct(album.x))
    arrays = album.arrays()
    assert arrays.pop("pictures").equal(as_bytes(as_unit(stream[0].x_test[:PICTURES])))
    assert sorted(arrays) == ["after_1", "after_3", "after_5", "after_7"]
    assert len(arrays) == PAGES
    assert all(page.equal(expected[name]) for name, page in arrays.items())


def test_where_all_tasks_come_at_once_there_is_one_page(tmp_path: Path) -> None:
    album = Album(codec(), tasks(7), tmp_path / "album.safetensors", joint=True)
    assert album.places == [0]
