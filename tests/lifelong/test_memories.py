"""A memory hands out what was written, every example equally likely, and knows to the bit what it
takes.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.utils.data import DataLoader

from distillery.generators.resample import as_unit
from distillery.lifelong import (
    Carried,
    CodedMemory,
    Exemplars,
    LastOfEachTask,
    LosslessMemory,
    Memory,
    RecollectedMemory,
    Reservoir,
    Together,
    largest,
    variables_within,
)
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.protocols import Batch
from distillery.storage import JPEG, Stored, TooSmallError, WebP
from tiny_streams import CARRIED, CLASSES, SHAPE, TASKS, lossless, pictures, rng

COUNT = 60


def batch(count: int = COUNT) -> Batch:
    y = torch.arange(count) % CLASSES
    return Batch(as_unit(pictures(count, y)), y, task=y // 2)


def autoencoder() -> CategoricalAutoencoder:
    return CategoricalAutoencoder(8, 3, rng=rng())


def coded(budget: float = 40_000, **more: object) -> CodedMemory:
    return CodedMemory(JPEG(25), budget, SHAPE, CARRIED, rng=rng(1), **more)  # type: ignore[arg-type]


MEMORIES: dict[str, Callable[[], Memory]] = {
    "lossless": lambda: lossless(12),
    "last of each task": lambda: LosslessMemory(
        SHAPE, LastOfEachTask(4, TASKS), CARRIED, rng=rng()
    ),
    "JPEG": coded,
    "WebP": lambda: CodedMemory(WebP(10), 40_000, SHAPE, CARRIED, rng=rng(1)),
    "recollected": lambda: RecollectedMemory(autoencoder(), 12, CARRIED, rng=rng(1)),
    "together": lambda: Together([lossless(5), coded(20_000)], rng=rng(2)),
    "exemplars": lambda: Exemplars(SHAPE, 12, CARRIED, rng=rng()),
}


def written(name: str) -> Memory:
    memory = MEMORIES[name]()
    memory.write(batch())
    return memory


@pytest.mark.parametrize("name", MEMORIES)
def test_bits_in_full_are_those_of_the_bytes_written(name: str) -> None:
    """The parameters of a codec are in the model's own file."""
    memory = written(name)
    counted = memory.bits.full
    of_codec = counted.parameters if name == "recollected" else 0
    assert 8 * sum(map(len, memory.written().values())) == counted.total - of_codec


@pytest.mark.parametrize("name", MEMORIES)
def test_what_is_drawn_was_written_with_its_label_and_task(name: str) -> None:
    memory, own = written(name), batch()
    drawn = memory.draw(50)
    assert drawn.x.shape == (50, *SHAPE)
    assert (drawn.y // 2).equal(drawn.task)
    if name in ("lossless", "last of each task", "exemplars"):
        known = {x.numpy().tobytes(): int(y) for x, y in zip(own.x, own.y, strict=True)}
        assert [known[x.numpy().tobytes()] for x in drawn.x] == drawn.y.tolist()


@pytest.mark.parametrize("name", MEMORIES)
def test_a_stopped_memory_goes_on_as_it_would_have(name: str) -> None:
    one, other = written(name), MEMORIES[name]()
    other.load_state_dict(one.state_dict())
    for memory in (one, other):
        memory.write(batch(18))
    first, second = one.draw(20), other.draw(20)
    assert first.x.equal(second.x)
    assert first.y.equal(second.y)
    assert one.written() == other.written()


@pytest.mark.parametrize("name", MEMORIES)
def test_a_memory_is_a_data_set_of_torch_and_refuses_what_it_cannot_do(name: str) -> None:
    memory = MEMORIES[name]()
    with pytest.raises(ValueError, match="never written to: write"):
        memory.draw(1)
    with pytest.raises(ValueError, match=r"batch.task is None: a memory keeps the label and task"):
        memory.write(Batch(batch().x, batch().y))
    memory.write(batch())
    x, y = next(iter(DataLoader(memory, batch_size=len(memory))))
    assert x.equal(memory.at(memory.places()).x)
    assert y.equal(memory.at(memory.places()).y)
    with pytest.raises(IndexError, match=f"index is {len(memory)}: the memory holds"):
        memory[len(memory)]


def test_every_example_of_a_reservoir_is_equally_likely_to_stay() -> None:
    """Of 30 examples 6 stay, each in a fifth of 4000 memories, within five standard errors; and as
    often with strings, whatever their lengths.
    """
    times = torch.zeros(30)
    for seed in range(4000):
        places = Reservoir(6, rng=rng(seed)).take(torch.zeros(30))
        last = {int(place): i for i, place in enumerate(places) if place >= 0}
        times[list(last.values())] += 1
    assert ((times - 800).abs() < 5 * (4000 * 0.2 * 0.8) ** 0.5).all()


def test_a_reservoir_drawn_ahead_is_the_same_in_however_many_parts_it_is_taken() -> None:
    whole = Reservoir(9, rng=rng()).take(torch.zeros(10_000))
    parts = Reservoir(9, rng=rng())
    assert torch.cat([parts.take(torch.zeros(n)) for n in (1, 4095, 1, 5000, 903)]).equal(whole)


def test_strings_stay_by_chance_and_not_by_length_or_age() -> None:
    """Each of 20 strings is kept with a chance that its age does not change."""
    own = batch(20)
    times = torch.zeros(20)
    for seed in range(400):
        memory = CodedMemory(JPEG(5), 9000, SHAPE, Carried(20, 20), rng=rng(seed))
        numbered = Batch(own.x, torch.arange(20), task=own.task)
        for part in torch.arange(20).split(5):
            memory.write(numbered[part])
        times[memory.at(memory.places()).y] += 1
    expected = times.mean()
    assert 0.2 < expected / 400 < 0.9
    assert ((times - expected).abs() < 5 * (400 * 0.25) ** 0.5).all()


@pytest.mark.parametrize("counts", ["incremental", "full"])
def test_strings_fill_their_budget_and_never_exceed_it(counts: str) -> None:
    memory = coded(20_000, counts=counts)
    for part in torch.arange(COUNT).split(7):
        memory.write(batch()[part])
    bits = memory.bits.incremental if counts == "incremental" else memory.bits.full.total
    longest = 8 * max(map(len, memory._strings))
    assert 20_000 - 2 * longest < bits <= 20_000


def test_a_string_is_recalled_as_its_codec_decodes_it() -> None:
    memory = coded(10**9)
    memory.write(batch())
    images = (batch().x * 255).round().to(torch.uint8)
    assert memory.at(torch.arange(COUNT)).x.equal(
        JPEG(25).decode(JPEG(25).encode(images), SHAPE).float() / 255
    )


def test_a_frozen_codecs_recollections_are_its_decoded_codes() -> None:
    codec = autoencoder()
    memory = RecollectedMemory(codec, COUNT, CARRIED, rng=rng())
    memory.write(batch())
    assert memory.at(memory.places()).x.equal(codec.decode(codec.encode(batch().x)))


def test_a_code_is_made_once_and_decoded_with_the_parameters_of_the_moment() -> None:
    codec = autoencoder()
    memory = RecollectedMemory(codec, COUNT, CARRIED, rng=rng())
    memory.write(batch())
    codes = codec.encode(batch().x)
    with torch.no_grad():
        for parameter in codec.parameters():
            parameter.mul_(-1.1)
    assert not codec.encode(batch().x).equal(codes)
    assert memory.at(memory.places()).x.equal(codec.decode(codes))


def test_the_last_of_each_task_are_kept() -> None:
    memory = LosslessMemory(SHAPE, LastOfEachTask(4, TASKS), CARRIED, rng=rng())
    for part in torch.arange(COUNT).split(7):
        memory.write(batch()[part])
    for task in range(TASKS):
        own = batch()[batch().task == task]
        kept = memory.of_task(task)
        assert sorted(x.numpy().tobytes() for x in kept.x) == sorted(
            x.numpy().tobytes() for x in own.x[-4:]
        )


def test_recorded_answers_come_back_in_half_precision() -> None:
    memory = lossless(COUNT, answers=CLASSES)
    logits = torch.randn(COUNT, CLASSES, generator=rng(4))
    own = batch()
    memory.write(Batch(own.x, own.y, task=own.task, draw=logits))
    assert memory.at(memory.places()).draw.equal(logits.half().float())
    assert memory.bits.full.labels - lossless(COUNT).carried.bits(COUNT)[0] == 16 * COUNT * CLASSES
    with pytest.raises(ValueError, match=r"batch.draw is None: the logits of each example, \(60,"):
        memory.write(own)


def test_exemplars_are_shared_equally_as_classes_come() -> None:
    memory, own = Exemplars(SHAPE, 13, CARRIED, rng=rng()), batch()
    for task in range(TASKS):
        memory.write(own[own.task == task])
        share, more = divmod(13, 2 * (task + 1))
        assert memory.at(memory.places()).y.bincount().tolist() == [
            min(share + (label < more), 10 if task else 7) for label in range(2 * (task + 1))
        ]
    first = memory.at(memory.places())
    assert first.x[first.y == 0].equal(own.x[own.y == 0][:3])


def test_both_memories_of_a_pair_are_written_to_and_drawn_from_in_their_shares() -> None:
    pair = Together([lossless(5), lossless(8, seed=4)], [1, 3], rng=rng())
    pair.write(batch())
    assert len(pair) == 13
    assert len(pair.draw(40)) == 40
    both = pair.at(torch.tensor([12, 0, 5]))
    assert both.x[0].equal(pair.memories[1].at(torch.tensor([7])).x[0])
    assert both.x[1].equal(pair.memories[0].at(torch.tensor([0])).x[0])
    assert pair.bits == lossless_bits(5) + lossless_bits(8)


def lossless_bits(count: int):
    return LosslessMemory.account(count, SHAPE, CARRIED)


def test_the_published_account_is_that_of_the_papers() -> None:
    """76x2: 150,293 parameters leave room for 1,392 codes in 200 CIFAR images; 5,000 codes of 620
    three-valued variables are 4,913,420 bits.
    """
    codec = CategoricalAutoencoder(76, 2, rng=rng(), channels=3, size=32)
    carried, budget = Carried(100, 20), 200 * 24_576
    assert largest(budget, lambda n: RecollectedMemory.account(n, codec, carried).total) == 1392
    full = largest(budget, lambda n: RecollectedMemory.account(n, codec, carried).full.total)
    assert full == 1216  # of 76 + log2(100) + log2(20) bits each
    small = Stored(16, decoder_only=True)
    assert RecollectedMemory.account(1, codec, carried, small).full.parameters == 16 * 75_129
    assert LosslessMemory.account(200, (3, 32, 32), carried).incremental == budget
    assert largest(budget, lambda n: 620 * 1.584962500721156 * n) == 5001
    assert variables_within(10 * 24_576, 5000) == 48
    assert variables_within(50 * 24_576, 5000) == 244


def test_a_budget_smaller_than_one_example_is_refused() -> None:
    with pytest.raises(TooSmallError, match="budget_bits is 100: a memory of one example takes"):
        largest(100, lambda n: LosslessMemory.account(n, SHAPE, CARRIED).full.total)
    with pytest.raises(TooSmallError, match="budget_bits is 100: a memory of one example takes"):
        coded(100).write(batch())
    with pytest.raises(ValueError, match="the smallest code takes 2 bits"):
        variables_within(100, 100)
