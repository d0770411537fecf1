"""Files of trained models, and what records point to, altered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from distillery.models import files, pretrained
from distillery.models.files import Named
from distillery.models.making import kept
from distillery.models.mlp import MLP
from distillery.models.nade import NADE
from distillery_book.results import store
from made_records import record
from mutations import of_json, of_safetensors
from strangers import Format, try_all


def models() -> list[Named]:
    rng = torch.Generator().manual_seed(0)
    small = Named("small", NADE(6, 3, rng=rng), "small.")
    return [small, Named("layers", MLP([4, 3, 2], rng=rng), "layers.")]


def content() -> bytes:
    return files.packed(models(), {"seed": 3, "metrics": {"loss": 0.5}})


def _same_tensors(answer: dict[str, nn.Module], content: bytes) -> None:
    """The checksum is of the tensors: they are never others, whatever the header calls them."""
    before = sorted(
        value.float().numpy().tobytes() for each in models() for value in kept(each.model).values()
    )
    after = sorted(
        value.float().numpy().tobytes()
        for model in answer.values()
        for value in kept(model).values()
    )
    assert after == before


def test_an_altered_file_of_models_is_refused_or_holds_the_same_numbers(tmp_path: Path) -> None:
    kind = Format(files.load_all, "it.safetensors", [of_safetensors], _same_tensors)
    assert try_all(kind, [content()], tmp_path, times=1.5) > 0


def test_the_header_of_an_altered_file_of_models_is_refused_or_says_what_they_are(
    tmp_path: Path,
) -> None:
    def named(answer: files.Contents, content: bytes) -> None:
        assert all(isinstance(name, str) for name in answer.models)
        assert isinstance(answer.about, dict)

    kind = Format(files.contents, "it.safetensors", [of_safetensors], named)
    try_all(kind, [content()], tmp_path, times=0.5)


def test_an_altered_configuration_is_refused_or_makes_the_model(tmp_path: Path) -> None:
    model = MLP([4, 3, 2], rng=torch.Generator().manual_seed(0))
    pretrained.save(model, tmp_path)
    config = (tmp_path / "config.json").read_bytes()

    def same(answer: nn.Module, content: bytes) -> None:
        assert all(map(torch.equal, answer.state_dict().values(), model.state_dict().values()))

    kind = Format(lambda path: pretrained.load(path.parent), "config.json", [of_json], same)
    try_all(kind, [config], tmp_path, times=0.25)
    foreign = files.pack(model.state_dict())
    (tmp_path / "model.safetensors").write_bytes(foreign)
    try_all(kind, [config], tmp_path, times=0.25)


def test_altered_arrays_and_weights_of_a_record_are_refused(tmp_path: Path) -> None:
    packed = files.pack({"codes": torch.arange(12).reshape(3, 4), "none": torch.zeros(0)})
    name = store.put_arrays(packed, study="walk", version=1, results=tmp_path)
    made = record(arrays=name)

    def same(answer: dict[str, Any], content: bytes) -> None:
        assert answer["codes"].equal(torch.arange(12).reshape(3, 4))

    kind = Format(
        lambda _: store.arrays(made, tmp_path), f"{name}.safetensors", [of_safetensors], same
    )
    try_all(kind, [packed], tmp_path / "arrays", times=0.5)
    weights = store.put_weights(content(), results=tmp_path, about={"seed": 1})
    kind = Format(
        lambda _: store.read_models(weights, tmp_path),
        f"{weights}.safetensors",
        [of_safetensors],
        _same_tensors,
    )
    stored = (tmp_path / "weights" / kind.name).read_bytes()
    try_all(kind, [stored], tmp_path / "weights", times=0.5)


def test_tensors_that_other_software_wrote_are_refused_or_read(tmp_path: Path) -> None:
    plain = files.pack({"a": torch.ones(3), "b": torch.zeros(2, 2, dtype=torch.bfloat16)})
    kind = Format(
        lambda path: files.tensors_in(path.read_bytes(), str(path)), "it", [of_safetensors]
    )
    assert try_all(kind, [plain], tmp_path, times=0.5) > 0
