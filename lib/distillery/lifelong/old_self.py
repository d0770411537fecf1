"""A frozen old self as teacher: what was learned before is answered as it was answered then."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from distillery.models.output_mask import FAR_BELOW
from distillery.protocols import Batch, Teacher
from distillery.teachers.frozen import Frozen


class OldSelf(Teacher):
    """Logits: for examples of earlier tasks those of the student as it was when the present task
    began, for others their labels, with all probability on the label.

    `remember(student, tasks)` freezes a copy that answers for the first so many tasks. Where
    `outputs` are those of one head, the old self stands in for labels (Li and Hoiem, 2016;
    Rebuffi et al., 2017).
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        self.old: nn.Module = nn.Identity()
        self.known = 0

    def remember(self, student: nn.Module, tasks: int) -> None:
        self.old, self.known = Frozen(copy.deepcopy(student)), tasks

    @torch.no_grad()
    def forward(self, batch: Batch) -> Tensor:
        if batch.y is None or batch.task is None:
            raise ValueError("OldSelf: batch.y and batch.task are needed, a label and task each")
        labels = torch.full((len(batch), self.outputs), FAR_BELOW, device=batch.x.device)
        labels.scatter_(1, batch.y[:, None], 0.0)
        is_old = batch.task < self.known
        if not is_old.any():
            return labels
        return torch.where(is_old[:, None], self.old(batch).float(), labels)
