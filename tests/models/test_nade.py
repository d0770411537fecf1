from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from distillery.models.nade import NADE, columns, logits_in_torch
from distillery.models.rbm import RBM


def every_state(n: int) -> Tensor:
    return torch.tensor(list(itertools.product([0, 1], repeat=n)))


def made(visible: int, hidden: int, seed: int = 0, **kwargs: object) -> NADE:
    rng = torch.Generator().manual_seed(seed)
    nade = NADE(visible, hidden, rng=rng, **kwargs)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in nade.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng))
    return nade


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(1)


@pytest.mark.parametrize("kernel", [True, False])
@pytest.mark.parametrize("order", [None, torch.tensor([3, 0, 7, 5, 1, 2, 6, 4])])
def test_the_probabilities_of_all_states_sum_to_one(kernel: bool, order: Tensor | None) -> None:
    log_probs = made(8, 5, kernel=kernel, order=order).log_prob(every_state(8))
    assert log_probs.double().logsumexp(0).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("kernel", [True, False])
def test_samples_occur_as_often_as_their_probability_says(
    kernel: bool, rng: torch.Generator
) -> None:
    nade = made(5, 4, kernel=kernel, order=torch.tensor([2, 0, 4, 1, 3]))
    samples = nade.sample(40_000, rng=rng)
    counts = torch.bincount((samples.long() * 2 ** torch.arange(4, -1, -1)).sum(1), minlength=32)
    expected = 40_000 * nade.log_prob(every_state(5)).exp()
    chi_square = ((counts - expected).square() / expected).sum().item()
    assert chi_square < 31 + 5 * math.sqrt(2 * 31)


def test_samples_of_the_kernel_and_of_torch_are_the_same_draws() -> None:
    fast, plain = made(40, 30), made(40, 30, kernel=False)
    first, second = (
        nade.sample(1003, rng=torch.Generator().manual_seed(3)) for nade in (fast, plain)
    )
    assert (first != second).any(
        1
    ).float().mean() < 0.002  # rounding may turn a comparison once in a while


@pytest.mark.parametrize("order", [None, torch.tensor([4, 2, 0, 3, 1])])
def test_log_prob_is_what_the_equations_say_pixel_by_pixel(order: Tensor | None) -> None:
    nade = made(5, 3, order=order).double()
    x = every_state(5)[[0, 11, 21, 31]]
    expected = []
    for example in x[:, nade.order]:
        a, total = nade.c, 0.0
        for i in range(5):
            prob = (nade.U[i] @ a.sigmoid() + nade.b[i]).sigmoid()
            total = total + (prob if example[i] else 1 - prob).log()
            a = a + nade.W[i] * example[i]
        expected.append(total)
    torch.testing.assert_close(nade.log_prob(x), torch.stack(expected))


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (6, 3, 1), (9, 130, 3), (30, 64, 4), (25, 200, 37), (12, 257, 70)]
)
def test_kernel_and_torch_agree_on_values_and_gradients(
    shape: tuple[int, int, int], rng: torch.Generator
) -> None:
    visible, hidden, examples = shape
    order = torch.randperm(visible, generator=rng)
    x = torch.randint(2, (examples, visible), generator=rng, dtype=torch.uint8)
    answers = []
    for nade in (
        made(visible, hidden, order=order),
        made(visible, hidden, order=order, kernel=False).double(),
    ):
        log_prob = nade.log_prob(x)
        (log_prob * torch.linspace(-1, 2, examples, dtype=log_prob.dtype)).sum().backward()
        answers.append(
            [
                log_prob.detach().double(),
                *(p.grad.double() for p in nade.parameters() if p.grad is not None),
            ]
        )
    assert len(answers[0]) == 5
    for fast, exact in zip(*answers, strict=True):
        assert (fast - exact).abs().max() <= 2e-6 * math.sqrt(visible) * (1 + exact.abs().max())


def test_threads_change_no_value(rng: torch.Generator) -> None:
    x = torch.randint(2, (21, 12), generator=rng)
    nade = made(12, 300)
    threads, answers = torch.get_num_threads(), []
    for count in (1, 3):
        torch.set_num_threads(count)
        nade.zero_grad()
        log_prob = nade.log_prob(x)
        log_prob.sum().backward()
        answers.append(
            [log_prob.detach(), *(p.grad.clone() for p in nade.parameters() if p.grad is not None)]
        )
    torch.set_num_threads(threads)
    for one, many in zip(*answers, strict=True):
        torch.testing.assert_close(one, many, rtol=1e-5, atol=1e-5)


def test_gradients_in_torch_pass_the_finite_difference_check(rng: torch.Generator) -> None:
    inputs = [
        torch.randn(shape, generator=rng, dtype=torch.float64, requires_grad=True)
        for shape in ((3, 4), (4, 2), (4, 2), (4,), (2,))
    ]

    def logits(x: Tensor, *weights: Tensor) -> Tensor:
        return logits_in_torch(x, weights)

    assert torch.autograd.gradcheck(logits, inputs)
    assert torch.autograd.gradgradcheck(logits, inputs)


def test_derivatives_with_respect_to_the_input_are_those_of_the_appendix(
    rng: torch.Generator,
) -> None:
    nade = made(6, 4)
    x = torch.randint(2, (3, 6), generator=rng).float().requires_grad_()
    (dx,) = torch.autograd.grad(nade.log_prob(x).sum(), x)
    z = logits_in_torch(x, (nade.W, nade.U, nade.b, nade.c))
    torch.testing.assert_close(
        dx[:, -1], z[:, -1]
    )  # equation C.14: nothing comes after the last pixel


def test_conditionals_stand_at_their_own_pixels(rng: torch.Generator) -> None:
    nade = made(6, 4, order=torch.randperm(6, generator=rng))
    x = torch.randint(2, (9, 6), generator=rng)
    probs = nade.conditionals(x)
    product = torch.where(x == 1, probs, 1 - probs).log().sum(1)
    torch.testing.assert_close(product, nade.log_prob(x))
    first = int(nade.order[0])
    assert probs[:, first].std() < 1e-6  # nothing comes before the first pixel


def test_features_stand_at_their_own_pixels() -> None:
    nade = made(4, 3, order=torch.tensor([2, 0, 3, 1]))
    torch.testing.assert_close(nade.features()[:, nade.order], nade.W.detach().t())


def test_columns_take_an_image_column_by_column() -> None:
    assert columns(2, 3).tolist() == [0, 3, 1, 4, 2, 5]


def test_memory_is_batch_times_hidden_and_not_times_pixels() -> None:
    nade, saved = made(50, 8), []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: saved.append(t.numel()) or t, lambda t: t
    ):  # type: ignore[func-returns-value]
        nade.log_prob(torch.zeros(16, 50))
    assert max(saved) <= max(16 * 50, 50 * 8)


def test_a_gradient_that_is_not_finite_is_not_hidden() -> None:
    nade = made(6, 4)
    with torch.no_grad():
        nade.W[0, 0] = math.nan
    assert nade.log_prob(torch.ones(1, 6)).isnan().all()


@pytest.mark.parametrize(
    ("order", "message"),
    [(torch.tensor([0, 0, 1]), "no permutation"), (torch.arange(4), "no permutation")],
)
def test_an_order_that_is_no_permutation_is_refused(
    order: Tensor, message: str, rng: torch.Generator
) -> None:
    with pytest.raises(ValueError, match=message):
        NADE(3, 2, rng=rng, order=order)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.full((2, 3), 0.5), "holds 0.5"),
        (torch.zeros(2, 4), "examples, 3"),
        (torch.full((1, 3), 2), "holds 2"),
        ([0, 1, 0], "a list"),
    ],
)
def test_what_is_not_bits_of_the_right_shape_is_refused(
    x: object, message: str, rng: torch.Generator
) -> None:
    with pytest.raises(ValueError, match=message):
        NADE(3, 2, rng=rng).log_prob(x)  # type: ignore[arg-type]


@pytest.mark.parametrize(("visible", "hidden"), [(0, 2), (3, -1), (True, 2)])
def test_sizes_below_one_are_refused(visible: int, hidden: int, rng: torch.Generator) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        NADE(visible, hidden, rng=rng)


def test_a_student_of_a_machine_without_couplings_starts_as_the_machine(
    rng: torch.Generator,
) -> None:
    machine = RBM.from_arrays(
        torch.zeros(4, 2), torch.randn(4, generator=rng), torch.randn(2, generator=rng)
    )
    student, x = (
        NADE.from_rbm(machine, 5, rng=rng, order=torch.tensor([2, 0, 3, 1])),
        every_state(4),
    )
    torch.testing.assert_close(student.log_prob(x), machine.log_density(x).log_softmax(0))


def test_a_student_of_a_machine_with_faint_couplings_starts_near_it(rng: torch.Generator) -> None:
    def gap(scale: float, start: str) -> float:
        W = scale * torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
        machine = RBM.from_arrays(
            W.double(), torch.zeros(5, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
        )
        log_probs = machine.log_density(every_state(5)).log_softmax(0)
        student = (
            NADE.from_rbm(machine, 3, rng=rng).double()
            if start == "teacher"
            else NADE(5, 3, rng=rng).double()
        )
        return float(
            (log_probs.exp() * (log_probs - student.log_prob(every_state(5)))).detach().sum()
        )

    assert gap(0.1, "teacher") < 0.1 * gap(0.1, "random")
    assert gap(0.05, "teacher") < gap(0.2, "teacher")


def test_a_student_keeps_the_machines_features_at_their_pixels_and_its_extra_units_silent(
    rng: torch.Generator,
) -> None:
    machine = RBM(4, 2, rng=rng, scale=1.0)
    student = NADE.from_rbm(machine, 3, rng=rng, order=torch.tensor([3, 1, 0, 2]))
    assert student.features()[:2].equal(machine.W.detach().t())
    assert student.U[:, 2].count_nonzero() == 0
    assert student.W[:, 2].count_nonzero() == 4


def test_a_student_narrower_than_its_machine_is_refused(rng: torch.Generator) -> None:
    with pytest.raises(
        ValueError, match="hidden is 1: at least as many units as the machine has, 2, are needed"
    ):
        NADE.from_rbm(RBM(4, 2, rng=rng), 1, rng=rng)
