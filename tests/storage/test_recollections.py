from __future__ import annotations

import copy
import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from torch import Tensor
from torch.utils.data import DataLoader

from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.storage import layout, packed_bits, shared_pictures
from distillery.storage.prior import CodePrior
from distillery.storage.recollection_file import _checksum
from distillery.storage.recollections import FORMAT, Recollections, save, sizes
from distillery.storage.shared_pictures import BLOCK

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
    assert not read._shared.complete
    first = read.pictures
    assert first.equal(as_bytes(student.decode(codes)))
    forget(read)
    read.draw(3)
    assert read.pictures is first
    assert first.equal(as_bytes(student.decode(codes)))


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
    save_file(arrays, tmp_path / "long", metadata={"format": FORMAT, "version": "9" * 9000})
    with pytest.raises(ValueError, match="long has format version '99") as refused:
        Recollections.load(tmp_path / "long")
    assert len(str(refused.value)) < 1000


def test_labels_that_do_not_fit_are_refused(
    tmp_path: Path, student: CategoricalAutoencoder, codes: Tensor
) -> None:
    for labels in (torch.zeros(3, dtype=torch.long), torch.full((COUNT,), -1), torch.zeros(COUNT)):
        with pytest.raises(ValueError, match="labels are"):
            save(tmp_path / "f", student, codes, labels=labels)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="every one must be in 0 to 2"):
        save(tmp_path / "f", student, torch.from_numpy(np.full((2, 4), 3, np.uint8)))


def forget(read: Recollections) -> None:
    """Whatever is decoded from now on is not a number."""
    with torch.no_grad():
        for parameter in read.student.decoder.parameters():
            parameter.fill_(torch.nan)


@pytest.fixture
def many(tmp_path: Path, student: CategoricalAutoencoder) -> tuple[Path, Tensor]:
    """A file of several blocks, and its pictures."""
    rng = torch.Generator().manual_seed(4)
    codes = torch.randint(3, (3 * BLOCK + 70, 4), generator=rng, dtype=torch.uint8)
    save(tmp_path / "many.rec", student, codes, labels=torch.arange(len(codes)) % 10)
    return tmp_path / "many.rec", as_bytes(student.decode(codes)) / 255


def test_only_blocks_that_are_asked_for_are_decoded(many: tuple[Path, Tensor]) -> None:
    path, pictures = many
    read = Recollections.load(path)
    assert read[-1][0].equal(pictures[-1])
    assert read.decoded(torch.tensor([3, -2])).equal(pictures[[3, -2]])
    assert read._shared._states.tolist() == [2, 0, 0, 2]
    assert read.decoded(torch.arange(0)).shape == (0, *pictures.shape[1:])


@pytest.mark.parametrize("start", torch.multiprocessing.get_all_start_methods())
def test_workers_decode_each_picture_once_between_them_however_they_are_started(
    many: tuple[Path, Tensor], start: str
) -> None:
    """What the workers of the first epoch have decoded their parent has, and so has the second
    epoch: nobody decodes when it can no longer be done.
    """
    path, pictures = many
    read = Recollections.load(path, rng=torch.Generator())
    loader = DataLoader(read, batch_size=64, num_workers=2, multiprocessing_context=start)
    for _ in range(2):
        batches = list(loader)
        assert torch.cat([x for x, _ in batches]).equal(pictures)
        assert torch.cat([y for _, y in batches]).equal(torch.arange(len(pictures)) % 10)
        assert read._shared.complete
        forget(read)
    assert read.pictures.equal((pictures * 255).round().byte())


def test_a_copy_remembers_the_same_and_draws_the_same(many: tuple[Path, Tensor]) -> None:
    path, pictures = many
    read = Recollections.load(path, rng=torch.Generator().manual_seed(3))
    read.draw(1)
    twin = copy.deepcopy(read)
    assert not twin._shared.complete
    assert twin.draw(8).x.equal(read.draw(8).x)
    forget(twin)
    assert (read.pictures / 255).equal(pictures)


def test_a_block_whose_decoder_was_ended_is_decoded_by_the_next_who_asks(
    many: tuple[Path, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, pictures = many
    read = Recollections.load(path)
    read._shared._states[0] = 1  # begun by somebody who will never end it
    monkeypatch.setattr(shared_pictures, "_PATIENCE", 0.01)
    assert read[0][0].equal(pictures[0])


def test_a_block_that_could_not_be_decoded_is_tried_again(
    many: tuple[Path, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, pictures = many
    read = Recollections.load(path)
    monkeypatch.setattr(read.student, "decode", lambda codes: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        read[0]
    monkeypatch.undo()
    assert read[0][0].equal(pictures[0])


def altered(file: Path, about: dict[str, str | None], arrays: dict[str, np.ndarray | None]) -> None:
    """The same file with other contents, and a checksum that is true of these."""
    with safe_open(file, framework="numpy") as held:
        before = {name: text for name, text in held.metadata().items() if name != "checksum"}
    strings = {name: text for name, text in (before | about).items() if text is not None}
    tensors = {name: a for name, a in (load_file(file) | arrays).items() if a is not None}
    save_file(tensors, file, metadata=strings | {"checksum": _checksum(tensors, strings)})


@pytest.mark.parametrize(
    ("about", "arrays", "what"),
    [
        ({"card": None}, {}, "it lacks 'card'"),
        ({"values": None}, {}, "it lacks 'values'"),
        ({"count": "many"}, {}, "its header says count 'many', where a whole number is needed"),
        ({"count": "-40"}, {}, "its header says count '-40'"),
        ({"count": "9" * 30}, {}, "its header says count '9"),
        ({"count": "141"}, {}, "packed holds"),
        ({"count": "9" * 15}, {}, "packed holds"),
        ({"variables": "8"}, {}, "its decoder is .* where its header needs"),
        ({"variables": "999999996"}, {}, "its decoder is .* where its header needs"),
        ({"channels": "3"}, {}, "its decoder is .* where its header needs"),
        ({"size": "64"}, {}, "size is 64: pictures of 28x28 or 32x32 pixels are supported"),
        ({"classes": "1"}, {}, "values is 1"),
        ({"classes": "2"}, {}, "packed holds"),
        ({}, {"codes": None}, "it lacks 'codes'"),
        ({}, {"labels": None}, "it lacks 'labels'"),
        ({}, {"codes": np.full((1, 32), 255, np.uint8)}, "its codes reach 3, where its header"),
        ({}, {"codes": np.zeros((1, 32), np.int16)}, "packed holds 32 of int16"),
        ({}, {"decoder.0.weight": None}, "its decoder is"),
        ({}, {"decoder.0.bias": None}, "it lacks '0.bias'"),
        ({}, {"decoder.0.weight": np.zeros(3, np.float16)}, "its decoder is"),
        ({}, {"decoder.2.bias": np.zeros(7, np.float16)}, "its decoder is"),
        ({}, {"prior.bias": np.zeros((4, 3), np.int16)}, "it lacks 'inputs'"),
    ],
    ids=str,
)
def test_a_true_checksum_of_false_contents_is_one_sentence(
    file: Path,
    about: dict[str, str | None],
    arrays: dict[str, np.ndarray | None],
    what: str,
) -> None:
    altered(file, about, arrays)
    with pytest.raises(ValueError, match=f"^{file} is whole, but .*: {what}") as raised:
        Recollections.load(file)
    assert "\n" not in str(raised.value)


def test_nothing_altered_is_read_again(file: Path, codes: Tensor) -> None:
    altered(file, {}, {})
    assert Recollections.load(file).codes.equal(codes)


def test_a_file_that_is_missing_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.rec is not there: a recollection file is"):
        Recollections.load(tmp_path / "none.rec")


def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    tmp_path: Path,
    student: CategoricalAutoencoder,
    codes: Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(part: Path, content: bytes) -> None:
        with open(part, "wb") as file:
            file.write(content[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"some\.rec cannot be written \(No space left on device\): "):
        save(tmp_path / "some.rec", student, codes)
    assert list(tmp_path.iterdir()) == []


def as_bytes(pictures: Tensor) -> Tensor:
    return (pictures * 255).round().to(torch.uint8)


@pytest.mark.parametrize("length", [2**62, 10**11, 3])
def test_the_sizes_of_a_file_that_claims_a_header_it_does_not_hold_are_refused(
    length: int, file: Path
) -> None:
    file.write_bytes(length.to_bytes(8, "little") + file.read_bytes()[8:])
    with pytest.raises(ValueError, match=r"some\.rec cannot be read as a recollection file"):
        sizes(file)


def test_what_a_header_quotes_does_not_break_the_sentence(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content.replace(b'"F16"', b'"\xe2\x80\xa8"', 1))
    with pytest.raises(ValueError, match="cannot be read as a recollection file") as refused:
        Recollections.load(file)
    assert len(str(refused.value).splitlines()) == 1
