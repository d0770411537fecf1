"""Losses between layers: hints, information, attention, selectivity."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from distillery import Batch, distill
from distillery.generators import Resample
from distillery.losses import (
    Attention,
    HardLabels,
    Hints,
    Information,
    Pair,
    Selectivity,
    SoftTargets,
    pairs_of,
)
from distillery.losses.attention import attention
from distillery.losses.information import LEAST_VARIANCE
from distillery.losses.layers import BetweenLayers
from distillery.models import heads
from distillery.models.wrn import WideResNet
from distillery.teachers import Frozen

LAYERS = [("first", "first"), ("groups.2", "groups.2")]


class Given(nn.Module):
    """A network whose layer `layer` puts out the numbers that it is made with."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.layer, self.output = nn.Identity(), nn.Parameter(output)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.output).flatten(1)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pair(theirs: Tensor, ours: Tensor) -> Pair:
    return Pair("layer", "layer", tuple(theirs.shape[1:]), tuple(ours.shape[1:]))


def each(loss: BetweenLayers, theirs: Tensor, ours: Tensor) -> Tensor:
    batch = Batch(torch.zeros(len(theirs), 1))
    return loss.each(Frozen(Given(theirs)), Given(ours), batch).detach()


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=rng(seed))


def test_hints_are_half_the_mean_square_error_of_one_convolution() -> None:
    theirs, ours = randn(4, 3, 2, 2), randn(4, 5, 2, 2, seed=1)
    loss = Hints([pair(theirs, ours)], rng=rng())
    weight = loss.heads[0][0].weight[:, :, 0, 0]
    guess = torch.einsum("ts,bshw->bthw", weight, ours)
    expected = torch.stack(
        [(t - g).square().sum() / 2 / 12 for t, g in zip(theirs, guess, strict=True)]
    )
    torch.testing.assert_close(each(loss, theirs, ours), expected.detach())
    assert [name for name, _ in loss.named_parameters()] == ["heads.0.0.weight", "heads.0.0.bias"]


def test_a_linear_head_makes_hints_learning_without_forgetting() -> None:
    logits, penultimate = randn(6, 3), randn(6, 5, seed=1)
    loss = Hints([pair(logits, penultimate)], rng=rng(), head=heads.linear)
    expected = (logits - penultimate @ loss.heads[0].weight.T).square().mean(1) / 2
    torch.testing.assert_close(each(loss, logits, penultimate), expected.detach())


def test_information_is_the_gaussian_log_density_of_equation_5_written_out() -> None:
    theirs, ours = randn(2, 3, 2, 2), randn(2, 4, 2, 2, seed=1)
    loss = Information([pair(theirs, ours)], rng=rng())
    with torch.no_grad():
        loss.alphas[0].copy_(torch.tensor([-1.0, 0.0, 2.0]))
        guess = loss.heads[0](ours)
    for b, found in enumerate(each(loss, theirs, ours)):
        total = 0.0
        for c, alpha in enumerate((-1.0, 0.0, 2.0)):
            variance = math.log(1 + math.exp(alpha)) + LEAST_VARIANCE
            for h in range(2):
                for w in range(2):
                    away = float(theirs[b, c, h, w] - guess[b, c, h, w])
                    total += math.log(2 * math.pi * variance) / 2 + away**2 / (2 * variance)
        assert float(found) == pytest.approx(total / 12, rel=1e-5)


def test_information_of_logits_is_equation_6() -> None:
    logits, penultimate = randn(6, 3), randn(6, 5, seed=1)
    loss = Information([pair(logits, penultimate)], rng=rng(), head=heads.linear, variance=0.5)
    normal = torch.distributions.Normal(penultimate @ loss.heads[0].weight.T, 0.5**0.5)
    torch.testing.assert_close(
        each(loss, logits, penultimate),
        -normal.log_prob(logits).mean(1).detach(),
        rtol=1e-4,
        atol=1e-5,
    )


def test_with_unit_variance_information_is_hints_up_to_a_constant() -> None:
    theirs, ours = randn(4, 3, 2, 2), randn(4, 5, 2, 2, seed=1)
    hints = Hints([pair(theirs, ours)], rng=rng())
    information = Information([pair(theirs, ours)], rng=rng(), head=heads.single)
    constant = math.log(2 * math.pi) / 2
    torch.testing.assert_close(
        each(information, theirs, ours), each(hints, theirs, ours) + constant, rtol=1e-4, atol=1e-5
    )


def test_the_best_variance_of_a_channel_is_the_mean_square_of_what_the_head_misses() -> None:
    """The value is least there, over a grid of variances, and the slope vanishes."""
    theirs, ours = 3 * randn(50, 1, 2, 2), randn(50, 2, 2, 2, seed=1)
    loss = Information([pair(theirs, ours)], rng=rng(), head=heads.single)
    with torch.no_grad():
        best = float((theirs - loss.heads[0](ours)).square().mean())
        values = {}
        for factor in torch.linspace(0.5, 2, 31):
            variance = best * float(factor)
            loss.alphas[0].fill_(math.log(math.expm1(variance - LEAST_VARIANCE)))
            values[round(float(factor), 3)] = float(each(loss, theirs, ours).mean())
    assert min(values, key=values.__getitem__) == 1.0


def test_at_the_best_q_the_bound_is_the_mutual_information_and_at_any_other_it_is_lower() -> None:
    """t = 2 s + noise of variance 1/4, s standard normal: I = log(1 + 16) / 2 nats."""
    s = randn(20_000, 1)
    t = 2 * s + 0.5 * randn(20_000, 1, seed=1)
    truth, entropy = 0.5 * math.log(17.0), 0.5 * math.log(2 * math.pi * math.e * 4.25)
    teacher, student, batch = Frozen(Given(t)), Given(s), Batch(torch.zeros(20_000, 1))
    loss = Information([pair(t, s)], rng=rng(), head=heads.linear)
    error = 3 * (0.5 / 20_000) ** 0.5  # of a mean of chi squares over two
    for slope in (0.0, 1.0, 1.8, 2.0, 2.2):
        for variance in (0.1, 0.2, 0.25, 0.3, 1.0):
            with torch.no_grad():
                loss.heads[0].weight.fill_(slope)
                loss.alphas[0].fill_(math.log(math.expm1(variance - LEAST_VARIANCE)))
            [told] = loss.told(teacher, student, batch)
            assert told.bound(entropy) < truth + 4 * error
            if (slope, variance) == (2.0, 0.25):
                assert told.bound(entropy) == pytest.approx(truth, abs=4 * error)
                assert told.gained == pytest.approx(truth, abs=8 * error)


def test_what_is_told_counts_every_entry_of_the_layer() -> None:
    theirs, ours = randn(4, 3, 2, 2), randn(4, 5, 2, 2, seed=1)
    loss = Information([pair(theirs, ours)], rng=rng())
    [told] = loss.told(Frozen(Given(theirs)), Given(ours), Batch(torch.zeros(4, 1)))
    assert told.log_q == pytest.approx(-12 * float(each(loss, theirs, ours).mean()), rel=1e-5)
    reference = 0.0
    for channel in theirs.transpose(0, 1).flatten(1):
        mean, variance = channel.mean(), channel.var(correction=0)
        normal = torch.distributions.Normal(mean, variance.sqrt())
        reference += float(normal.log_prob(channel).sum()) / 4
    assert told.log_reference == pytest.approx(reference, rel=1e-5)


def test_q_can_be_fitted_to_a_student_that_learns_nothing_from_it() -> None:
    theirs, ours = randn(4, 3, 2, 2), randn(4, 5, 2, 2, seed=1)
    batch = Batch(torch.zeros(4, 1))
    for teaches in (True, False):
        loss = Information([pair(theirs, ours)], rng=rng(), teaches=teaches)
        student = Given(ours)
        loss(Frozen(Given(theirs)), student, batch).backward()
        assert (student.output.grad is not None) == teaches
        assert all(p.grad.abs().sum() > 0 for p in loss.parameters())


@pytest.mark.parametrize("alpha", [-200.0, -20.0, 0.0, 20.0, 200.0])
def test_variances_stay_positive_and_finite_and_so_do_their_slopes(alpha: float) -> None:
    theirs, ours = randn(4, 3, 2, 2), randn(4, 5, 2, 2, seed=1)
    loss = Information([pair(theirs, ours)], rng=rng())
    with torch.no_grad():
        loss.alphas[0].fill_(alpha)
    loss(Frozen(Given(theirs)), Given(ours), Batch(torch.zeros(4, 1))).backward()
    assert (loss.variance(0) >= LEAST_VARIANCE).all()
    assert loss.alphas[0].grad.isfinite().all()


def test_variances_start_where_they_are_told_to() -> None:
    theirs, ours = randn(4, 3, 2, 2), randn(4, 5, 2, 2, seed=1)
    for variance in (0.01, 1.0, 5.0):
        loss = Information([pair(theirs, ours)], rng=rng(), variance=variance)
        torch.testing.assert_close(loss.variance(0), torch.full((3,), variance))


def test_the_attention_of_a_small_layer_by_hand() -> None:
    """Squares summed over two channels are 3² + 4² and 0² + 12²; the other map is (1, 0)."""
    theirs = torch.tensor([[[[3.0, 0.0]], [[4.0, 12.0]]]])
    ours = torch.tensor([[[[7.0, 0.0]]]])
    length = math.hypot(25, 144)
    expected = (25 / length - 1) ** 2 + (144 / length) ** 2
    loss = Attention([pair(theirs, ours)])
    assert float(each(loss, theirs, ours)) == pytest.approx(expected, rel=1e-5)


def test_attention_is_blind_to_size_sign_and_order_of_channels_and_lies_between_0_and_2() -> None:
    theirs, ours = randn(8, 6, 3, 3), randn(8, 6, 3, 3, seed=1)
    loss = Attention([pair(theirs, ours)])
    values = each(loss, theirs, ours)
    torch.testing.assert_close(each(loss, -3 * theirs[:, torch.randperm(6)], ours), values)
    torch.testing.assert_close(each(loss, theirs, theirs), torch.zeros(8))
    cosine = (attention(theirs) * attention(ours)).sum(1)
    torch.testing.assert_close(values, 2 - 2 * cosine, rtol=1e-4, atol=1e-5)
    assert (values.min() >= 0) & (values.max() <= 2)


def _discrepancy(theirs: Tensor, ours: Tensor) -> float:
    """The squared maximum mean discrepancy of one example, channel by channel."""

    def unit(channels: Tensor) -> list[Tensor]:
        return [c.flatten() / c.norm() for c in channels]

    def kernel(first: Sequence[Tensor], second: Sequence[Tensor]) -> float:
        pairs = [float((a * b).sum()) ** 2 for a in first for b in second]
        return sum(pairs) / len(pairs)

    a, b = unit(theirs), unit(ours)
    return kernel(a, a) + kernel(b, b) - 2 * kernel(a, b)


def test_selectivity_is_the_discrepancy_summed_over_pairs_of_channels() -> None:
    theirs, ours = randn(3, 4, 2, 3), randn(3, 5, 2, 3, seed=1)
    expected = [_discrepancy(t, s) for t, s in zip(theirs, ours, strict=True)]
    found = each(Selectivity([pair(theirs, ours)]), theirs, ours)
    torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-4, atol=1e-5)


def test_selectivity_is_a_distance_of_features() -> None:
    """The kernel (x'y)² is the inner product of the matrices xx' and yy': the discrepancy is the
    square distance of their means over channels, so it is never negative.
    """
    theirs, ours = randn(3, 4, 2, 3), randn(3, 5, 2, 3, seed=1)
    means = []
    for maps in (theirs, ours):
        unit = nn.functional.normalize(maps.flatten(2), dim=2)
        means.append(torch.einsum("bci,bcj->bij", unit, unit) / maps.shape[1])
    expected = (means[0] - means[1]).square().sum((1, 2))
    found = each(Selectivity([pair(theirs, ours)]), theirs, ours)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_weights_weigh_pairs() -> None:
    theirs, ours = randn(3, 4, 2, 2), randn(3, 4, 2, 2, seed=1)
    one = pair(theirs, ours)
    single = each(Attention([one]), theirs, ours)
    torch.testing.assert_close(each(Attention([one, one], [2.0, 0.5]), theirs, ours), 2.5 * single)


def networks() -> tuple[Frozen, WideResNet, Tensor, Tensor]:
    """A teacher twice as wide as the student, and some pictures of noise."""
    teacher, student = WideResNet(10, 2, rng=rng(1)), WideResNet(10, 1, rng=rng(2))
    x, y = torch.rand(16, 3, 16, 16, generator=rng()), torch.arange(16) % 10
    return Frozen(teacher), student, x, y


def test_pairs_know_the_shapes_of_any_two_networks_and_leave_them_as_they_were() -> None:
    teacher, student, x, _ = networks()
    student.train()
    before = {name: value.clone() for name, value in student.state_dict().items()}
    names = [*LAYERS, ("classifier", "classifier:input")]
    pairs = pairs_of(teacher.network, student, names, x)
    assert [(p.theirs, p.ours) for p in pairs] == [
        ((16, 16, 16), (16, 16, 16)),
        ((128, 4, 4), (64, 4, 4)),
        ((10,), (64,)),
    ]
    assert student.training
    assert all(before[name].equal(value) for name, value in student.state_dict().items())


def test_all_losses_together_train_a_student_that_runs_once_a_step() -> None:
    teacher, student, x, y = networks()
    pairs = pairs_of(teacher.network, student, LAYERS, x)
    logits = pairs_of(teacher.network, student, [("classifier", "classifier:input")], x)
    information = Information(pairs, rng=rng())
    loss = (
        HardLabels()
        + 0.5 * SoftTargets(4.0)
        + information
        + Hints(pairs, rng=rng())
        + Attention(pairs)
        + Selectivity(pairs)
        + Information(logits, rng=rng(), head=heads.linear)
        + Hints(logits, rng=rng(), head=heads.linear)
    )
    runs = []
    for network in (teacher.network, student):
        network.first.register_forward_hook(lambda *_, network=network: runs.append(network))
    optimizer = torch.optim.SGD([*student.parameters(), *loss.parameters()], lr=0.01)
    data = Resample(x, y, rng=rng())
    history = distill(teacher, student, data, loss, optimizer=optimizer, batch_size=16, steps=30)
    assert history.losses[-5:].mean() < history.losses[:5].mean()
    assert runs.count(teacher.network) == runs.count(student) == 30
    assert not information.variance(0).allclose(torch.ones(()))


def test_an_optimizer_without_the_variances_is_refused() -> None:
    teacher, student, x, y = networks()
    loss = HardLabels() + Information(pairs_of(teacher.network, student, LAYERS, x), rng=rng())
    optimizer = torch.optim.SGD(
        [*student.parameters(), *(p for n, p in loss.named_parameters() if "alphas" not in n)],
        lr=0.01,
    )
    with pytest.raises(ValueError, match=r"misses loss\.terms\.1\.alphas\.0"):
        distill(
            teacher, student, Resample(x, y, rng=rng()), loss,
            optimizer=optimizer, batch_size=4, steps=1,
        )  # fmt: skip


def test_layers_that_are_not_there_are_refused_with_those_that_are() -> None:
    teacher, student, x, _ = networks()
    with pytest.raises(KeyError, match=r"layer 'groups\.7' is not in WideResNet: it has .*first"):
        pairs_of(teacher.network, student, [("groups.0", "groups.7")], x)


def test_sizes_that_no_head_can_match_are_refused() -> None:
    teacher, student, x, _ = networks()
    pairs = pairs_of(teacher.network, student, [("groups.0", "groups.2")], x)
    for make in (Attention, Selectivity):
        with pytest.raises(ValueError, match=r"'groups\.0' of the teacher puts out \(32, 16, 16\)"):
            make(pairs)
    for head in (heads.pointwise, heads.narrow, heads.single):
        with pytest.raises(ValueError, match="maps of equal height and width are needed"):
            Information(pairs, rng=rng(), head=head)
    with pytest.raises(ValueError, match="vectors are needed on both sides of a linear head"):
        Hints(pairs, rng=rng(), head=heads.linear)
    with pytest.raises(ValueError, match="square maps of 4, 8, 16"):
        Hints(pairs, rng=rng(), head=heads.transposed)


@pytest.mark.parametrize("weights", [[1.0], [1.0, -0.5], [math.nan, 1.0]])
def test_weights_are_as_many_as_pairs_and_never_negative(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="one for each of one or more pairs is needed"):
        Attention([Pair("a", "b", (1, 2, 2), (1, 2, 2))] * 2, weights)


def test_teacher_and_student_on_different_devices_are_named() -> None:
    teacher, student, x, y = networks()
    loss = Information(pairs_of(teacher.network, student, LAYERS, x), rng=rng())
    loss.to("meta")
    optimizer = torch.optim.SGD([*student.parameters(), *loss.parameters()], lr=0.01)
    with pytest.raises(ValueError, match="the loss is float32 on meta: one type and one device"):
        distill(
            teacher, student, Resample(x, y, rng=rng()), loss,
            optimizer=optimizer, batch_size=4, steps=1,
        )  # fmt: skip


def test_transposed_heads_grow_a_vector_to_any_power_of_two() -> None:
    for side in (4, 8, 16, 32):
        head = heads.transposed((5,), (3, side, side), rng())
        assert head(torch.zeros(2, 5)).shape == (2, 3, side, side)
        kinds = [type(layer) for layer in head]
        assert kinds == [nn.Unflatten] + [nn.ConvTranspose2d] * (side.bit_length() - 2)


def test_pointwise_heads_have_three_convolutions_twice_as_wide_in_between() -> None:
    head = heads.pointwise((5, 4, 4), (3, 4, 4), rng())
    widths = [layer.out_channels for layer in head if isinstance(layer, nn.Conv2d)]
    assert widths == [6, 6, 3]
    narrow = heads.narrow((5, 4, 4), (8, 4, 4), rng())
    assert [layer.out_channels for layer in narrow if isinstance(layer, nn.Conv2d)] == [4, 8]
