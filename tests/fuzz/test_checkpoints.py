"""Checkpoints, altered: they have no checksum, so that an altered number is another number."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from distillery import distill
from distillery.generators import Noise
from distillery.losses import SoftTargets
from distillery.models.mlp import MLP
from distillery.teachers import Frozen
from mutations import of_safetensors
from strangers import Format, try_all


def run(path: Path, steps: int = 4) -> MLP:
    def rng(seed: int) -> torch.Generator:
        return torch.Generator().manual_seed(seed)

    student = MLP([2, 3, 3], rng=rng(0))
    distill(
        Frozen(MLP([2, 3], rng=rng(1))),
        student,
        Noise((2,), rng=rng(2)),
        SoftTargets(),
        optimizer=torch.optim.Adam(student.parameters(), lr=0.01),
        steps=steps,
        batch_size=2,
        checkpoint=path,
        every=2,
        probes={"norm": _norm},
        probe_at=2,
    )
    return student


def _norm(student: Any) -> Tensor:
    return sum(parameter.square().sum() for parameter in student.parameters()).detach()


def test_an_altered_checkpoint_is_refused_or_is_one_of_the_same_run(tmp_path: Path) -> None:
    run(tmp_path / "first")
    content = (tmp_path / "first").read_bytes()
    before = torch.get_rng_state()

    def same_shapes(answer: MLP, content: bytes) -> None:
        assert [tuple(p.shape) for p in answer.parameters()] == [(3, 2), (3,), (3, 3), (3,)]

    (tmp_path / "copies").mkdir()

    def continued(path: Path) -> MLP:
        return run(Path(shutil.copy(path, tmp_path / "copies" / path.name)))

    kind = Format(continued, "run.ckpt", [of_safetensors], same_shapes)
    assert try_all(kind, [content], tmp_path, times=0.5) > 0
    torch.set_rng_state(before)
