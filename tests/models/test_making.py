"""A model is made only of tensors that fit its description."""

from __future__ import annotations

import pytest
import torch

from distillery.models.making import Description, build, kept
from distillery.models.nade import NADE


def test_a_tensor_that_is_missing_is_named() -> None:
    lacking = {"weights": torch.zeros(2, 3)}
    said = Description("it", "RBM", {"visible": 2, "hidden": 3}, "")
    with pytest.raises(
        ValueError, match=r"it: .*: W is missing in the file, \(2, 3\) in the model"
    ):
        build(said, lacking, "it")


def test_numbers_of_a_type_that_no_model_has_are_refused() -> None:
    model = NADE(6, 3, rng=torch.Generator().manual_seed(0))
    tensors = {name: value.to(torch.float8_e5m2) for name, value in kept(model).items()}
    said = Description("it", "NADE", {"visible": 6, "hidden": 3}, "")
    with pytest.raises(ValueError, match=r"it: its numbers are torch\.float8_e5m2: float16, bfl"):
        build(said, tensors, "it")


def test_a_model_is_made_again_of_what_is_kept_of_it() -> None:
    model = NADE(6, 3, rng=torch.Generator().manual_seed(0)).eval()
    said = Description("it", "NADE", model.arguments(), "")
    again = build(said, kept(model), "it")
    x = torch.tensor([[0.0, 1.0, 1.0, 0.0, 1.0, 0.0]])
    assert again(x).equal(model(x))
    assert not again.training
