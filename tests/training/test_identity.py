"""A checkpoint is handed back to the call that made it, and to no other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from distillery import Batch, History, distill
from distillery.generators import Alongside, Augmented, Chain, Hardest, Interleave, Noise, Resample
from distillery.losses import DerivativeSquareError, HardLabels, Loss, SoftTargets
from distillery.models.bank import PerStudent
from distillery.models.mlp import MLP
from distillery.protocols import Stateful, Teacher
from distillery.samplers.langevin import SGLD
from distillery.teachers import Average, Formula, Frozen, Labels
from distillery.training import checkpoints, fingerprints, identity
from distillery.training.run import Run
from distillery.training.schedules import linear_to_zero, milestones


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def data(seed: int = 4, **more: Any) -> Resample:
    labels = torch.randint(3, (50,), generator=rng(seed))
    return Resample(torch.randn(50, 2, generator=rng(seed)), labels, rng=rng(1), **more)


def network(seed: int, *, dropout: float = 0.5) -> nn.Module:
    return nn.Sequential(MLP([2, 8], rng=rng(seed)), nn.Dropout(dropout), MLP([8, 3], rng=rng(9)))


def parts(**changed: Any) -> dict[str, Any]:
    student = changed.pop("student", network(0))
    optimizer = changed.pop("optimizer", partial(torch.optim.SGD, lr=0.1, momentum=0.9))
    return {
        "teacher": Frozen(MLP([2, 8, 3], rng=rng(7))),
        "student": student,
        "generator": data(),
        "loss": 0.9 * SoftTargets(temperature=4.0) + 0.1 * HardLabels(),
        "optimizer": optimizer(student.parameters()),
        "batch_size": 8,
        "steps": 6,
        "every": 3,
    } | changed


def go(path: Path, **changed: Any) -> History:
    return distill(**parts(**changed), checkpoint=path)


def said(**changed: Any) -> dict[str, str]:
    given = parts(**changed)
    names = ("teacher", "student", "generator", "loss", "optimizer")
    more = [given.get(name) for name in ("schedule", "clip", "dtype", "batch_size")]
    return identity.particulars(Run(*(given[name] for name in names), *more))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"teacher": Frozen(MLP([2, 8, 3], rng=rng(8)))}, r"teacher\.network\.\S+ was .* and is"),
        ({"teacher": Labels(), "loss": HardLabels()}, r"teacher was Frozen and is Labels"),
        (
            {"loss": 0.9 * SoftTargets(temperature=2.0) + 0.1 * HardLabels()},
            r"loss\.terms\.0\.temperature was 4\.0 and is 2\.0:",
        ),
        (
            {"loss": 0.8 * SoftTargets(temperature=4.0) + 0.1 * HardLabels()},
            r"loss\.weights\.0 was 0\.9 and is 0\.8:",
        ),
        ({"loss": SoftTargets()}, r"loss was Sum and is SoftTargets"),
        ({"batch_size": 16}, r"batch_size was 8 and is 16:"),
        ({"clip": 1.0}, r"clip was None and is 1\.0:"),
        ({"dtype": torch.bfloat16}, r"dtype was None and is torch\.bfloat16:"),
        ({"generator": data(5)}, r"generator\.x was float32 \(50, 2\) #\w+ and is float32"),
        ({"generator": data(replacement=True)}, r"generator\.replacement was False and is True:"),
        ({"generator": Noise(2, rng=rng(1))}, r"generator was Resample and is Noise"),
        (
            {"generator": Resample(data().x, data().y, rng=rng(2))},
            r"generator\.rng was a stream of seed 1 and is a stream of seed 2:",
        ),
        ({"student": network(0, dropout=0.1)}, r"student\.1\.p was 0\.5 and is 0\.1:"),
        ({"optimizer": torch.optim.Adam}, r"optimizer was SGD and is Adam"),
        (
            {"optimizer": partial(torch.optim.SGD, lr=0.2, momentum=0.9)},
            r"optimizer\.group 0\.lr was 0\.1 and is 0\.2:",
        ),
        ({"schedule": linear_to_zero(6)}, r"schedule\(1\) was 1\.0 and is 0\.83\d*:"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_and_says_what_differs(
    changed: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "run.ckpt"
    go(path)
    start = parts(**changed)
    before = {name: value.clone() for name, value in start["student"].state_dict().items()}
    with pytest.raises(ValueError, match=rf"run\.ckpt is of another run: .*{sentence}") as refused:
        distill(**start, checkpoint=path)
    assert len(str(refused.value)) < 700
    assert all(value.equal(before[name]) for name, value in start["student"].state_dict().items())


def test_the_same_call_goes_on_in_the_process_where_it_was_interrupted(tmp_path: Path) -> None:
    """There the student has learned, streams have moved and a score looks at both."""

    def scored(student: nn.Module, loss: Loss) -> Hardest:
        noise = Augmented(data(), lambda x, rng: x + 0.1, rng=rng(2))
        mixed = Interleave([noise, data(6)], [2, 1])
        return Hardest(mixed, partial(loss.each, Labels(), student), of=2)

    def made() -> dict[str, Any]:
        student, loss = network(0), HardLabels()
        return parts(student=student, loss=loss, teacher=Labels(), generator=scored(student, loss))

    def interrupt(done: int, steps: int | None) -> None:
        if done == 5:
            raise KeyboardInterrupt

    torch.manual_seed(3)
    whole = distill(**made())
    torch.manual_seed(3)
    begun = made()
    with pytest.raises(KeyboardInterrupt):
        distill(**begun, checkpoint=tmp_path / "run.ckpt", progress=interrupt)
    history = distill(**begun, checkpoint=tmp_path / "run.ckpt")
    assert history.losses.equal(whole.losses)


def test_steps_probes_and_what_a_schedule_does_later_are_free(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    go(path, schedule=milestones((8,)))
    longer = {"steps": 12, "probes": {"one": lambda student: 1}, "probe_at": 5, "every": 4}
    history = go(path, schedule=milestones((9,)), **longer)
    torch.manual_seed(0)
    assert len(history) == 12
    with pytest.raises(ValueError, match=r"another run: schedule\(8\) was 1\.0 and is 0\.2:"):
        go(path, schedule=milestones((7,)), **longer)


def test_a_checkpoint_without_a_note_says_how_to_go_on(tmp_path: Path) -> None:
    path, given = tmp_path / "run.ckpt", parts()
    named = {name: given[name] for name in ("student", "loss", "optimizer", "generator")}
    checkpoints.save(path, named | {"history": History()})
    with pytest.raises(
        ValueError, match=r"run\.ckpt does not say which run it is of.*: remove the file"
    ):
        go(path)


def test_an_optimizer_that_goes_on_from_a_checkpoint_is_the_same_in_the_next_phase(
    tmp_path: Path,
) -> None:
    """A checkpoint makes a list of Adam's pair of betas."""

    def phases() -> History:
        given = parts(optimizer=torch.optim.Adam)
        distill(**given, checkpoint=tmp_path / "first.ckpt")
        return distill(**given, checkpoint=tmp_path / "second.ckpt")

    torch.manual_seed(0)
    losses = phases().losses
    assert phases().losses.equal(losses)


def test_many_differences_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    go(path)
    with pytest.raises(ValueError, match=r"; and \d+ more: the call that wrote it is needed"):
        go(path, clip=1.0, batch_size=4, loss=SoftTargets(), dtype=torch.bfloat16)


# ---- what is read


def test_equal_calls_say_the_same_and_training_changes_nothing_of_it(tmp_path: Path) -> None:
    given = parts()
    assert said(**given | {"optimizer": lambda _: given["optimizer"]}) == said()
    distill(**given)
    assert said(**given | {"optimizer": lambda _: given["optimizer"]}) == said()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda x: x.sin(), lambda x: x.cos()),
        (lambda x: 2 * x, lambda x: 3 * x),
        (lambda x: x[:, (0, 1)], lambda x: x[:, (1, 0)]),
        (partial(torch.add, 1), partial(torch.add, 2)),
        (Frozen(MLP([2, 3], rng=rng())).network.forward, MLP([2, 3], rng=rng(1)).forward),
    ],
)
def test_functions_are_told_apart_by_what_they_do(one: Any, other: Any) -> None:
    assert said(teacher=Formula(one)) != said(teacher=Formula(other))
    assert said(teacher=Formula(one)) == said(teacher=Formula(one))


def test_a_function_is_told_by_what_it_has_closed_over() -> None:
    def scaled(by: Any) -> Callable[[Tensor], Tensor]:
        return lambda x: x * by

    for one, other in [(1.0, 2.0), (torch.ones(20), torch.zeros(20)), (np.ones(20), np.zeros(20))]:
        assert said(teacher=Formula(scaled(one))) != said(teacher=Formula(scaled(other)))
        assert said(teacher=Formula(scaled(one))) == said(teacher=Formula(scaled(one)))


def test_a_chain_is_told_by_its_sampler() -> None:
    def inputs(step_size: float) -> Alongside:
        step = SGLD(lambda state, rng: -state, step_size)
        return Alongside(data(), Chain(step, torch.zeros(4, 2), rng=rng(3)))

    difference = set(said(generator=inputs(0.1)).items()) ^ set(said(generator=inputs(0.2)).items())
    assert difference == {
        ("generator.chains.0.step", text)
        for name, text in difference
        if name == "generator.chains.0.step"
    }
    assert len(difference) == 2


def test_private_attributes_and_those_of_strangers_are_not_read() -> None:
    class Caching(Teacher):
        def __init__(self, cache: Any, stranger: Any) -> None:
            super().__init__()
            self._cache, self.stranger = cache, stranger

        def forward(self, batch: Batch) -> Tensor:
            return batch.x

    class Stranger:
        def __init__(self, count: int) -> None:
            self.count = count

    assert said(teacher=Caching(1, Stranger(1))) == said(teacher=Caching(2, Stranger(2)))


def test_an_optimizer_around_an_optimizer_is_told_by_both() -> None:
    def around(rates: list[float], lr: float) -> Callable[..., PerStudent]:
        return lambda parameters: PerStudent(torch.optim.SGD([torch.zeros(2)], lr=lr), rates)

    first = said(optimizer=around([1.0, 2.0], 0.1))
    assert first == said(optimizer=around([1.0, 2.0], 0.1))
    assert first != said(optimizer=around([1.0, 3.0], 0.1))
    assert first != said(optimizer=around([1.0, 2.0], 0.2))


def test_parts_that_hold_one_another_in_a_circle_are_read_once() -> None:
    class Looped(Stateful):
        def __init__(self) -> None:
            self.again: Any = self

    generator = data()
    generator.loop = Looped()
    assert said(generator=generator)["generator.loop.again"] == "the same as generator.loop"


def test_thirty_teachers_take_a_few_lines_each() -> None:
    teachers = [Frozen(network(seed)) for seed in range(30)]
    particulars = said(teacher=Average(teachers))
    assert 30 < len(particulars) < 200
    assert sum(len(name) + len(text) for name, text in particulars.items()) < 10_000
    changed = Average([*teachers[:-1], Frozen(network(99))])
    difference = set(particulars.items()) ^ set(said(teacher=changed).items())
    assert {name for name, _ in difference} == {"teacher.teachers.29.network"}


def test_very_large_data_are_read_in_samples_and_the_note_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fingerprints, "WHOLE_BYTES", 4000)
    monkeypatch.setattr(fingerprints, "SAMPLES", 10)
    monkeypatch.setattr(fingerprints, "SAMPLE_BYTES", 40)
    x = torch.arange(5000.0)
    text = said(generator=Resample(x, rng=rng()))["generator.x"]
    assert text.startswith("float32 (5000,), in samples, #")
    for place in (0, 4999):
        other = x.clone()
        other[place] = -1.0
        assert said(generator=Resample(other, rng=rng()))["generator.x"] != text


@pytest.mark.parametrize(
    "x",
    [
        torch.ones(20, 2).t(),
        torch.ones(20, dtype=torch.bfloat16),
        torch.ones(20, dtype=torch.bool),
        torch.ones(1).expand(20),
        torch.ones(20).to_sparse(),
        torch.ones(20, device="meta"),
        np.ones((20, 2))[:, ::-1],
        np.array(["a"] * 20),
        np.float32(1.5),
    ],
    ids=str,
)
def test_arrays_of_any_kind_can_be_read(x: Any) -> None:
    generator = data()
    generator.more = x
    assert said(generator=generator)["generator.more"]


def test_a_number_is_the_same_in_numpys_type_and_a_pair_as_a_list() -> None:
    """So they come back from a checkpoint."""
    assert fingerprints.fingerprint(np.float64(0.1)) == fingerprints.fingerprint(0.1)
    assert fingerprints.fingerprint((0.9, 0.999)) == fingerprints.fingerprint([0.9, 0.999])
    assert len(fingerprints.fingerprint("x" * 1000)) < 60


def test_losses_of_every_kind_say_their_settings() -> None:
    uniform, weighted = DerivativeSquareError(), DerivativeSquareError(weighting="teacher")
    assert said(loss=uniform)["loss.weighting"] == "'uniform'"
    assert said(loss=weighted)["loss.weighting"] == "'teacher'"


def test_another_process_says_the_same() -> None:
    script = [sys.executable, __file__]
    printed = subprocess.run(script, check=True, capture_output=True, text=True).stdout
    assert printed.strip() == str(said())


if __name__ == "__main__":
    print(said())
