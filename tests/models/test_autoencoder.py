from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from distillery import distill
from distillery.generators import Resample
from distillery.losses.reconstruction import PixelCrossEntropy
from distillery.models.autoencoder import CategoricalAutoencoder, ContinuousAutoencoder
from distillery.models.once import look
from distillery.teachers import Inputs


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def pictures(n: int, channels: int = 1, size: int = 28) -> Tensor:
    return torch.rand(n, channels, size, size, generator=rng(1))


# c, l, channels, size, parameters: three convolutions down and three up, biases everywhere, no
# dense layer
@pytest.mark.parametrize(
    ("variables", "values", "channels", "size", "parameters"),
    [
        (168, 2, 1, 28, 710_221),
        (62, 2, 1, 28, 97_806),
        (38, 2, 1, 28, 37_146),
        (76, 2, 3, 32, 150_293),
    ],
)
def test_the_published_networks_have_as_many_parameters(
    variables: int, values: int, channels: int, size: int, parameters: int
) -> None:
    network = CategoricalAutoencoder(variables, values, rng=rng(), channels=channels, size=size)
    F = variables * values // 4
    assert network.filters == F
    assert (
        count(network)
        == parameters
        == 25 * channels * F + F + 4 * (25 * F * F + F) + 25 * F * channels + channels
    )


@pytest.mark.parametrize(("variables", "times"), [(168, 10.07), (62, 50.34), (38, 101.5)])
def test_fifty_thousand_pictures_and_the_network_are_as_many_times_smaller_as_published(
    variables: int, times: float
) -> None:
    bits = 50_000 * variables + 32 * count(CategoricalAutoencoder(variables, 2, rng=rng()))
    assert 50_000 * 784 * 8 / bits == pytest.approx(times, rel=5e-4)


def test_the_colour_network_leaves_room_for_the_published_number_of_codes() -> None:
    budget = 200 * 32 * 32 * 3 * 8
    left = budget - 32 * count(CategoricalAutoencoder(76, 2, rng=rng(), channels=3, size=32))
    assert (left, left // 76) == (105_824, 1392)


@pytest.mark.parametrize("size", [28, 32])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("variables", "values", "dtype"),
    [(6, 2, torch.uint8), (4, 5, torch.uint8), (2, 258, torch.int16), (3, 4, torch.uint8)],
)
def test_any_code_any_channels_and_both_sizes_go_there_and_back(
    variables: int, values: int, dtype: torch.dtype, channels: int, size: int
) -> None:
    network, x = (
        CategoricalAutoencoder(variables, values, rng=rng(), channels=channels, size=size),
        pictures(3, channels, size),
    )
    codes = network.encode(x)
    assert (codes.shape, codes.dtype) == ((3, variables), dtype)
    assert network.decode(codes).shape == x.shape
    assert network(x).shape == x.shape
    assert network.encode(x[:0]).shape == (0, variables)
    assert network.reconstruct(x[:0]).shape == (0, channels, size, size)


def test_in_evaluation_a_picture_goes_through_its_likeliest_code() -> None:
    network, x = CategoricalAutoencoder(10, 6, rng=rng()).eval(), pictures(4)
    codes = network.encode(x)
    assert codes.long().equal(network.code_logits(x).argmax(-1))
    torch.testing.assert_close(network(x), network.decode(codes))
    torch.testing.assert_close(network.reconstruct(x), network.decode(codes))
    assert network(x).equal(network(x))


def test_codes_are_drawn_as_often_as_the_softmax_says_in_training_and_in_encode() -> None:
    network, x = CategoricalAutoencoder(4, 3, rng=rng()), pictures(1)
    with torch.no_grad():
        logits = 3 * network.code_logits(x)
        probs = logits.softmax(-1)[0]
        many, stream = logits.expand(8000, 4, 3), rng(2)
        for chosen in (network._straight_through(many).argmax(-1), network._choose(many, stream)):
            counts = torch.stack([torch.bincount(chosen[:, i], minlength=3) for i in range(4)])
            assert ((counts - 8000 * probs).square() / (8000 * probs)).sum() < 8 + 5 * math.sqrt(
                2 * 8
            )


def test_training_sends_a_code_forwards_and_the_softmax_gradient_backwards() -> None:
    network, weights = (
        CategoricalAutoencoder(4, 3, rng=rng(), temperature=0.7),
        torch.randn(2, 4, 3, generator=rng(5)),
    )
    logits = torch.randn(2, 4, 3, generator=rng(4), requires_grad=True)
    twin = copy.deepcopy(network)
    chosen = network._straight_through(logits)
    assert chosen.detach().round(decimals=5).equal(torch.eye(3)[chosen.argmax(-1)])
    noise = -torch.empty(2, 4, 3).exponential_(generator=twin.rng).log()
    soft = ((logits + noise) / 0.7).softmax(-1)
    assert soft.argmax(-1).equal(chosen.argmax(-1))
    mine, theirs = (torch.autograd.grad((y * weights).sum(), logits)[0] for y in (chosen, soft))
    torch.testing.assert_close(mine, theirs)


def test_a_training_pass_is_the_decoding_of_a_code_drawn() -> None:
    network, x = CategoricalAutoencoder(6, 4, rng=rng()), pictures(3)
    stream = copy.deepcopy(network.rng)
    torch.testing.assert_close(network(x).detach(), network.reconstruct(x, rng=stream))
    assert not network(x).equal(network(x))


def test_without_noise_a_training_pass_goes_through_the_likeliest_code_and_the_softmax_learns() -> (
    None
):
    network, x = CategoricalAutoencoder(6, 4, rng=rng()).train(), pictures(3)
    network.noisy = False
    torch.testing.assert_close(network(x).detach(), network.reconstruct(x))
    (network(x) * x).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.encoder.parameters())


def test_the_layer_code_puts_out_what_was_taken() -> None:
    network, x = CategoricalAutoencoder(6, 4, rng=rng()).eval(), pictures(3)
    assert look(network, x, ["code"])[1]["code"].argmax(-1).equal(network.encode(x).long())


def test_a_width_of_its_own_leaves_the_code_as_it_is() -> None:
    network, x = CategoricalAutoencoder(6, 4, rng=rng(), width=9), pictures(3)
    assert (network.filters, network.encode(x).shape, network(x).shape) == (6, (3, 6), x.shape)
    assert count(network) == (25 * 9 + 9) + (25 * 81 + 9) + (25 * 54 + 6) + (25 * 54 + 9) + (
        25 * 81 + 9
    ) + (25 * 9 + 1)
    as_published, told = (
        CategoricalAutoencoder(6, 4, rng=rng(), width=width) for width in (None, 6)
    )
    assert all(
        told.state_dict()[name].equal(value) for name, value in as_published.state_dict().items()
    )


def test_gradients_reach_every_parameter() -> None:
    for network in (
        CategoricalAutoencoder(4, 3, rng=rng()),
        ContinuousAutoencoder(2, rng=rng(), filters=8),
    ):
        (network(pictures(3)) * pictures(3)).sum().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_what_comes_out_are_data_without_gradients() -> None:
    network, x = CategoricalAutoencoder(4, 2, rng=rng()), pictures(2)
    assert not network.decode(network.encode(x)).requires_grad
    assert not network.reconstruct(x, rng=rng()).requires_grad
    assert network(x).requires_grad


def test_many_pictures_are_taken_in_parts_and_come_out_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, rival, x = (
        CategoricalAutoencoder(4, 4, rng=rng()),
        ContinuousAutoencoder(1, rng=rng(), filters=4),
        pictures(5),
    )
    whole = [network.encode(x), network.reconstruct(x), rival.encode(x), rival.reconstruct(x)]
    monkeypatch.setattr("distillery.models.autoencoder._AT_ONCE", 2)
    for part, all_at_once in zip(
        [network.encode(x), network.reconstruct(x), rival.encode(x), rival.reconstruct(x)],
        whole,
        strict=True,
    ):
        torch.testing.assert_close(part, all_at_once)


def test_bytes_and_floats_are_the_same_picture() -> None:
    network, x = CategoricalAutoencoder(6, 2, rng=rng()).eval(), (pictures(2) * 255).byte()
    assert network(x).equal(network(x.float() / 255))


def test_the_memory_format_changes_no_answer() -> None:
    network, x = (
        CategoricalAutoencoder(6, 6, rng=rng(), channels=3, size=32).eval(),
        pictures(2, 3, 32),
    )
    last = copy.deepcopy(network).to(memory_format=torch.channels_last)
    torch.testing.assert_close(last(x), network(x))
    torch.testing.assert_close(last.code_logits(x), network.code_logits(x))


def test_half_precision_products_give_pixels_and_noise_in_single() -> None:
    network, x = CategoricalAutoencoder(8, 4, rng=rng()), pictures(4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, answer = network.code_logits(x), network(x)
    assert logits.dtype == answer.dtype == torch.float32
    torch.testing.assert_close(logits, network.code_logits(x), rtol=0.05, atol=0.05)
    answer.sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in network.parameters())


def test_a_value_of_a_variable_is_a_filter_beside_its_neighbours_at_one_place() -> None:
    network = CategoricalAutoencoder(8, 2, rng=rng())
    seen: list[Tensor] = []
    network.decoder[0].register_forward_pre_hook(lambda _module, given: seen.append(given[0]))
    codes = torch.zeros(1, 8, dtype=torch.uint8)
    codes[0, 3] = 1  # of 4 filters at 4 places, the second variable of the second place
    network.decode(codes)
    assert seen[0][0, :, 0, 1].tolist() == [1, 0, 0, 1]
    assert seen[0][0, :, 1, 1].tolist() == [1, 0, 1, 0]


def test_a_killed_run_goes_on_with_the_same_codes(tmp_path: Path) -> None:
    def run(steps: list[int], path: Path) -> Tensor:
        for upto in steps:
            student, data = (
                CategoricalAutoencoder(4, 2, rng=rng()),
                Resample(pictures(20), rng=rng(3)),
            )
            optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
            history = distill(
                Inputs(),
                student,
                data,
                PixelCrossEntropy(),
                optimizer=optimizer,
                batch_size=4,
                steps=upto,
                checkpoint=path,
                every=2,
            )
        return history.losses

    assert run([3, 6], tmp_path / "killed").equal(run([6], tmp_path / "whole"))


def test_a_code_of_enough_bits_learns_to_tell_pictures_apart() -> None:
    x = (
        (torch.rand(4, 1, 7, 7, generator=rng(7)) > 0.5)
        .float()
        .repeat_interleave(4, 2)
        .repeat_interleave(4, 3)
    )
    student, data = CategoricalAutoencoder(8, 2, rng=rng()), Resample(x, rng=rng(1))
    optimizer = torch.optim.Adam(student.parameters(), lr=0.01)
    distill(
        Inputs(), student, data, PixelCrossEntropy(), optimizer=optimizer, batch_size=8, steps=60
    )
    assert len(student.encode(x).unique(dim=0)) == 4
    nearest = (student(x)[:, None] - x[None]).abs().flatten(2).mean(-1).argmin(1)
    assert nearest.tolist() == [0, 1, 2, 3]


def test_the_continuous_rival_has_the_filters_of_the_code_of_as_many_bits() -> None:
    rival, F = ContinuousAutoencoder(2, rng=rng()), CategoricalAutoencoder(64, 2, rng=rng()).filters
    assert F == 32
    assert count(rival) == 25 * F + F + 4 * (25 * F * F + F) + 25 * F + 1 + (4 * F * 2 + 2) + (
        2 * 4 * F + 4 * F
    )


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 32), (1, 32), (3, 28)])
def test_the_continuous_rival_answers_through_its_latents(channels: int, size: int) -> None:
    rival, x = (
        ContinuousAutoencoder(3, rng=rng(), channels=channels, size=size, filters=8),
        pictures(4, channels, size),
    )
    codes = rival.encode(x)
    assert (codes.shape, codes.dtype) == ((4, 3), torch.float32)
    torch.testing.assert_close(rival.decode(codes), rival(x).detach())
    assert rival(x).shape == x.shape


def test_dense_layers_lead_to_the_latents_and_the_same_in_reverse_back() -> None:
    rival, x = (
        ContinuousAutoencoder(3, rng=rng(), channels=3, size=32, dense=(8, 5)),
        pictures(4, 3, 32),
    )
    D = 3 * 32 * 32
    assert count(rival) == (D * 8 + 8) + (8 * 5 + 5) + (5 * 3 + 3) + (3 * 5 + 5) + (5 * 8 + 8) + (
        8 * D + D
    )
    assert (rival.encode(x).shape, rival(x).shape) == ((4, 3), x.shape)
    torch.testing.assert_close(rival.decode(rival.encode(x)), rival(x).detach())


@pytest.mark.parametrize("filters", [1, 5])
def test_without_linear_layers_the_places_are_the_latents(filters: int) -> None:
    latents = 4 * filters
    student = ContinuousAutoencoder(latents, rng=rng(), filters=filters, linear=False)
    x = torch.rand(3, 1, 28, 28, generator=rng(1))
    assert student.encode(x).shape == (3, latents)
    assert student.reconstruct(x).shape == x.shape
    assert not any(isinstance(layer, torch.nn.Linear) for layer in student.modules())
    again = ContinuousAutoencoder(**student.arguments(), rng=rng(2))
    again.load_state_dict(student.state_dict())
    assert torch.equal(again.reconstruct(x), student.reconstruct(x))


@pytest.mark.parametrize("wrong", [{"latents": 3, "filters": 1}, {"latents": 4}])
def test_places_that_are_not_the_latents_are_refused(wrong: dict[str, int]) -> None:
    latents = wrong.pop("latents")
    with pytest.raises(ValueError, match="four latents a filter"):
        ContinuousAutoencoder(latents, rng=rng(), linear=False, **wrong)  # type: ignore[arg-type]


def test_filters_and_dense_layers_together_are_refused() -> None:
    with pytest.raises(
        ValueError,
        match=(
            r"filters is 8 and dense is \(8, 5\): convolutions or dense layers are needed, not both"
        ),
    ):
        ContinuousAutoencoder(3, rng=rng(), filters=8, dense=(8, 5))


@pytest.mark.parametrize("size", [27, 29, 30, 64])
def test_a_size_that_is_not_supported_is_refused_with_those_that_are(size: int) -> None:
    for make in (
        lambda: CategoricalAutoencoder(4, 2, rng=rng(), size=size),
        lambda: ContinuousAutoencoder(1, rng=rng(), size=size),
    ):
        with pytest.raises(
            ValueError, match=f"size is {size}: pictures of 28x28 or 32x32 pixels are supported"
        ):
            make()


def test_channels_that_are_not_supported_are_refused_with_those_that_are() -> None:
    for make in (
        lambda: CategoricalAutoencoder(4, 2, rng=rng(), channels=4),
        lambda: ContinuousAutoencoder(1, rng=rng(), channels=4),
    ):
        with pytest.raises(
            ValueError, match=r"channels is 4: 1 \(grey\) or 3 \(colour\) is supported"
        ):
            make()


@pytest.mark.parametrize(
    ("variables", "values", "message"),
    [
        (4, 1, "values is 1: a whole number from 2"),
        (4, 2**15 + 1, "values is 32769: a whole number from 2 to 32768"),
        (0, 2, "variables is 0"),
        (37, 2, r"37 \* 2 = 74: a multiple of 4 .* with 2 values, 36 or 38 variables do"),
        (5, 3, r"5 \* 3 = 15: .* with 3 values, 4 or 8 variables do"),
        (1, 6, r"1 \* 6 = 6: .* with 6 values, 2 variables do"),
    ],
)
def test_a_code_that_cannot_be_is_refused_with_the_nearest_that_can(
    variables: int, values: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        CategoricalAutoencoder(variables, values, rng=rng())


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_a_temperature_that_is_not_positive_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature is"):
        CategoricalAutoencoder(4, 2, rng=rng(), temperature=temperature)


def test_pictures_that_are_none_of_its_are_refused() -> None:
    for network in (
        CategoricalAutoencoder(4, 2, rng=rng(), channels=3, size=32),
        ContinuousAutoencoder(1, rng=rng(), channels=3, size=32),
    ):
        for call in (network, network.encode, network.reconstruct):
            with pytest.raises(
                ValueError,
                match=(
                    r"x has shape \(2, 1, 28, 28\): this autoencoder takes a tensor \(B, 3, 32,"
                    r" 32\)"
                ),
            ):
                call(pictures(2))
            with pytest.raises(ValueError, match="x holds pixels from 0 to 2"):
                call(torch.linspace(0, 2, 3 * 32 * 32).reshape(1, 3, 32, 32))


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (torch.zeros(2, 5).long(), r"codes have shape \(2, 5\): a tensor \(B, 4\)"),
        (torch.zeros(2, 4), r"codes have dtype torch.float32: whole numbers"),
        (torch.tensor([[0, 1, 2, 3]]), "codes hold 0 to 3: every one must be in 0 to 2"),
        (torch.tensor([[0, -1, 2, 2]]), "codes hold -1 to 2: every one must be in 0 to 2"),
        ([[0, 1, 2, 0]], "codes are a list"),
    ],
)
def test_codes_that_are_none_of_its_are_refused(codes: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CategoricalAutoencoder(4, 3, rng=rng()).decode(codes)
    with pytest.raises(
        ValueError,
        match=r"codes have shape \(2, 3\) and dtype torch.int64: floats \(B, 3\) are needed",
    ):
        ContinuousAutoencoder(3, rng=rng(), filters=4).decode(torch.zeros(2, 3).long())
