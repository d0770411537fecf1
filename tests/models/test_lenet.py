from __future__ import annotations

import pytest
import torch

from distillery.models.lenet import LeNet


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def count(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_lenet_has_as_many_parameters_as_caffes() -> None:
    # 20 and 50 filters of 5x5, 500 units: 520 + 25,050 + 400,500 + 5,010
    assert count(LeNet(rng=rng())) == 431_080


def test_widths_channels_and_classes_are_arguments() -> None:
    network = LeNet(rng=rng(), channels=3, classes=7, widths=(4, 6, 20))
    assert network(torch.zeros(2, 3, 28, 28)).shape == (2, 7)
    assert count(network) == (3 * 25 + 1) * 4 + (4 * 25 + 1) * 6 + (6 * 16 + 1) * 20 + 21 * 7


def test_weights_depend_on_the_stream_alone() -> None:
    made = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        made.append(LeNet(rng=rng(), widths=(2, 3, 4)).state_dict())
    assert all(value.equal(made[1][name]) for name, value in made[0].items())


def test_a_small_shift_within_a_pool_changes_less_than_another_picture() -> None:
    network = LeNet(rng=rng()).eval()
    x = torch.nn.functional.avg_pool2d(torch.rand(8, 1, 28, 28, generator=rng()), 7, 1, 3)
    moved = (network(x.roll(1, -1)) - network(x)).norm()
    other = (network(x.roll(1, 0)) - network(x)).norm()
    assert moved < other


@pytest.mark.parametrize("shape", [(2, 28, 28), (2, 3, 28, 28), (2, 1, 32, 32), (2, 784)])
def test_pictures_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"x has shape \(2, .*\): LeNet takes \(B, 1, 28, 28\)"):
        LeNet(rng=rng())(torch.zeros(shape))
