from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from distillery.samplers.diagnostics import standard_error
from distillery.samplers.slice import Slice

STAIRS = torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gumbel(states: Tensor) -> Tensor:
    """Skewed: its distribution function is exp(-exp(-x)) on every axis."""
    return (-states - torch.exp(-states)).sum(1)


def gumbel_draws(*shape: int) -> Tensor:
    return -torch.log(torch.empty(shape, dtype=torch.float64).exponential_(generator=seeded(7)))


def exponential(states: Tensor) -> Tensor:
    return torch.where((states >= 0).all(1), -states.sum(1), -math.inf)


def staircase(weights: Tensor):
    """Cell k is [k, k + 1), of density weights[k]; no density outside."""

    def log_density(states: Tensor) -> Tensor:
        cell = states[:, 0].floor().long()
        within = (cell >= 0) & (cell < len(weights))
        return torch.where(within, weights[cell.clamp(0, len(weights) - 1)].log(), -math.inf)

    return log_density


def swept(step: Slice, state: Tensor, sweeps: int, seed: int = 0) -> Tensor:
    rng = seeded(seed)
    for _ in range(sweeps):
        state = step(state, rng)
    return state


@pytest.mark.parametrize("step", [
    Slice(gumbel, width=2.0),
    Slice(gumbel, width=0.3, max_steps=3),
    Slice(gumbel, width=0.7, max_steps=2, lookahead=1),
    Slice(gumbel, width=6.0, max_steps=1, lookahead=7),
    Slice(gumbel, width=torch.tensor([0.5, 4.0])),
])  # fmt: skip
def test_exact_draws_of_a_skewed_target_stay_exact_draws(step: Slice) -> None:
    moved = swept(step, gumbel_draws(4000, 2), 4)
    for axis in range(2):
        assert stats.kstest(moved[:, axis].numpy(), stats.gumbel_r.cdf).pvalue > 1e-3


@pytest.mark.parametrize("lookahead", [1, 4])
def test_a_target_with_an_edge_of_zero_density_is_left_invariant(lookahead: int) -> None:
    start = torch.empty(4000, 2, dtype=torch.float64).exponential_(generator=seeded(3))
    moved = swept(Slice(exponential, width=0.5, max_steps=4, lookahead=lookahead), start, 3)
    assert moved.min() >= 0
    assert stats.kstest(moved.flatten().numpy(), stats.expon.cdf).pvalue > 1e-3


def test_from_one_point_the_chain_reaches_the_target() -> None:
    moved = swept(Slice(gumbel, width=3.0), torch.full((4000, 1), 5.0, dtype=torch.float64), 25)
    assert stats.kstest(moved[:, 0].numpy(), stats.gumbel_r.cdf).pvalue > 1e-3


@pytest.mark.parametrize("lookahead", [1, 2, 5])
def test_one_step_on_stairs_has_the_transition_matrix_counted_by_hand(lookahead: int) -> None:
    """On falling stairs a slice is an interval of whole cells, which stepping out finds entirely:
    the next cell is uniform on it.
    """
    expected = torch.zeros(3, 3, dtype=torch.float64)
    for i, weight in enumerate(STAIRS):
        for floor in range(int(weight)):  # heights in [floor, floor + 1)
            above = (floor + 1 <= STAIRS).double()
            expected[i] += above / above.sum() / weight
    for cell in range(3):
        start = cell + torch.rand(6000, 1, generator=seeded(cell), dtype=torch.float64)
        moved = Slice(staircase(STAIRS), width=1.5, lookahead=lookahead)(start, seeded(cell + 10))
        counts = torch.bincount(moved[:, 0].long(), minlength=3)
        reachable = expected[cell] > 0
        assert counts[~reachable].sum() == 0
        assert (
            stats.chisquare(
                counts[reachable].numpy(), 6000 * expected[cell][reachable].numpy()
            ).pvalue
            > 1e-3
        )


@pytest.mark.parametrize(("width", "max_steps"), [(0.8, 3), (1.5, 2), (3.0, 1), (0.5, 100)])
def test_flows_between_cells_balance_across_a_gap(width: float, max_steps: int) -> None:
    """Detailed balance: from exact draws, as many chains move from i to j as from j to i, however
    short the interval is cut.
    """
    weights = torch.tensor([1.0, 3.0, 0.0, 2.0, 4.0], dtype=torch.float64)
    cells = torch.multinomial(weights, 40_000, replacement=True, generator=seeded(1))
    start = (cells + torch.rand(40_000, generator=seeded(2), dtype=torch.float64))[:, None]
    moved = Slice(staircase(weights), width=width, max_steps=max_steps, lookahead=2)(
        start, seeded(3)
    )[:, 0].long()
    flows = torch.bincount(cells * 5 + moved, minlength=25).view(5, 5).double()
    assert flows[0, 1] > 100
    assert flows[3, 4] > 100
    imbalance = (flows - flows.T) / (flows + flows.T).clamp(min=1).sqrt()
    assert imbalance.abs().max() < 4


def test_the_posterior_of_a_linear_regression_is_matched() -> None:
    x = torch.randn(12, 2, generator=seeded(1), dtype=torch.float64) @ torch.tensor(
        [[1.0, 0.7], [0.0, 0.5]], dtype=torch.float64
    )
    y = x @ torch.tensor([1.0, -2.0], dtype=torch.float64) + torch.randn(
        12, generator=seeded(2), dtype=torch.float64
    )
    covariance = torch.linalg.inv(x.T @ x + torch.eye(2) / 100)
    mean = covariance @ x.T @ y
    step = Slice(lambda w: -(y - w @ x.T).square().sum(1) / 2 - w.square().sum(1) / 200, width=1.0)
    state, rng, draws = torch.zeros(100, 2, dtype=torch.float64), seeded(), []
    for _ in range(300):
        state = step(state, rng)
        draws.append(state)
    trace = torch.stack(draws[50:]) - mean
    products = torch.stack(
        [trace[..., 0] ** 2, trace[..., 1] ** 2, trace[..., 0] * trace[..., 1]], -1
    )
    assert ((trace.mean((0, 1))).abs() < 4 * standard_error(trace)).all()
    exact = torch.stack([covariance[0, 0], covariance[1, 1], covariance[0, 1]])
    assert ((products.mean((0, 1)) - exact).abs() < 4 * standard_error(products)).all()


def test_ranks_of_the_truth_among_posterior_draws_are_uniform() -> None:
    """Simulation-based calibration: mean from N(0, 1), three observations of variance 4, nine
    posterior draws.
    """
    rng, ranks = seeded(5), []
    for _ in range(300):
        truth = torch.randn(1, generator=rng, dtype=torch.float64)
        seen = truth + 2 * torch.randn(3, generator=rng, dtype=torch.float64)
        step = Slice(
            lambda w, seen=seen: -(w[:, 0] ** 2) / 2 - (w - seen).square().sum(1) / 8, width=3.0
        )
        state = torch.randn(9, 1, generator=rng, dtype=torch.float64)
        for _ in range(6):
            state = step(state, rng)
        ranks.append(int((state[:, 0] < truth).sum()))
    assert stats.chisquare(torch.bincount(torch.tensor(ranks), minlength=10).numpy()).pvalue > 1e-3


def test_a_step_is_pure() -> None:
    state, step = gumbel_draws(5, 3), Slice(gumbel)
    before = state.clone()
    first, again, other = step(state, seeded(1)), step(state, seeded(1)), step(state, seeded(2))
    assert torch.equal(state, before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_density_too_flat_for_its_digits_does_not_trap_the_chain(dtype: torch.dtype) -> None:
    """At log density -1e9 a float32 swallows the height's exponential draw: the slice is then the
    start's own plateau.
    """
    moved = Slice(lambda w: -(w.square().sum(1)) / 2 - 1e9, width=0.1)(
        torch.ones(50, 2, dtype=dtype), seeded()
    )
    assert moved.dtype == dtype
    assert moved.isfinite().all()


def test_the_interval_never_outgrows_its_limit() -> None:
    moved = Slice(lambda w: torch.zeros(len(w), dtype=w.dtype), width=0.5, max_steps=4)(
        torch.zeros(5000, 1, dtype=torch.float64), seeded()
    )
    assert moved.abs().max() <= 2
    assert moved.abs().max() > 1.8


def test_looking_ahead_saves_calls() -> None:
    def calls(lookahead: int) -> int:
        count = 0

        def counted(states: Tensor) -> Tensor:
            nonlocal count
            count += 1
            return gumbel(states)

        swept(Slice(counted, width=0.5, lookahead=lookahead), gumbel_draws(20, 2), 10)
        return count

    assert calls(8) < calls(1) / 2


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_log_density_of_nan_or_infinity_is_refused_and_names_the_state(value: float) -> None:
    step = Slice(lambda w: torch.where(w[:, 0] > 2, value, 0.0), width=1.0)
    with pytest.raises(ValueError, match=rf"log_density is {value} at state \([23]\."):
        swept(step, torch.full((1, 1), 1.5, dtype=torch.float64), 20)


def test_a_start_of_zero_density_is_refused() -> None:
    with pytest.raises(ValueError, match=r"chain 1 starts at \(-1, 2\), where the density is zero"):
        Slice(exponential)(torch.tensor([[1.0, 1.0], [-1.0, 2.0]]), seeded())


@pytest.mark.parametrize(("arguments", "message"), [
    ({"width": 0.0}, "width is"), ({"width": -1.0}, "width is"), ({"width": math.nan}, "width is"),
    ({"width": torch.tensor([1.0, 0.0])}, "width is"),
    ({"max_steps": 0}, "max_steps is 0"), ({"max_steps": 2.5}, "max_steps is 2.5"), ({"lookahead": 0}, "lookahead is 0"),
])  # fmt: skip
def test_senseless_settings_are_refused_at_the_door(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Slice(gumbel, **arguments)


@pytest.mark.parametrize(
    "state",
    [
        torch.zeros(3),
        torch.zeros(3, 2, dtype=torch.int64),
        torch.zeros(0, 2),
        torch.tensor([[1.0, math.nan]]),
    ],
)
def test_states_of_a_wrong_kind_are_refused(state: Tensor) -> None:
    with pytest.raises(ValueError, match=r"state is|chain 0 is at"):
        Slice(gumbel)(state, seeded())


def test_widths_and_values_must_fit_the_states() -> None:
    with pytest.raises(ValueError, match="width has 3 entries, but states have 2 dimensions"):
        Slice(gumbel, width=torch.ones(3))(torch.zeros(4, 2), seeded())
    with pytest.raises(ValueError, match=r"answered \(4, 2\)"):
        Slice(lambda w: w)(torch.zeros(4, 2), seeded())
