from __future__ import annotations

import pytest
import torch

from distillery.models.resnet import Block, ResNet18


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def count(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def by_hand(width: int, channels: int, classes: int) -> int:
    """Convolutions without biases, two numbers a filter for every normalisation."""
    total, before = 9 * channels * width + 2 * width, width
    for scale in (1, 2, 4, 8):
        after = scale * width
        total += 9 * before * after + 3 * 9 * after**2 + 4 * 2 * after
        total += 0 if before == after else before * after + 2 * after
        before = after
    return total + (before + 1) * classes


@pytest.mark.parametrize(("width", "channels", "classes"), [(20, 3, 100), (5, 1, 7), (64, 3, 10)])
def test_parameters_are_counted_by_hand(width: int, channels: int, classes: int) -> None:
    network = ResNet18(rng=rng(), width=width, channels=channels, classes=classes)
    assert count(network) == by_hand(width, channels, classes)
    assert network.arguments() == {"classes": classes, "width": width, "channels": channels}


def test_the_usual_network_has_eleven_million_parameters() -> None:
    assert by_hand(64, 3, 10) == 11_173_962  # as He et al.'s for CIFAR, 18 layers
    assert by_hand(20, 3, 100) == 1_109_240


@pytest.mark.parametrize("size", [28, 32])
def test_pictures_of_both_sizes_are_answered(size: int) -> None:
    network = ResNet18(rng=rng(), width=3, channels=1, classes=6)
    x = torch.rand(4, 1, size, size, generator=rng(1))
    assert network(x).shape == (4, 6)
    assert network.classifier(network.features(x)).equal(network(x))


def test_a_block_without_residual_is_the_identity_of_what_is_not_negative() -> None:
    block = Block(4, 4, 1).eval()
    torch.nn.init.zeros_(block.norm2.weight)
    x = torch.rand(2, 4, 8, 8, generator=rng())
    assert block(x).equal(x)


def test_weights_depend_on_the_stream_alone_and_start_as_torch_has_them() -> None:
    made = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        made.append(ResNet18(rng=rng(), width=8).state_dict())
    assert all(value.equal(made[1][name]) for name, value in made[0].items())
    weight = made[0]["groups.3.1.conv2.weight"]
    assert float(weight.var()) == pytest.approx(1 / (3 * 9 * 64), rel=0.05)


def test_other_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match=r"x has shape \(2, 1, 32, 32\): ResNet18 takes \(B, 3,"):
        ResNet18(rng=rng(), width=2)(torch.zeros(2, 1, 32, 32))
    with pytest.raises(ValueError, match="width is 0: a whole number of at least 1"):
        ResNet18(rng=rng(), width=0)
