"""A memory recalls what was written, as the codec decodes it now, and knows what it takes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.data import DataLoader

from distillery.generators import Asked, Diverse, Parallel, RecollectionBuffer
from distillery.generators.reservoir import last_of_each, reservoir_places
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.models.mlp import MLP
from distillery.storage import Recollections
from distillery.storage import recollections as files
from distillery.teachers import Frozen, Labels

COUNT = 30


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def codec(variables: int = 8, values: int = 3, seed: int = 0) -> CategoricalAutoencoder:
    return CategoricalAutoencoder(variables, values, rng=rng(seed))


def some_codes(count: int = COUNT, variables: int = 8, values: int = 3) -> Tensor:
    return torch.randint(values, (count, variables), generator=rng(5), dtype=torch.uint8)


def labels(count: int = COUNT) -> Tensor:
    return torch.arange(count) % 10


def full(**more: bool) -> RecollectionBuffer:
    return RecollectionBuffer.full(codec(), some_codes(), labels(), rng=rng(1), **more)


def network() -> Frozen:
    return Frozen(MLP([784, 5, 10], rng=rng(3)))


# ---- writing


@pytest.mark.parametrize("parts", [[100], [1] * 100, [7, 0, 60, 33]])
def test_the_reservoir_is_the_same_in_however_many_parts_it_is_written(parts: list[int]) -> None:
    codes, y = some_codes(100), torch.arange(100)
    memory = RecollectionBuffer(codec(), 12, rng=rng(1))
    for part in torch.arange(100).split(parts):
        memory.write(codes[part], y[part], task=y[part] // 10)
    examples, places = last_of_each(reservoir_places(100, 12, rng=rng(1)))
    assert (len(memory), memory.seen) == (12, 100)
    assert memory.codes(places).equal(codes[examples])
    assert memory.labels[places].tolist() == y[examples].tolist()
    assert memory.tasks[places].tolist() == (y[examples] // 10).tolist()


@pytest.mark.parametrize(("variables", "values"), [(38, 2), (8, 3), (4, 300)])
def test_what_is_written_is_recalled_decoded_with_label_and_task(
    variables: int, values: int
) -> None:
    autoencoder, codes = (
        codec(variables, values),
        torch.randint(values, (5, variables), generator=rng()),
    )
    memory = RecollectionBuffer(autoencoder, 5, rng=rng())
    memory.write(codes, torch.arange(5), task=torch.arange(5) + 7)
    batch = memory.draw(40)
    assert batch.x.equal(autoencoder.decode(codes)[batch.y])
    assert batch.task.equal(batch.y + 7)


def test_a_recollection_is_decoded_with_the_parameters_of_the_moment() -> None:
    memory = full()
    before = memory.decode(torch.tensor([3]))
    with torch.no_grad():
        memory.codec.decoder[-1].bias += 1
    after = memory.decode(torch.tensor([3]))
    assert not after.equal(before)
    assert after.equal(memory.codec.decode(some_codes()[3:4]))


def test_pictures_are_encoded_and_written() -> None:
    autoencoder, x = codec(), torch.rand(6, 1, 28, 28, generator=rng())
    memory = RecollectionBuffer(autoencoder, 6, rng=rng())
    memory.write(autoencoder.encode(x))
    assert memory.decode(torch.arange(6)).equal(autoencoder.reconstruct(x))
    assert (memory.draw(2).y, memory.draw(2).task) == (None, None)


# ---- drawing


def test_without_replacement_no_recollection_comes_twice_in_a_draw() -> None:
    memory = full(replacement=False)
    places = memory.choose(COUNT, rng=rng())
    assert sorted(places.tolist()) == list(range(COUNT))
    with pytest.raises(ValueError, match=f"n is {COUNT + 1}: the buffer holds {COUNT}"):
        memory.draw(COUNT + 1)


def test_every_recollection_is_drawn_equally_often() -> None:
    counts = full().choose(30_000, rng=rng()).bincount(minlength=COUNT).double()
    assert ((counts - 1000).abs() < 5 * 1000**0.5).all()


def test_kept_pictures_are_those_decoded_to_a_byte_until_something_is_written() -> None:
    kept, anew = full(keep=True), full()
    one, other = kept.draw(20), anew.draw(20)
    assert (one.x - other.x).abs().max() <= 0.5 / 255 + 1e-6
    assert one.y.equal(other.y)
    memory = RecollectionBuffer(codec(), 40, rng=rng(1), keep=True)
    memory.write(some_codes()[:10])
    first = memory.pictures.clone()
    memory.write(some_codes()[10:])
    assert memory.pictures[:10].equal(first)
    assert len(memory.pictures) == 30


def test_streams_of_one_memory_draw_each_as_if_alone() -> None:
    memory = full()
    together = Parallel([memory.stream(rng(s)) for s in (7, 8)]).draw(10)
    for part, seed in zip((slice(5), slice(5, 10)), (7, 8), strict=True):
        memory.rng = rng(seed)
        assert memory.draw(5).y.equal(together.y[part])
    state = memory.stream(rng(9)).state_dict()
    assert list(state) == ["rng"]  # and not a copy of the memory for each of many students


def test_the_teachers_answers_are_recorded_once_and_ride_along() -> None:
    memory, teacher = full(), network()
    memory.ask(teacher)
    batch = memory.draw(50)
    torch.testing.assert_close(batch.y, teacher(batch))
    memory.refresh()
    assert memory.draw(3).y.dtype == torch.int64


def test_a_memory_is_a_data_set_of_torch() -> None:
    x, y = next(iter(DataLoader(full(), batch_size=COUNT)))
    torch.testing.assert_close(x, codec().decode(some_codes()))  # one by one, and at once
    assert y.equal(labels())
    assert RecollectionBuffer.full(codec(), some_codes(), rng=rng())[-1][1] == -1
    with pytest.raises(IndexError, match="index is 30: there are 30 recollections"):
        full()[30]


def test_a_stopped_memory_goes_on_as_it_would_have() -> None:
    one, other = (RecollectionBuffer(codec(), 9, rng=rng(seed), keep=True) for seed in (1, 2))
    one.write(some_codes(), labels())
    other.write(some_codes(3), labels(3))
    other.draw(1)
    other.load_state_dict(one.state_dict())
    for memory in (one, other):
        memory.write(some_codes(20), labels(20))
    first, second = one.draw(20), other.draw(20)
    assert first.x.equal(second.x)
    assert first.y.equal(second.y)
    with pytest.raises(
        ValueError, match="the state is of 9 rows of 2 bytes: this buffer has 8 of 2"
    ):
        RecollectionBuffer(codec(), 8, rng=rng()).load_state_dict(one.state_dict())


def test_recorded_answers_are_part_of_the_state() -> None:
    """A run that is continued is not suddenly taught by labels."""
    one, other = full().ask(network()), full()
    other.load_state_dict(one.state_dict())
    first, second = one.draw(5), other.draw(5)
    assert first.y.equal(second.y)
    assert second.y.is_floating_point()


def test_recollections_teach_through_every_wrapper() -> None:
    diverse = Diverse(full().stream(rng()), of=5, keep=2, rng=rng(1))
    batch = Asked(diverse, network(), at_once=4).draw(4)
    assert (batch.x.shape, batch.y.shape) == ((4, 1, 28, 28), (4, 10))
    with pytest.raises(ValueError, match=r"of \* keep is 20 \* 2 = 40: Recall holds 30"):
        Diverse(full().stream(rng()), of=20, keep=2, rng=rng(1)).draw(2)
    with pytest.raises(ValueError, match="RecollectionBuffer holds 30"):
        Diverse(full(), of=20, keep=2, rng=rng(1)).draw(2)


# ---- bits


def test_bits_are_counted_as_published_and_in_full() -> None:
    """The paper's 38x2 and 50,000 codes: 38 bits each and 32 for every parameter is 101 times less
    than the pictures.
    """
    autoencoder = CategoricalAutoencoder(38, 2, rng=rng())
    y = torch.arange(50_000) % 10
    memory = RecollectionBuffer.full(autoencoder, some_codes(50_000, 38, 2), y, rng=rng())
    published, parameters = memory.published_bits, sum(p.numel() for p in autoencoder.parameters())
    assert published.codes == 50_000 * 38
    assert (published.labels, published.parameters) == (0, 32 * parameters)
    assert 50_000 * 784 * 8 / published.total == pytest.approx(101.5, abs=0.05)
    decoder = sum(p.numel() for p in autoencoder.decoder.parameters())
    assert memory.full_bits.parameters == 16 * decoder
    assert memory.full_bits.codes == 50_000 * 38
    assert 3.32 < memory.full_bits.labels / 50_000 < 3.36  # log2 10
    assert memory.full_bits.task == 0
    assert memory.held_bytes == 50_000 * (5 + 2 + 2)


def test_a_memory_written_to_in_part_counts_what_is_there() -> None:
    memory = RecollectionBuffer(codec(), 1000, rng=rng())
    assert memory.full_bits.codes == memory.published_bits.codes == 0
    memory.write(some_codes(7), labels(7), task=torch.zeros(7).long())
    assert memory.published_bits.codes == 7 * 16
    assert 0 < memory.full_bits.task <= 8


# ---- files


def test_a_memory_comes_back_from_its_file_and_goes_on(tmp_path: Path) -> None:
    memory = RecollectionBuffer(codec(), 12, rng=rng(1))
    memory.write(some_codes(20), labels(20), task=labels(20) % 2)
    size = memory.save(tmp_path / "memory")
    again = RecollectionBuffer.load(tmp_path / "memory", codec(), rng=rng(2))
    assert size == (tmp_path / "memory").stat().st_size
    memory.rng = rng(2)
    for one in (memory, again):
        one.write(some_codes(9), labels(9), task=labels(9) % 3)
    first, second = memory.draw(30), again.draw(30)
    assert first.x.equal(second.x)
    assert first.y.equal(second.y)
    assert first.task.equal(second.task)


def test_a_file_whose_decoder_is_anothers_is_refused(tmp_path: Path) -> None:
    full().save(tmp_path / "memory")
    with pytest.raises(ValueError, match="was written with a decoder of fingerprint"):
        RecollectionBuffer.load(tmp_path / "memory", codec(seed=1), rng=rng())
    with pytest.raises(
        ValueError, match="holds codes of 8 variables of 3 values, codec has 38 of 2"
    ):
        RecollectionBuffer.load(tmp_path / "memory", codec(38, 2), rng=rng())


def test_a_file_that_is_no_memory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cut").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="cannot be read as a memory"):
        RecollectionBuffer.load(tmp_path / "cut", codec(), rng=rng())
    files.save(tmp_path / "set", codec(), some_codes())
    with pytest.raises(ValueError, match="is no memory that this release reads"):
        RecollectionBuffer.load(tmp_path / "set", codec(), rng=rng())


def test_a_recollection_file_becomes_a_memory(tmp_path: Path) -> None:
    files.save(tmp_path / "set", codec(), some_codes(), labels=labels())
    read = Recollections.load(tmp_path / "set")
    memory = RecollectionBuffer.full(read.student, read.codes, read.labels, rng=rng(), keep=True)
    assert memory.pictures.equal(read.pictures)


# ---- bad input


def test_a_memory_never_written_to_is_refused() -> None:
    memory = RecollectionBuffer(codec(), 5, rng=rng())
    with pytest.raises(ValueError, match="the buffer was never written to"):
        memory.draw(1)
    with pytest.raises(ValueError, match="the buffer was never written to"):
        memory.ask(network())


@pytest.mark.parametrize(
    ("codes", "more", "message"),
    [
        (torch.zeros(2, 7).long(), {}, r"codes have shape \(2, 7\)"),
        (torch.full((2, 8), 3), {}, "codes hold 3 to 3: every one must be in 0 to 2"),
        (some_codes(2), {"labels": torch.zeros(3).long()}, r"labels has shape \(3,\)"),
        (some_codes(2), {"labels": torch.zeros(2)}, "labels has .* torch.float32: 2 whole numbers"),
        (some_codes(2), {"task": torch.tensor([0, 40_000])}, "task reaches from 0 to 40000"),
        (some_codes(2), {"task": torch.tensor([0, -1])}, "task reaches from -1 to 0"),
    ],
)
def test_what_cannot_be_remembered_is_refused_and_changes_nothing(
    codes: Tensor, more: dict[str, Tensor], message: str
) -> None:
    memory = RecollectionBuffer(codec(), 5, rng=rng())
    stream = memory.rng.get_state()
    with pytest.raises(ValueError, match=message):
        memory.write(codes, **more)
    assert memory.seen == 0
    assert memory.rng.get_state().equal(stream)


def test_labels_come_with_all_writes_or_with_none() -> None:
    memory = full()
    with pytest.raises(
        ValueError, match="the first write carried labels: all writes must, or none"
    ):
        memory.write(some_codes(2))
    with pytest.raises(
        ValueError, match="the first write carried no task: all writes must, or none"
    ):
        memory.write(some_codes(2), labels(2), task=labels(2))


@pytest.mark.parametrize("n", [0, -1])
def test_draws_of_nothing_and_room_for_nothing_are_refused(n: int) -> None:
    with pytest.raises(ValueError, match=f"n is {n}: a whole number of at least 1"):
        full().draw(n)
    with pytest.raises(ValueError, match=f"capacity is {n}: a whole number of at least 1"):
        RecollectionBuffer(codec(), n, rng=rng())


def test_labels_are_a_teacher() -> None:
    batch = full().draw(4)
    assert Labels()(batch).equal(batch.y)


def with_other(path: Path, tensors: dict[str, Tensor | None], **strings: str | None) -> Path:
    """The file of a memory with other contents; None takes away."""
    with safe_open(path, framework="pt") as file:
        about = dict(file.metadata()) | strings
        kept = {name: file.get_tensor(name) for name in file.keys()} | tensors  # noqa: SIM118
    save_file(
        {name: value for name, value in kept.items() if value is not None},
        path,
        metadata={name: text for name, text in about.items() if text is not None},
    )
    return path


@pytest.mark.parametrize(
    ("tensors", "strings", "said"),
    [
        ({}, {"count": "many"}, "its header says count 'many', where a whole number is needed"),
        ({}, {"count": "9" * 5000}, "its header says count '99"),
        ({}, {"seen": None}, "it lacks 'seen'"),
        ({}, {"capacity": "3"}, "it says that it holds 7 of 7 codes in room for 3"),
        ({"codes": None}, {}, "it lacks 'codes'"),
        ({"codes": torch.full((12,), 255, dtype=torch.uint8)}, {}, "packed holds|its codes reach"),
        ({"labels": torch.zeros(3, dtype=torch.int64)}, {}, r"its labels are \(3,\)"),
        ({"labels": torch.zeros(7)}, {}, "its labels are .* of torch.float32: 7 whole numbers"),
    ],
)
def test_a_memory_whose_parts_do_not_fit_one_another_is_refused_in_a_sentence(
    tensors: dict[str, Tensor | None], strings: dict[str, str | None], said: str, tmp_path: Path
) -> None:
    memory = RecollectionBuffer(codec(), 7, rng=rng())
    memory.write(some_codes(7), labels(7))
    memory.save(tmp_path / "memory")
    with_other(tmp_path / "memory", tensors, **strings)
    with pytest.raises(ValueError, match=rf"memory cannot be read as a memory: {said}"):
        RecollectionBuffer.load(tmp_path / "memory", codec(), rng=rng())


def test_a_memory_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none is not there: the file of a memory"):
        RecollectionBuffer.load(tmp_path / "none", codec(), rng=rng())
