"""A killed run continues to the same metrics, bit for bit; a file that is not a checkpoint is
refused.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from distillery import Batch, History, distill
from distillery.generators import Alongside, Augmented, Generator, Interleave, Noise, Resample
from distillery.losses import Loss, SoftTargets
from distillery.models.mlp import MLP
from distillery.teachers import Frozen
from distillery.training import checkpoints, identity
from distillery.training.schedules import one_cycle

STEPS, EVERY = 40, 7


class Variance(Loss):
    """A loss that learns, with a random stream of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.log_variance, self.rng = nn.Parameter(torch.zeros(3)), rng(11)

    def each(self, teacher: nn.Module, student: nn.Module, batch: Batch) -> Tensor:
        miss = (
            student(batch.x) - teacher(batch) + 0.1 * torch.randn(3, generator=self.rng)
        ).square()
        return (miss * (-self.log_variance).exp() + self.log_variance).sum(-1)

    def get_extra_state(self) -> Tensor:
        return self.rng.get_state()

    def set_extra_state(self, state: Tensor) -> None:
        self.rng.set_state(state)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def inputs() -> Generator:
    data = Resample(torch.randn(50, 2, generator=rng(4)), rng=rng(1))
    shaken = Augmented(
        data, lambda x, stream: x + 0.1 * torch.randn(x.shape, generator=stream), rng=rng(2)
    )
    return Alongside(Interleave([shaken, Noise(2, rng=rng(3))], [2, 1]), Noise(5, rng=rng(5)))


def scenario(
    path: Path | None, *, die_after: int | None = None, steps: int = STEPS, seed: int = 0
) -> tuple[nn.Module, Loss, History]:
    """A run with everything that must be saved: dropout, running means, a loss that learns,
    streams, counters, Adam, a schedule.
    """
    torch.manual_seed(seed)
    student = nn.Sequential(
        MLP([2, 8], rng=rng()),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Dropout(0.3),
        MLP([8, 3], rng=rng(1)),
    )
    loss = 0.5 * SoftTargets() + 0.5 * Variance()
    optimizer = torch.optim.Adam(
        [{"params": student.parameters()}, {"params": loss.parameters(), "lr": 0.1}], lr=0.01
    )

    def die(done: int, _: int | None) -> None:
        if done == die_after:
            os.kill(os.getpid(), signal.SIGKILL)

    history = distill(
        Frozen(MLP([2, 8, 3], rng=rng(7))),
        student,
        inputs(),
        loss,
        optimizer=optimizer,
        batch_size=16,
        steps=steps,
        schedule=one_cycle(STEPS),
        probes={"mean": lambda s: s(torch.ones(4, 2)).mean()},
        probe_at=4,
        checkpoint=path,
        every=EVERY,
        progress=die,
    )
    return student, loss, history


def same(one: nn.Module, other: nn.Module) -> bool:
    theirs = other.state_dict()
    return all(value.equal(theirs[name]) for name, value in one.state_dict().items())


@pytest.fixture(scope="module")
def uninterrupted() -> tuple[nn.Module, Loss, History]:
    return scenario(None)


def test_a_run_killed_at_once_continues_to_the_same_metrics_bit_for_bit(
    tmp_path: Path, uninterrupted: tuple[nn.Module, Loss, History]
) -> None:
    path = tmp_path / "run.ckpt"
    killed = subprocess.run([sys.executable, __file__, str(path), str(3 * EVERY + 2)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.exists()
    student, loss, history = scenario(path, seed=99)  # nothing but the checkpoint carries over
    assert history.losses.equal(uninterrupted[2].losses)
    assert history.probes == uninterrupted[2].probes
    assert same(student, uninterrupted[0])
    assert same(loss, uninterrupted[1])


@pytest.mark.parametrize("stop", [1, 6, 7, 8, 21, 39])
def test_a_run_interrupted_at_any_step_continues_from_its_last_checkpoint(
    tmp_path: Path,
    stop: int,
    uninterrupted: tuple[nn.Module, Loss, History],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "kill", interrupt)
    with pytest.raises(KeyboardInterrupt):
        scenario(tmp_path / "run.ckpt", die_after=stop)
    student, _, history = scenario(tmp_path / "run.ckpt", seed=99 if stop >= EVERY else 0)
    assert history.losses.equal(uninterrupted[2].losses)
    assert history.probes == uninterrupted[2].probes
    assert same(student, uninterrupted[0])


def test_saving_changes_nothing(
    tmp_path: Path, uninterrupted: tuple[nn.Module, Loss, History]
) -> None:
    student, _, history = scenario(tmp_path / "run.ckpt")
    assert history.losses.equal(uninterrupted[2].losses)
    assert same(student, uninterrupted[0])


def test_the_same_call_after_the_end_trains_no_further(tmp_path: Path) -> None:
    first = scenario(tmp_path / "run.ckpt")
    again = scenario(tmp_path / "run.ckpt", seed=5)
    assert again[2].losses.equal(first[2].losses)
    assert same(first[0], again[0])
    assert not again[0].training


def test_more_steps_lengthen_a_run_and_fewer_are_refused(
    tmp_path: Path, uninterrupted: tuple[nn.Module, Loss, History]
) -> None:
    scenario(tmp_path / "run.ckpt", steps=20)
    with pytest.raises(ValueError, match=r"run\.ckpt is of a run of 20 steps: steps is 19"):
        scenario(tmp_path / "run.ckpt", steps=19)
    assert scenario(tmp_path / "run.ckpt")[2].losses.equal(uninterrupted[2].losses)


def test_a_generator_that_ends_a_run_ends_the_continued_run_at_the_same_step(
    tmp_path: Path,
) -> None:
    def go(path: Path | None, stop: int | None = None) -> History:
        def interrupt(done: int, _: int | None) -> None:
            if done == stop:
                raise KeyboardInterrupt

        student = MLP([2, 3], rng=rng())
        data = Resample(torch.randn(20, 2, generator=rng()), rng=rng(), passes=2)
        optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
        who = Frozen(MLP([2, 3], rng=rng(1)))
        return distill(
            who, student, data, SoftTargets(), optimizer=optimizer, batch_size=3, checkpoint=path, every=2, progress=interrupt
        )  # fmt: skip

    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "run.ckpt", stop=7)
    assert go(tmp_path / "run.ckpt").losses.equal(go(None).losses)
    assert len(go(tmp_path / "run.ckpt")) == 13


class Part:
    """Anything with a state."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def state_dict(self) -> Any:
        return self.state

    def load_state_dict(self, state: Any) -> None:
        self.state = state


def test_every_kind_of_value_comes_back_as_it_was(tmp_path: Path) -> None:
    shared = torch.randn(3, 4, generator=rng())
    state = {
        "tensors": [
            shared,
            shared.t(),
            torch.zeros(0),
            torch.tensor(5),
            torch.ones(2, dtype=torch.bfloat16),
            torch.tensor([True]),
        ],
        "numbers": [1, 2.5, True, None, float("inf"), 2**60, 0.1],
        "text": 'é "quoted" \n',
        3: {"a/b": shared, "": {"__tensor__": "not one"}},
        "empty": {},
    }
    checkpoints.save(tmp_path / "x", {"part": Part(state)})
    found = Part(None)
    checkpoints.load(tmp_path / "x", {"part": found})
    assert all(
        a.equal(b) and a.dtype == b.dtype
        for a, b in zip(found.state["tensors"], state["tensors"], strict=True)
    )
    assert {k: v for k, v in found.state.items() if k in ("numbers", "text", "empty")} == {
        k: state[k] for k in ("numbers", "text", "empty")
    }
    assert found.state[3]["a/b"].equal(shared)
    assert found.state[3][""] == {"__tensor__": "not one"}


def test_a_value_that_cannot_be_saved_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"checkpoint entry /part/inner/0 is a object"):
        checkpoints.save(tmp_path / "x", {"part": Part({"inner": [object()]})})
    assert not list(tmp_path.iterdir())


def test_loading_brings_back_the_default_stream(tmp_path: Path) -> None:
    torch.manual_seed(3)
    checkpoints.save(tmp_path / "x", {})
    expected = torch.rand(4)
    checkpoints.load(tmp_path / "x", {})
    assert torch.rand(4).equal(expected)


def test_what_was_loaded_does_not_change_with_the_file(tmp_path: Path) -> None:
    path, found = tmp_path / "x", Part(None)
    checkpoints.save(path, {"part": Part(torch.ones(3000))})
    checkpoints.load(path, {"part": found})
    with open(path, "r+b") as file:
        file.write(bytes(path.stat().st_size))
    assert found.state.equal(torch.ones(3000))


@pytest.mark.parametrize("fused", [False, True])
def test_an_optimizer_of_filters_with_channels_last_goes_on_as_it_was(
    fused: bool, tmp_path: Path
) -> None:
    """A fused one walks through memory, and what is loaded lies there otherwise."""
    gradients = torch.randn(4, 3, 2, 5, 5, generator=rng(5))

    def made() -> tuple[nn.Parameter, torch.optim.Adam]:
        weight = nn.Parameter(torch.ones(3, 2, 5, 5).contiguous(memory_format=torch.channels_last))
        return weight, torch.optim.Adam([weight], lr=0.1, fused=fused)

    def step(weight: nn.Parameter, optimizer: torch.optim.Adam, at: int) -> None:
        weight.grad = gradients[at].contiguous(memory_format=torch.channels_last)
        optimizer.step()

    weight, optimizer = made()
    for at in range(4):
        step(weight, optimizer, at)
        if at == 1:
            checkpoints.save(tmp_path / "it", {"optimizer": optimizer})
            halfway = weight.detach().clone()
    again, loaded = made()
    with torch.no_grad():
        again.copy_(halfway)
    checkpoints.load(tmp_path / "it", {"optimizer": loaded})
    for at in (2, 3):
        step(again, loaded, at)
    assert again.equal(weight)


def test_a_save_that_dies_half_way_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, part = tmp_path / "x", Part({"a": torch.ones(3)})
    checkpoints.save(path, {"part": part})
    before = path.read_bytes()

    def torn(tensors: Any, file: Path, metadata: Any) -> None:
        Path(file).write_bytes(before[: len(before) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "save_file", torn)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(path, {"part": Part({"a": torch.zeros(3)})})
    assert path.read_bytes() == before
    monkeypatch.undo()
    checkpoints.save(path, {"part": part})  # what was left over is in nobody's way
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def _truncated(path: Path) -> None:
    checkpoints.save(path, {"part": Part({"a": torch.ones(300)})})
    path.write_bytes(path.read_bytes()[:-100])


def _pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps({"a": 1}))


def _foreign(path: Path) -> None:
    save_file({"weight": torch.ones(3)}, path)


def _without_its_tensors(path: Path) -> None:
    save_file(
        {}, path, metadata={"tree": json.dumps({"__pairs__": [["part", {"__tensor__": "gone"}]]})}
    )


@pytest.mark.parametrize(
    "spoil",
    [
        _truncated,
        _pickled,
        _foreign,
        _without_its_tensors,
        Path.touch,
        Path.mkdir,
        lambda path: path.write_text("{}"),
    ],
    ids=[
        "truncated",
        "a pickle",
        "other safetensors",
        "tensors missing",
        "empty",
        "a folder",
        "text",
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused_by_name(tmp_path: Path, spoil: Any) -> None:
    spoil(tmp_path / "run.ckpt")
    student = MLP([2, 3], rng=rng())
    start = [p.detach().clone() for p in student.parameters()]
    with pytest.raises(
        ValueError,
        match=(
            r"checkpoint .*run\.ckpt cannot be read .*: a file written by distill\(checkpoint=…\)"
            r" is needed"
        ),
    ):
        checkpoints.load(tmp_path / "run.ckpt", {"part": student})
    assert all(p.equal(before) for p, before in zip(student.parameters(), start, strict=True))


def test_a_checkpoint_of_another_run_is_refused_by_the_part_that_does_not_fit(
    tmp_path: Path,
) -> None:
    checkpoints.save(tmp_path / "x", {"student": MLP([2, 3], rng=rng())})
    with pytest.raises(
        ValueError, match=r"does not fit the student of this run: (.|\n)*size mismatch"
    ):
        checkpoints.load(tmp_path / "x", {"student": MLP([2, 4], rng=rng())})
    with pytest.raises(ValueError, match=r"does not fit the student of this run"):
        checkpoints.load(tmp_path / "x", {"student": Resample(torch.ones(3), rng=rng())})
    with pytest.raises(ValueError, match=r"holds \['student'\]: this run has \['pupil'\]"):
        checkpoints.load(tmp_path / "x", {"pupil": MLP([2, 3], rng=rng())})


def _altered(path: Path, **header: object) -> None:
    """The same tensors under a header that says something else."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        before = file.metadata()
    written = {
        name: text if isinstance(text, str) else json.dumps(text) for name, text in header.items()
    }
    save_file(tensors, path, metadata=before | written)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"tree": "[" * 100_000}, "cannot be read"),
        ({"tree": [1]}, "cannot be read"),
        ({"note": [1]}, "cannot be read"),
        ({"note": {"particulars": 3, "schedule": {}}}, "does not say which run it is of"),
        ({"note": {"particulars": {}, "schedule": {"x": 1}}}, "does not say which run it is of"),
        ({"note": {}}, "does not say which run it is of"),
    ],
)
def test_a_header_that_says_something_else_is_one_sentence(
    header: dict[str, object], said: str, tmp_path: Path
) -> None:
    student, path = MLP([2, 3], rng=rng()), tmp_path / "run.ckpt"
    checkpoints.save(path, {"student": student}, note={"particulars": {}, "schedule": {}})
    _altered(path, **header)

    def taken_up() -> None:
        identity.check_same(path, checkpoints.note(path), {}, None)
        checkpoints.load(path, {"student": student})

    with pytest.raises(ValueError, match=rf"^checkpoint .*run\.ckpt {said}") as refused:
        taken_up()
    assert len(str(refused.value).splitlines()) == 1


def test_streams_that_are_none_are_one_sentence(tmp_path: Path) -> None:
    student, path = MLP([2, 3], rng=rng()), tmp_path / "run.ckpt"
    checkpoints.save(path, {"student": student})
    with safe_open(path, framework="pt") as file:
        tree = json.loads(file.metadata()["tree"])
    tree["__pairs__"] = [
        [name, {"__pairs__": [["cpu", 3]]} if name == "default streams" else part]
        for name, part in tree["__pairs__"]
    ]
    _altered(path, tree=tree)
    with pytest.raises(ValueError, match=r"run\.ckpt does not fit the default streams of this run"):
        checkpoints.load(path, {"student": student})


if __name__ == "__main__":
    scenario(Path(sys.argv[1]), die_after=int(sys.argv[2]))
