from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from distillery.losses import AbsoluteError, Loss, PixelCrossEntropy
from distillery.models.bank import Bank
from distillery.models.once import once
from distillery.protocols import Batch
from distillery.teachers import Formula, Inputs, Recorded


class Codec(nn.Module):
    """Logits of pixels of its own, whatever it sees."""

    def __init__(self, logits: float = 0.0) -> None:
        super().__init__()
        self.decoder = nn.Conv2d(1, 1, 1)
        nn.init.zeros_(self.decoder.weight)
        nn.init.constant_(self.decoder.bias, logits)  # type: ignore[arg-type]
        self.runs = 0

    def forward(self, x: Tensor) -> Tensor:
        self.runs += 1
        return self.decoder(x).sigmoid()


def pictures(n: int = 3) -> Tensor:
    return torch.rand(n, 1, 4, 5, generator=torch.Generator().manual_seed(0))


def test_the_absolute_error_is_the_mean_over_the_pixels_of_each_picture() -> None:
    x = pictures()
    each = AbsoluteError().each(Inputs(), Codec(0.5), Batch(x))
    expected = torch.stack([(picture - torch.tensor(0.5).sigmoid()).abs().mean() for picture in x])
    torch.testing.assert_close(each, expected)


def test_the_cross_entropy_is_that_of_the_pixels_that_come_out() -> None:
    x, codec = pictures(), Codec(-1.3)
    q = codec(x)
    torch.testing.assert_close(
        PixelCrossEntropy().each(Inputs(), codec, Batch(x)),
        -(x * q.log() + (1 - x) * (1 - q).log()).mean((1, 2, 3)),
    )


def test_the_cross_entropy_is_least_at_the_picture() -> None:
    x = torch.full((1, 1, 4, 5), 0.3)
    best = torch.tensor(0.3).logit().item()
    values = [
        PixelCrossEntropy()(Inputs(), Codec(logit), Batch(x)).item()
        for logit in (best - 0.1, best, best + 0.1)
    ]
    assert values[1] == min(values)


@pytest.mark.parametrize("logit", [40.0, -200.0])
def test_a_pixel_that_has_been_rounded_away_still_learns(logit: float) -> None:
    wrong, codec = torch.full((1, 1, 4, 5), float(logit < 0)), Codec(logit)
    assert codec(wrong).unique().tolist() in ([0.0], [1.0])
    PixelCrossEntropy()(Inputs(), codec, Batch(wrong)).backward()
    assert codec.decoder.bias is not None
    assert codec.decoder.bias.grad is not None
    assert codec.decoder.bias.grad.item() == pytest.approx(1.0 if logit > 0 else -1.0)


def test_the_pictures_may_come_from_elsewhere() -> None:
    x, other = pictures(), pictures().flip(0)
    for loss in (AbsoluteError(), PixelCrossEntropy()):
        expected = loss.each(Inputs(), Codec(), Batch(other))
        torch.testing.assert_close(loss.each(Recorded(), Codec(), Batch(x, other)), expected)


def test_both_at_once_run_the_student_once() -> None:
    loss, codec, batch = 0.5 * PixelCrossEntropy() + AbsoluteError(), Codec(0.2), Batch(pictures())
    apart = 0.5 * PixelCrossEntropy()(Inputs(), codec, batch) + AbsoluteError()(
        Inputs(), codec, batch
    )
    codec.runs = 0
    with once(Inputs(), codec, loss):
        torch.testing.assert_close(loss(Inputs(), codec, batch), apart)
    assert codec.runs == 1


def test_a_bank_gets_one_absolute_error_a_student_and_picture() -> None:
    codecs, batch = [Codec(-1.0), Codec(2.0)], Batch(pictures())
    each = AbsoluteError().each(Inputs(), Bank(codecs), batch)
    torch.testing.assert_close(
        each, torch.stack([AbsoluteError().each(Inputs(), codec, batch) for codec in codecs])
    )


@pytest.mark.parametrize("loss", [AbsoluteError(), PixelCrossEntropy()])
def test_pictures_of_another_shape_are_refused(loss: Loss) -> None:
    with pytest.raises(
        ValueError,
        match=r"the teacher's answer has shape \(3, 1, 4\), the student's \(3, 1, 4, 5\)",
    ):
        loss.each(Formula(lambda x: x[..., 0]), Codec(), Batch(pictures()))


@pytest.mark.parametrize("answer", [255.0, -0.1, float("nan")])
def test_pixels_outside_the_unit_interval_have_no_cross_entropy(answer: float) -> None:
    with pytest.raises(
        ValueError, match=r"the teacher's pixels go from .* values from 0 to 1 are needed"
    ):
        PixelCrossEntropy().each(Formula(lambda x: x * 0 + answer), Codec(), Batch(pictures()))


def test_a_student_without_the_layer_is_refused_with_the_layers_it_has() -> None:
    with pytest.raises(KeyError, match=r"layer 'logits' is not in Codec: it has decoder"):
        PixelCrossEntropy("logits").each(Inputs(), Codec(), Batch(pictures()))
