from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor
from torch.utils.data import DataLoader

from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.storage import layout, packed_bits
from distillery.storage.prior import CodePrior
from distillery.storage.recollections import FORMAT, Recollections, save, sizes

COUNT = 40


@pytest.fixture(scope="module")
def student() -> CategoricalAutoencoder:
    """With weights of float16, as they are stored."""
    return CategoricalAutoencoder(4, 3, rng=torch.Generator().manual_seed(0)).half().float().eval()


@pytest.fixture(scope="module")
def codes() -> Tensor:
    return torch.randint(
        3, (COUNT, 4), generator=torch.Generator().manual_seed(1), dtype=torch.uint8
    )


@pytest.fixture(scope="module")
def labels() -> Tensor:
    return torch.arange(COUNT) % 10


@pytest.fixture
def file(tmp_path: Path, student: CategoricalAutoencoder, codes: Tensor, labels: Tensor) -> Path:
    save(tmp_path / "some.rec", student, codes, labels=labels, card="Forty pictures.")
    return tmp_path / "some.rec"


def test_what_was_saved_is_remembered(
    file: Path, student: CategoricalAutoencoder, codes: Tensor, labels: Tensor
) -> None:
    read = Recollections.load(file)
    assert read.codes.equal(codes)
    assert read.labels is not None
    assert read.labels.equal(labels)
    assert read.decoded(torch.arange(COUNT)).equal(as_bytes(student.decode(codes)) / 255)
    assert read.card == "Forty pictures."


def test_pictures_are_decoded_once_and_kept_as_bytes(
    file: Path, student: CategoricalAutoencoder, codes: Tensor
) -> None:
    read = Recollections.load(file, rng=torch.Generator())
    assert read._pictures is None
    first = read.pictures
    assert first.equal(as_bytes(student.decode(codes)))
    read.draw(3)
    assert read.pictures is first


def test_the_sizes_of_the_parts_add_up_to_the_file(file: Path) -> None:
    found = sizes(file)
    assert set(found) == {"header", "codes", "labels", "decoder"}
    assert sum(found.values()) == file.stat().st_size
    assert found["codes"] == packed_bits(COUNT * 4, 3) // 8


def test_the_shape_of_the_codes_says_how_they_are_unpacked(tmp_path: Path) -> None:
    """A row for each byte of a group: a group of several bytes wastes less."""
    wide = CategoricalAutoencoder(4, 37, rng=torch.Generator().manual_seed(0))
    many = torch.randint(37, (500, 4), generator=torch.Generator().manual_seed(1))
    save(tmp_path / "f", wide, many)
    how = layout(many.numel(), 37)
    assert load_file(tmp_path / "f")["codes"].shape == (how.width, how.groups)
    assert how.digits == -(-many.numel() // how.groups)


def test_equal_contents_are_equal_bytes_that_others_may_read(
    file: Path, tmp_path: Path, student: CategoricalAutoencoder
) -> None:
    for name in ("one", "two"):
        save(tmp_path / name, student, torch.zeros(3, 4, dtype=torch.uint8), card="Drei Würfe.")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert Recollections.load(tmp_path / "one").card == "Drei Würfe."
    assert (tmp_path / "one").stat().st_mode & 0o044


def test_it_is_a_data_set_of_torch(
    file: Path, student: CategoricalAutoencoder, codes: Tensor
) -> None:
    read = Recollections.load(file)
    pictures, labels = next(iter(DataLoader(read, batch_size=8)))
    assert len(read) == COUNT
    assert pictures.equal(as_bytes(student.decode(codes[:8])) / 255)
    assert labels.tolist() == list(range(8))
    with pytest.raises(IndexError, match="there are 40"):
        read[COUNT]


def test_it_is_a_generator_whose_labels_belong_to_its_pictures(
    file: Path, student: CategoricalAutoencoder, codes: Tensor
) -> None:
    first, second = (
        Recollections.load(file, rng=torch.Generator().manual_seed(5)).draw(16) for _ in range(2)
    )
    assert first.x.equal(second.x)
    pictures = as_bytes(student.decode(codes)) / 255
    for picture, label in zip(first.x, first.y, strict=True):  # type: ignore[arg-type]
        distances = (pictures - picture).abs().flatten(1).amax(1)
        assert int(label) in (torch.arange(COUNT) % 10)[distances < 1e-6].tolist()
    with pytest.raises(ValueError, match="rng is None"):
        Recollections.load(file).draw(1)


def test_codes_under_a_prior_come_back(
    tmp_path: Path, student: CategoricalAutoencoder, codes: Tensor
) -> None:
    prior = CodePrior(4, 3, 4, rng=torch.Generator().manual_seed(2)).whole()
    save(tmp_path / "f", student, codes, prior=prior)
    read = Recollections.load(tmp_path / "f")
    assert read.codes.equal(codes)
    assert read.labels is None
    assert read[3][1] == -1


def test_the_file_is_hardly_larger_than_the_bits_it_holds(
    tmp_path: Path, student: CategoricalAutoencoder
) -> None:
    many = torch.randint(
        3, (20_000, 4), generator=torch.Generator().manual_seed(3), dtype=torch.uint8
    )
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


def test_labels_that_do_not_fit_are_refused(
    tmp_path: Path, student: CategoricalAutoencoder, codes: Tensor
) -> None:
    for labels in (torch.zeros(3, dtype=torch.long), torch.full((COUNT,), -1), torch.zeros(COUNT)):
        with pytest.raises(ValueError, match="labels are"):
            save(tmp_path / "f", student, codes, labels=labels)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="every one must be in 0 to 2"):
        save(tmp_path / "f", student, torch.from_numpy(np.full((2, 4), 3, np.uint8)))


def as_bytes(pictures: Tensor) -> Tensor:
    return (pictures * 255).round().to(torch.uint8)
