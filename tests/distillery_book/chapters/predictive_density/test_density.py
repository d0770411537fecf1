"""The grid of chapter 7, and what holds in every one of its cells."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import torch

from distillery.inference.mixture_truth import MixtureTruth
from distillery.protocols import Batch, Generator
from distillery_book.chapters.predictive_density.density import (
    STUDY,
    Repeated,
    hidden_mass,
    posterior,
    recipe,
)
from distillery_book.results import published
from distillery_book.results.results import Results
from distillery_book.results.study import Cell, Context, Outcome


@cache
def outcome(protocol: str) -> Outcome:
    cell = next(cell for cell in STUDY.cells("smoke") if cell.params["protocol"] == protocol)
    return STUDY.run(cell, Context("smoke", torch.device("cpu"), None, Path("unused")))


@pytest.mark.parametrize("profile", ["laptop", "paper"])
def test_the_grid_has_both_protocols_at_nine_sizes_twelve_minibatches_and_two_samplers_with_ten_seeds(
    profile: str,
) -> None:
    cells = STUDY.cells(profile)
    assert Counter(cell.params["experiment"] for cell in cells) == {
        "distil": 180,
        "minibatch": 120,
        "sampler": 20,
    }
    assert len({str(cell) for cell in cells}) == len(cells)


def test_the_smoke_grid_is_two_sizes_by_both_protocols() -> None:
    assert [
        (cell.params["points"], cell.params["protocol"], cell.seed) for cell in STUDY.cells("smoke")
    ] == [
        (2, "thesis", 0),
        (2, "ours", 0),
        (20, "thesis", 0),
        (20, "ours", 0),
    ]


def test_the_thesis_protocol_is_the_thesis() -> None:
    how = recipe("thesis", 50)
    assert (how.chains, how.sweeps, how.burn_in, how.draws, how.iterations, how.minibatch) == (
        1,
        10_000,
        1000,
        1000,
        100,
        100,
    )


def test_every_seed_and_size_has_data_of_its_own_and_both_protocols_share_them() -> None:
    assert torch.equal(posterior(20, 3).x, posterior(20, 3).x)
    assert not torch.isclose(posterior(20, 3).x, posterior(20, 4).x).any()
    assert not torch.isclose(posterior(10, 3).x, posterior(20, 3).x[:10]).any()
    assert torch.equal(outcome("thesis").arrays["data"], outcome("ours").arrays["data"])


@pytest.mark.parametrize("protocol", ["thesis", "ours"])
def test_no_divergence_is_negative_and_none_is_below_the_best_three_components(
    protocol: str,
) -> None:
    found = outcome(protocol).metrics
    assert all(found[name] >= -1e-9 for name in ("kl_mc", "kl_batch", "kl_online", "kl_best"))
    assert found["kl_best"] <= min(found["kl_batch"], found["kl_online"]) + 1e-6
    assert 0 <= found["hidden_mass"] <= 1
    assert found["memory_online"] < found["memory_batch"]


def test_the_pictures_are_densities_and_shares() -> None:
    arrays = outcome("ours").arrays
    width = 30 / 240
    assert all(
        0.9 < float(arrays[f"density_{name}"].float().sum()) * width < 1.01
        for name in ("true", "exact", "mc", "batch", "online")
    )
    torch.testing.assert_close(arrays["orders"].sum(1), torch.ones(2))
    assert all(
        bool((arrays[name].float().sum(1) <= 1.01).all()) for name in ("means_chain", "means_exact")
    )
    assert sum(a.numel() * a.element_size() for a in arrays.values()) < 2e6 / 20


@pytest.mark.parametrize("chains", ["single", "thinned", "parallel"])
def test_a_minibatch_cell_counts_what_it_holds(chains: str) -> None:
    cell = Cell({"experiment": "minibatch", "points": 20, "minibatch": 30, "chains": chains}, 0)
    found = STUDY.run(cell, Context("smoke", torch.device("cpu"), None, Path("unused"))).metrics
    assert found["memory_online"] == 30 * 3 + 30 + 9
    assert 0 < found["kl_online"] < 1


def test_hidden_mass_is_none_where_a_chain_shows_all_and_all_but_its_own_where_it_shows_one() -> (
    None
):
    truth = MixtureTruth(posterior(5, 0))
    exact = torch.cat(
        [
            torch.tensor(order).argsort().double().expand(round(1e5 * prob), 3)
            for order, prob in truth.orders.items()
        ]
    )
    assert hidden_mass(exact, truth) < 1e-4
    assert hidden_mass(torch.tensor([[0.0, 1.0, 2.0]]), truth) == pytest.approx(
        1 - truth.orders[0, 1, 2]
    )


def test_repeated_draws_each_state_several_times_in_a_row() -> None:
    class Counting(Generator):
        def draw(self, n: int) -> Batch:
            return Batch(torch.arange(n)[:, None])

    assert Repeated(Counting(), 3).draw(6).x.flatten().tolist() == [0, 0, 0, 1, 1, 1]
    with pytest.raises(ValueError, match="a multiple of 3"):
        Repeated(Counting(), 3).draw(7)


def test_the_aim_is_read_where_the_students_are_farthest_of_the_sizes_that_allow_it() -> None:
    runs = Results.open().runs(
        "density", {"experiment": "distil", "protocol": "ours", "size": "full"}
    )
    groups = runs.groupby("points")
    allowed = groups["kl_best"].max() < published.aims()["density_kl"].aim
    means = groups[["kl_batch", "kl_online"]].mean()[allowed]
    [(_, metric, where)] = STUDY.aims
    assert (where["points"], metric) == means.stack().idxmax()
