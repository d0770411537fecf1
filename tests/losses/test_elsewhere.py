"""One loss of the library in a training loop that is not the library's: five lines."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from distillery import Batch
from distillery.losses import Information, pairs_of
from distillery.models.once import once
from distillery.teachers import Frozen


def test_torchvisions_networks_in_a_loop_of_ones_own() -> None:
    """A ResNet-18 learns from a ResNet-34; both run once a step, and the bound rises."""
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    resnet, student = models.resnet34(num_classes=5), models.resnet18(num_classes=5)
    x, y = torch.rand(8, 3, 32, 32), torch.arange(8) % 5
    optimizer = torch.optim.SGD(student.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    student.train()

    # what is added: the teacher, the loss, its parameters
    pairs = pairs_of(resnet, student, [("layer3", "layer3"), ("layer4", "layer4")], x)
    teacher, vid = Frozen(resnet), Information(pairs, rng=torch.Generator().manual_seed(0))
    optimizer.add_param_group({"params": list(vid.parameters()), "weight_decay": 0.0})

    runs, values = [], []
    student.conv1.register_forward_hook(lambda *_: runs.append("student"))
    for _ in range(8):
        optimizer.zero_grad()
        with once(teacher, student, vid):  # the student runs once for both terms
            transferred = vid(teacher, student, Batch(x))
            loss = F.cross_entropy(student(x), y) + 0.1 * transferred
        # `x` is the tensor that the batch carries: the same question has the same answer
        loss.backward()
        optimizer.step()
        values.append(transferred.item())
    assert len(runs) == 8
    assert values[-1] < values[0]
