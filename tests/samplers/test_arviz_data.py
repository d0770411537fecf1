from __future__ import annotations

import sys

import pytest
import torch

from distillery.samplers.arviz_data import as_arviz


def draws(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_chains_come_first_then_draws_then_dimensions_with_their_labels() -> None:
    pytest.importorskip("arviz_base")
    states = draws(20, 4, 2)
    tree = as_arviz(states, name="slope", labels=["age", "dose"])
    variable = tree["posterior"]["slope"]
    assert variable.dims == ("chain", "draw", "slope_dim")
    assert variable.shape == (4, 20, 2)
    assert torch.equal(torch.as_tensor(variable.sel(slope_dim="dose").values), states[..., 1].T)


def test_draws_of_one_number_have_no_third_dimension() -> None:
    pytest.importorskip("arviz_base")
    assert as_arviz(draws(20, 4))["posterior"]["w"].dims == ("chain", "draw")


def test_log_densities_stand_beside_the_draws_at_which_they_were_taken() -> None:
    pytest.importorskip("arviz_base")
    for states in (draws(9, 3, 2), draws(9, 3)):
        tree = as_arviz(states, log_density=lambda w: -0.5 * w.square().sum(1))
        values = torch.as_tensor(tree["sample_stats"]["lp"].values)
        squares = states.square() if states.dim() == 2 else states.square().sum(2)
        assert torch.allclose(values, -0.5 * squares.T)


def test_shapes_and_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"draws have shape \(5,\): \(sweeps, chains\) or"):
        as_arviz(draws(5))
    with pytest.raises(ValueError, match=r"labels are \['a'\]: one for each of 2 dimensions"):
        as_arviz(draws(5, 3, 2), labels=["a"])


def test_without_arviz_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "arviz_base", None)
    with pytest.raises(ImportError, match=r"not installed: pip install 'arviz>=1'"):
        as_arviz(draws(5, 3))
