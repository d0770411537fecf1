from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from distillery import distill
from distillery.generators import Resample
from distillery.losses.densities import KL
from distillery.models.once import quietly
from distillery.models.orderless import OrderlessNADE
from distillery.models.rbm import RBM
from distillery.teachers import Labels

ORDERS = torch.tensor(list(itertools.permutations(range(3))))


def every_state(n: int) -> Tensor:
    return (torch.arange(2**n)[:, None] >> torch.arange(n - 1, -1, -1)) & 1


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def made(visible: int, hidden: list[int], **kwargs: object) -> OrderlessNADE:
    stream = rng()
    model = OrderlessNADE(visible, hidden, rng=stream, **kwargs).double().eval()  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=stream, dtype=torch.float64))
    return model


def chi_square(samples: Tensor, probs: Tensor) -> float:
    places = 2 ** torch.arange(samples.shape[1] - 1, -1, -1)
    counts = torch.bincount((samples.long() * places).sum(1), minlength=len(probs))
    expected = len(samples) * probs
    return float(((counts - expected).square() / expected).sum())


@pytest.mark.parametrize("hidden", [[5], [9, 4], [3, 8, 4]])
@pytest.mark.parametrize(
    "order", [None, [3, 0, 6, 5, 1, 2, 4], [[3, 0, 6, 5, 1, 2, 4], [0, 2, 1, 4, 6, 5, 3]]]
)
def test_the_probabilities_of_all_states_sum_to_one_in_any_order(
    hidden: list[int], order: list[int] | None
) -> None:
    log_probs = made(7, hidden).log_prob(
        every_state(7), None if order is None else torch.tensor(order)
    )
    assert log_probs.logsumexp(0).item() == pytest.approx(0, abs=1e-12)


def test_log_prob_is_the_chain_rule_with_one_pass_of_the_network_a_pixel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, x, order = made(5, [6, 4]), every_state(5), torch.tensor([4, 1, 0, 3, 2])
    expected = torch.zeros(32, dtype=torch.float64)
    for k, pixel in enumerate(order):
        observed = torch.zeros(32, 5, dtype=torch.bool)
        observed[:, order[:k]] = True
        prob = model.logits(x, observed)[:, pixel].sigmoid()
        expected += torch.where(x[:, pixel] == 1, prob, 1 - prob).log()
    for numbers in (2**21, 60, 1):  # all at once, in parts of examples and pixels, one by one
        monkeypatch.setattr("distillery.models.orderless._NUMBERS", numbers)
        torch.testing.assert_close(model.log_prob(x, order), expected)


def test_what_is_not_observed_is_not_looked_at() -> None:
    model, observed = made(4, [8]), torch.tensor([[True, False, True, False]])
    logits = [model.logits(torch.tensor([[1, a, 0, b]]), observed) for a in (0, 1) for b in (0, 1)]
    assert all(z.equal(logits[0]) for z in logits)
    assert not model.logits(torch.tensor([[0, 0, 0, 0]]), observed).equal(logits[0])


def test_seeing_a_dark_pixel_is_not_the_same_as_not_seeing_it() -> None:
    model, x = made(3, [8]), torch.zeros(1, 3)
    assert not model.logits(x, torch.tensor([[True, False, False]])).equal(
        model.logits(x, torch.zeros(1, 3, dtype=torch.bool))
    )


def test_the_training_estimate_has_the_mean_over_all_orders_of_the_exact_log_probability() -> None:
    model, x = made(3, [6, 5]), every_state(3)
    exact = torch.stack([model.log_prob(x, order) for order in ORDERS]).mean(0).detach()
    model.train()
    with torch.no_grad():
        estimates = torch.stack([model(x) for _ in range(3000)])
    for values, truth in ((estimates, exact), (estimates.mean(1), exact.mean())):
        error = values.std(0) / math.sqrt(len(values))
        assert ((values.mean(0) - truth).abs() < 5 * error).all()
    assert estimates.std(0).min() > 0.05  # or else there was nothing to average


def test_a_batch_spreads_its_sizes_evenly_and_an_example_sees_every_subset() -> None:
    model = made(4, [3])
    sizes = torch.stack([model._random_subsets(8).sum(1).sort().values for _ in range(20)])
    assert sizes.equal(torch.tensor([0, 0, 1, 1, 2, 2, 3, 3]).expand(20, 8))
    subsets = torch.cat([model._random_subsets(3) for _ in range(4000)])
    probs = torch.tensor(
        [1 / 4 / math.comb(4, k) if k < 4 else 0.0 for k in every_state(4).sum(1).tolist()]
    )
    counts = torch.bincount((subsets * torch.tensor([8, 4, 2, 1])).sum(1), minlength=16)
    assert counts[15] == 0
    assert (
        (counts - 12_000 * probs).square()[:15] / (12_000 * probs[:15])
    ).sum() < 14 + 5 * math.sqrt(28)


@pytest.mark.parametrize(
    "order", [None, torch.tensor([2, 0, 3, 1]), torch.tensor([[2, 0, 3, 1], [1, 3, 0, 2]])]
)
def test_samples_occur_as_often_as_their_probability_says(
    order: Tensor | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distillery.models.orderless._NUMBERS", 2**19)
    model = made(4, [9, 5], order=torch.tensor([3, 1, 0, 2]))
    samples = model.sample(40_000, rng=rng(1), order=order)
    assert samples.dtype == torch.uint8
    assert chi_square(
        samples, model.log_prob(every_state(4), order).exp().detach()
    ) < 15 + 5 * math.sqrt(30)


def test_several_orders_are_the_mixture_of_each() -> None:
    model, x = made(3, [7]), every_state(3)
    probs = torch.stack([model.log_prob(x, order).exp() for order in ORDERS])
    torch.testing.assert_close(model.log_prob(x, ORDERS).exp(), probs.mean(0))
    assert probs.std(0).max() > 0.01  # the orders disagree


@pytest.mark.parametrize("pattern", [[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 1]])
def test_pixels_are_filled_in_with_their_conditional_probability(pattern: list[int]) -> None:
    model, seen = made(4, [9]), torch.tensor(pattern, dtype=torch.bool)
    observed_first = torch.cat([seen.nonzero()[:, 0], (~seen).nonzero()[:, 0]])
    x = torch.tensor([1, 0, 1, 1]) * seen
    states = every_state(4)
    joint = torch.where(
        (states[:, seen] == x[seen]).all(1),
        model.log_prob(states, observed_first).exp().detach(),
        0.0,
    )
    possible = joint > 0
    filled = model.fill_in(x.expand(20_000, 4), seen, rng=rng(2))
    counts = torch.bincount((filled.long() * torch.tensor([8, 4, 2, 1])).sum(1), minlength=16)
    assert counts[~possible].sum() == 0
    expected = 20_000 * (joint / joint.sum())[possible]
    freedom = int(possible.sum()) - 1
    assert ((counts[possible] - expected).square() / expected).sum() < freedom + 5 * math.sqrt(
        2 * freedom
    )


def test_every_example_may_have_a_pattern_of_its_own() -> None:
    model, stream = made(6, [8]), rng(3)
    x = torch.randint(2, (4000, 6), generator=stream, dtype=torch.uint8)
    observed = torch.rand(4000, 6, generator=stream) < torch.rand(4000, 1, generator=stream)
    observed[0], observed[1] = True, False
    filled = model.fill_in(
        x, observed, rng=stream, order=torch.stack([torch.arange(6), torch.arange(5, -1, -1)])
    )
    assert filled[observed].equal(x[observed])
    assert filled[0].equal(x[0])
    drawn = ~observed
    assert 0.1 < (filled[drawn] != x[drawn]).double().mean() < 0.9
    # one pixel missing: its only conditional, whatever the order
    only = drawn.sum(1) == 1
    probs = model.logits(x, observed).sigmoid().detach()[only][drawn[only]]
    on = filled[only][drawn[only]].double()
    assert abs((on - probs).sum()) < 5 * (probs * (1 - probs)).sum().sqrt()


def test_kl_trains_it_in_every_order_at_once() -> None:
    x = torch.tensor([[0, 0, 0], [1, 1, 0], [0, 1, 0], [1, 1, 1]], dtype=torch.uint8)
    student = OrderlessNADE(3, [32, 32], rng=rng())
    data = Resample(x.float(), rng=rng(1))
    optimizer = torch.optim.Adam(student.parameters(), lr=0.02)
    distill(_Silent(), student, data, KL(), optimizer=optimizer, batch_size=40, steps=200)
    for order in ORDERS:
        assert -student.log_prob(x, order).mean() < math.log(4) + 0.05


def test_a_killed_run_goes_on_with_the_same_subsets(tmp_path: Path) -> None:
    def run(steps: list[int], path: Path) -> Tensor:
        for count in steps:
            student = OrderlessNADE(4, [5], rng=rng())
            data = Resample(every_state(4).float(), rng=rng(1))
            optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
            history = distill(
                _Silent(),
                student,
                data,
                KL(),
                optimizer=optimizer,
                batch_size=3,
                steps=count,
                checkpoint=path,
                every=2,
            )
        return history.losses

    assert run([4, 9], tmp_path / "killed").equal(run([9], tmp_path / "whole"))


def test_probes_do_not_move_its_stream() -> None:
    model, x = made(4, [5]).train(), every_state(4)
    before = model.get_extra_state()
    with quietly(model):
        model.train()(x)
    assert model.get_extra_state().equal(before)
    model(x)
    assert not model.get_extra_state().equal(before)


def test_products_in_half_precision_leave_sums_in_single() -> None:
    model = OrderlessNADE(50, [20], rng=rng())
    x = torch.randint(2, (6, 50), generator=rng()).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = model.logits(x, x.bool())
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, model.logits(x, x.bool()), rtol=0.05, atol=0.1)


def test_what_makes_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="hidden is empty"):
        OrderlessNADE(3, [], rng=rng())
    with pytest.raises(ValueError, match="hidden is 0"):
        OrderlessNADE(3, [4, 0], rng=rng())
    with pytest.raises(ValueError, match="visible is -1"):
        OrderlessNADE(-1, [4], rng=rng())
    with pytest.raises(ValueError, match="no permutation"):
        OrderlessNADE(3, [4], rng=rng(), order=torch.tensor([0, 0, 1]))


def test_what_is_no_input_is_refused() -> None:
    model, x = made(3, [4]), torch.zeros(2, 3)
    seen = torch.zeros(2, 3, dtype=torch.bool)
    for call in (
        model,
        model.log_prob,
        lambda x: model.fill_in(x, seen, rng=rng()),
        made(3, [4]).train(),
    ):
        with pytest.raises(ValueError, match=r"holds 0.5"):
            call(torch.full((2, 3), 0.5))
        with pytest.raises(ValueError, match="flatten images first"):
            call(torch.zeros(2, 1, 3))
    with pytest.raises(ValueError, match="no permutation"):
        model.log_prob(x, torch.tensor([[0, 1, 2], [0, 1, 1]]))
    with pytest.raises(ValueError, match=r"order has shape \(0, 3\)"):
        model.sample(3, rng=rng(), order=torch.zeros(0, 3))
    for observed in (seen.float(), seen[:1], seen[:, :2]):
        with pytest.raises(
            ValueError,
            match=r"observed has shape .* and dtype .*: bool of shape \(2, 3\) is needed",
        ):
            model.fill_in(x, observed, rng=rng())
    with pytest.raises(ValueError, match="n is 0"):
        model.sample(0, rng=rng())


class _Silent(Labels):
    """No one is asked: the data are the teacher's samples."""

    def forward(self, batch: object) -> Tensor:
        raise AssertionError("KL does not ask the teacher")


@pytest.mark.parametrize("hidden", [[4], [6], [4, 4], [7, 5]])
def test_a_student_from_a_machine_answers_by_one_mean_field_step_whatever_is_seen(
    hidden: list[int],
) -> None:
    machine = RBM(5, 4, rng=rng(1), scale=1.0).double()
    means = torch.tensor([0.1, 0.5, 0.9, 0.3, 0.0], dtype=torch.float64)
    student = OrderlessNADE.from_rbm(machine, hidden, rng=rng(), means=means).double()
    x = every_state(5).double()
    observed = torch.rand(x.shape, generator=rng(2)) < 0.5
    believed = torch.where(observed, x, means)
    h = (believed @ machine.W + machine.b).sigmoid()
    expected = (h @ machine.W.t() + machine.a).detach()
    found = student.logits(x, observed).detach()
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_a_student_from_a_machine_is_made_again_from_its_arguments() -> None:
    machine = RBM(5, 4, rng=rng(1))
    student = OrderlessNADE.from_rbm(machine, [4, 4], rng=rng())
    again = OrderlessNADE.from_arguments(**student.arguments())
    again.load_state_dict(student.state_dict())
    x = every_state(5)
    assert again.eval()(x).equal(student.eval()(x))


def test_layers_narrower_than_the_machine_and_means_of_another_size_are_refused() -> None:
    machine = RBM(5, 4, rng=rng(1))
    with pytest.raises(ValueError, match=r"hidden is \[4, 3\]: every layer needs at least"):
        OrderlessNADE.from_rbm(machine, [4, 3], rng=rng())
    with pytest.raises(ValueError, match=r"means has shape \(4,\): \(5,\) is needed"):
        OrderlessNADE.from_rbm(machine, [4], rng=rng(), means=torch.zeros(4))
    with pytest.raises(ValueError, match="activation"):
        OrderlessNADE(5, [4], rng=rng(), activation="tanh")
