from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor
from torch.utils.data import DataLoader

from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.storage import packed_bits
from distillery.storage.prior import CodePrior
from distillery.storage.recollections import FORMAT, Recollections, save

COUNT = 40


@pytest.fixture(scope="module")
def student() -> CategoricalAutoencoder:
    """With weights of float16, as they are stored."""
    return CategoricalAutoencoder(4, 3, rng=torch.Generator().manual_seed(0)).half().float().eval()


@pytest.fixture(scope="module")
def codes() -> Tensor:
    return torch.randint(3, (COUNT, 4), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


@pytest.fixture(scope="module")
def labels() -> Tensor:
    return torch.arange(COUNT) % 10


@pytest.fixture
def file(tmp_path: Path, student: CategoricalAutoencoder, codes: Tensor, labels: Tensor) -> Path:
    save(tmp_path / "some.rec", student, codes, labels=labels, card="Forty pictures.")
    return tmp_path / "some.rec"


def test_what_was_saved_is_remembered(file: Path, student: CategoricalAutoencoder, codes: Tensor, labels: Tensor) -> None:
    read = Recollections.load(file)
    assert read.codes.equal(codes)
    assert read.labels is not None
    assert read.labels.equal(labels)
    assert read.decoded(torch.arange(COUNT)).equal(student.decode(codes))
    assert read.card == "Forty pictures."


def test_it_is_a_data_set_of_torch(file: Path, student: CategoricalAutoencoder, codes: Tensor) -> None:
    read = Recollections.load(file)
    pictures, labels = next(iter(DataLoader(read, batch_size=8)))
    assert len(read) == COUNT
    assert torch.allclose(pictures, student.decode(codes[:8]), atol=1e-6)
    assert labels.tolist() == list(range(8))
    with pytest.raises(IndexError, match="there are 40"):
        read[COUNT]


def test_it_is_a_generator_whose_labels_belong_to_its_pictures(file: Path, student: CategoricalAutoencoder, codes: Tensor) -> None:
    first, second = (Recollections.load(file, rng=torch.Generator().manual_seed(5)).draw(16) for _ in range(2))
    assert first.x.equal(second.x)
    pictures = student.decode(codes)
    for picture, label in zip(first.x, first.y, strict=True):  # type: ignore[arg-type]
        distances = (pictures - picture).abs().flatten(1).amax(1)
        assert int(label) in (torch.arange(COUNT) % 10)[distances < 1e-6].tolist()
    with pytest.raises(ValueError, match="rng is None"):
        Recollections.load(file).draw(1)


def test_codes_under_a_prior_come_back(tmp_path: Path, student: CategoricalAutoencoder, codes: Tensor) -> None:
    prior = CodePrior(4, 3, 4, rng=torch.Generator().manual_seed(2)).whole()
    save(tmp_path / "f", student, codes, prior=prior)
    read = Recollections.load(tmp_path / "f")
    assert read.codes.equal(codes)
    assert read.labels is None
    assert read[3][1] == -1


def test_the_file_is_hardly_larger_than_the_bits_it_holds(tmp_path: Path, student: CategoricalAutoencoder) -> None:
    many = torch.randint(3, (20_000, 4), generator=torch.Generator().manual_seed(3), dtype=torch.uint8)
    labels = torch.arange(len(many)) % 10
    size = save(tmp_path / "f", student, many, labels=labels)
    decoder = 2 * sum(p.numel() for p in student.decoder.parameters())
    claimed = packed_bits(many.numel(), 3) / 8 + packed_bits(len(many), 10) / 8 + decoder
    assert claimed < size < 1.02 * claimed + 4096


@pytest.mark.parametrize("keep", [3, 500, -1])
def test_a_file_cut_short_is_refused(file: Path, keep: int) -> None:
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ValueError, match="cut short"):
        Recollections.load(file)


def test_one_bit_altered_is_noticed(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    whole[-1] ^= 1
    file.write_bytes(whole)
    with pytest.raises(ValueError, match="altered"):
        Recollections.load(file)


def test_other_files_and_later_versions_are_refused(file: Path, tmp_path: Path) -> None:
    arrays = load_file(file)
    save_file(arrays, tmp_path / "other")
    with pytest.raises(ValueError, match="no recollection file"):
        Recollections.load(tmp_path / "other")
    save_file(arrays, tmp_path / "later", metadata={"format": FORMAT, "version": "2"})
    with pytest.raises(ValueError, match="version '2'"):
        Recollections.load(tmp_path / "later")


def test_labels_that_do_not_fit_are_refused(tmp_path: Path, student: CategoricalAutoencoder, codes: Tensor) -> None:
    for labels in (torch.zeros(3, dtype=torch.long), torch.full((COUNT,), -1), torch.zeros(COUNT)):
        with pytest.raises(ValueError, match="labels are"):
            save(tmp_path / "f", student, codes, labels=labels)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="every one must be in 0 to 2"):
        save(tmp_path / "f", student, torch.from_numpy(np.full((2, 4), 3, np.uint8)))
