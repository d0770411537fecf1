"""Networks for coloured pictures: wide residual, plain, bottlenecks, and somebody else's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from distillery.losses import pairs_of
from distillery.models import files
from distillery.models.bottleneck import BottleneckMLP
from distillery.models.pixels import Pixels, measure_pixels
from distillery.models.vgg import VGG9
from distillery.models.wrn import WideResNet


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_pixels_are_standardised_channel_by_channel_once_data_were_seen() -> None:
    x = torch.randint(256, (50, 3, 4, 4), generator=rng()).to(torch.uint8)
    x[:, 1] //= 4
    layer, floats = Pixels(3), x.float() / 255
    assert layer(floats).equal(floats)
    layer.measure(x)
    standard = layer(floats).transpose(0, 1).flatten(1)
    torch.testing.assert_close(standard.mean(1), torch.zeros(3), rtol=0, atol=1e-5)
    torch.testing.assert_close(standard.std(1), torch.ones(3), rtol=1e-4, atol=0)


@pytest.mark.parametrize(
    "network",
    [
        WideResNet(10, 1, rng=rng(), classes=7),
        VGG9(rng=rng(), width=4),
        BottleneckMLP(8, rng=rng(), classes=5),
    ],
    ids=lambda network: type(network).__name__,
)
def test_a_file_keeps_what_a_network_knows_of_pixels(network: nn.Module, tmp_path: Path) -> None:
    x = torch.rand(6, 3, 32, 32, generator=rng())
    measure_pixels(network, x)
    network.half().float().eval()
    path = tmp_path / "network.safetensors"
    path.write_bytes(files.packed([files.Named("it", network)]))
    torch.testing.assert_close(files.load(path)(x), network(x))
    assert path.stat().st_size < 2.2 * sum(p.numel() for p in network.parameters()) + 20_000


def test_the_perceptron_has_the_parameters_that_the_paper_describes() -> None:
    h = 64
    count = sum(p.numel() for p in BottleneckMLP(h, rng=rng()).parameters())
    linear = (3072 * h + h) + (h * h + h) + (h * 10 + 10)
    assert count == linear + 3 * ((h * h // 4 + h // 4) + (h // 4 * h + h))


def test_the_plain_network_has_nine_layers_of_weights_and_five_poolings() -> None:
    network = VGG9(rng=rng(), width=2)
    weights = [layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
    pools = [layer for layer in network.modules() if isinstance(layer, nn.MaxPool2d)]
    assert (len(weights), len(pools)) == (9, 5)
    with pytest.raises(ValueError, match="32 pixels a side are needed at least"):
        network(torch.zeros(1, 3, 31, 31))


def test_torchvisions_networks_are_looked_into_as_they_are() -> None:
    models = pytest.importorskip("torchvision.models")
    teacher, student = models.resnet34(weights=None), VGG9(rng=rng(), width=4)
    names = [("layer3", "stages.3"), ("layer4", "stages.4"), ("fc", "classifier:input")]
    pairs = pairs_of(teacher, student, names, torch.zeros(1, 3, 64, 64))
    assert [(p.theirs, p.ours) for p in pairs] == [
        ((256, 4, 4), (32, 4, 4)),
        ((512, 2, 2), (32, 2, 2)),
        ((1000,), (32,)),
    ]


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="width is 10: a multiple of 4"):
        BottleneckMLP(10, rng=rng())
    with pytest.raises(ValueError, match="depth is 17"):
        WideResNet(17, 1, rng=rng())
