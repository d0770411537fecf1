"""Recollection files, and the files of memories, altered."""

from __future__ import annotations

import json
import random
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.numpy import load
from safetensors.numpy import save as packed

from distillery.generators import buffer_file
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.storage import recollection_file
from distillery.storage.prior import CodePrior
from mutations import Mutation, header_of, of_safetensors, of_text
from strangers import Format, try_all


def student() -> CategoricalAutoencoder:
    return CategoricalAutoencoder(4, 3, rng=torch.Generator().manual_seed(0), width=2).eval()


def some_codes() -> torch.Tensor:
    return torch.randint(3, (40, 4), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def written(folder: Path, *, prior: bool) -> bytes:
    learned = CodePrior(4, 3, 2, rng=torch.Generator().manual_seed(2)).whole() if prior else None
    labels = torch.arange(40) % 10
    recollection_file.save(
        folder / "some.rec", student(), some_codes(), labels=labels, card="Forty.", prior=learned
    )
    return (folder / "some.rec").read_bytes()


def _same(answer: Any, content: bytes) -> None:
    assert answer.codes.equal(some_codes())
    assert answer.labels.equal(torch.arange(40) % 10)
    assert answer.card == "Forty."
    weights = student().decoder.state_dict()
    kept = answer.student.decoder.state_dict()
    assert all(kept[name].equal(value.half().float()) for name, value in weights.items())


def _sensible(answer: Any, content: bytes) -> None:
    values = answer.student.values
    assert answer.codes.shape[1:] == (answer.student.variables,)
    assert answer.codes.numel() == 0 or int(answer.codes.max()) < values
    assert answer.labels is None or len(answer.labels) == len(answer.codes)


@pytest.mark.parametrize("prior", [False, True])
def test_an_altered_recollection_file_is_refused_or_read_as_before(
    prior: bool, tmp_path: Path
) -> None:
    content = written(tmp_path, prior=prior)
    kind = Format(recollection_file.read, "some.rec", [of_safetensors], _same)
    try_all(kind, [content], tmp_path)


def under_a_true_checksum(rng: random.Random, content: bytes) -> bytes:
    """Strings and tensors are others, and the checksum is theirs: what a hostile writer can do."""
    try:
        tensors, strings = _taken_apart(content)
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError):
        return content
    if rng.random() < 0.5:
        name = rng.choice(list(strings))
        strings[name] = of_text(rng, strings[name]).encode(errors="replace").decode()
    else:
        name = rng.choice(list(tensors))
        tensors[name] = _another_array(rng, tensors[name])
    if rng.random() < 0.2:
        tensors[rng.choice(("codes", "prior.bias", "decoder.9", "x"))] = tensors.pop(
            name, np.ones(3)
        )
    checksum = recollection_file._checksum(tensors, strings)
    return packed(tensors, metadata=strings | {"checksum": checksum})


def _taken_apart(content: bytes) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    strings = json.loads(header_of(content)[0])["__metadata__"]
    return load(content), {key: text for key, text in strings.items() if key != "checksum"}


def _another_array(rng: random.Random, array: np.ndarray) -> np.ndarray:
    kinds = (np.uint8, np.int8, np.int16, np.float16, np.float32, np.int64, np.bool_)
    return rng.choice(
        (
            lambda: np.ascontiguousarray(array.reshape(-1)),
            lambda: np.ascontiguousarray(array.reshape(-1)[:-1]),
            lambda: np.ascontiguousarray(array[:0]),
            lambda: np.zeros((), array.dtype),
            lambda: np.full(array.shape, rng.choice((0, 1, 127, 255, -1)) % 256).astype(
                array.dtype
            ),
            lambda: array.astype(rng.choice(kinds)),
            lambda: np.ascontiguousarray(array[..., None]),
            lambda: np.concatenate([array, array]) if array.ndim else array,
        )
    )()


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
@pytest.mark.parametrize("prior", [False, True])
def test_false_contents_under_a_true_checksum_are_refused_or_fit_one_another(
    prior: bool, tmp_path: Path
) -> None:
    content = written(tmp_path, prior=prior)
    own: list[Mutation] = [under_a_true_checksum, of_safetensors]
    try_all(Format(recollection_file.read, "some.rec", own, _sensible), [content], tmp_path)


def test_the_sizes_of_the_parts_of_an_altered_file_are_its_length_or_it_is_refused(
    tmp_path: Path,
) -> None:
    content = written(tmp_path, prior=False)

    def adds_up(answer: dict[str, int], content: bytes) -> None:
        assert sum(answer.values()) == len(content)

    kind = Format(recollection_file.sizes, "some.rec", [of_safetensors], adds_up)
    try_all(kind, [content], tmp_path, times=0.5)


def test_an_altered_memory_is_refused_or_holds_codes_of_its_decoder(tmp_path: Path) -> None:
    codec, labels = student(), torch.arange(40) % 10
    held = buffer_file.Held(some_codes(), labels, labels % 2, 50, 40)
    buffer_file.save(tmp_path / "memory", held, codec)
    content = (tmp_path / "memory").read_bytes()

    def fits(answer: buffer_file.Held, content: bytes) -> None:
        assert answer.codes.shape == (len(answer.codes), 4)
        assert answer.codes.numel() == 0 or int(answer.codes.max()) < 3
        assert len(answer.codes) <= min(answer.seen, answer.capacity)
        for beside in (answer.labels, answer.tasks):
            assert beside is None or beside.shape == (len(answer.codes),)
            assert beside is None or not beside.is_floating_point()

    kind = Format(partial(buffer_file.load, codec=codec), "memory", [of_safetensors], fits)
    try_all(kind, [content], tmp_path)
