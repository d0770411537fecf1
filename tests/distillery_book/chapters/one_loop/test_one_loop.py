"""Chapter 1: its teacher, its places, its losses, and the pictures of its recorded students."""

from __future__ import annotations

import matplotlib as mpl
import pytest
import torch
from torch import nn

from distillery.generators import Noise
from distillery_book.chapters.one_loop import one_loop, pictures

mpl.use("agg")


class Lifted(nn.Module):
    """The teacher, too high by a half."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return one_loop.surface(x) + 0.5


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_student_that_is_too_high_errs_by_its_height_everywhere_and_by_nothing_up_to_a_constant() -> (
    None
):
    errors = one_loop.errors(Lifted(), rng=rng())
    assert errors["rmse_ring"] == pytest.approx(0.5)
    assert errors["rmse_square"] == pytest.approx(0.5)
    assert errors["rmse_square_centred"] == pytest.approx(0.0, abs=1e-6)


def test_the_error_on_the_ring_is_measured_at_the_same_points_at_every_call() -> None:
    student = one_loop.student(rng=rng())
    assert one_loop.error_on_ring(student) == one_loop.error_on_ring(student)
    assert one_loop.error_on_ring(Lifted()) == pytest.approx(0.5)


def test_slopes_alone_do_not_see_a_constant() -> None:
    from distillery.protocols import Batch
    from distillery.teachers import Formula

    batch = Batch(one_loop.square(5))
    teacher = Formula(one_loop.surface)
    assert one_loop.loss("slopes")(teacher, Lifted(), batch).item() == pytest.approx(0, abs=1e-9)
    assert one_loop.loss("values")(teacher, Lifted(), batch).item() == pytest.approx(0.125)


@pytest.mark.parametrize("name", one_loop.GENERATORS)
def test_most_inputs_of_a_generator_lie_where_the_pictures_say(name: str) -> None:
    cells = pictures.SIZE - 1
    x = one_loop.generator(name, rng=rng()).draw(2000).x
    inside = x[(x.abs() <= one_loop.SIDE).all(1)]
    column, row = ((inside + one_loop.SIDE) / (2 * one_loop.SIDE) * cells).round().long().T
    assert pictures.near(name)[row, column].float().mean() > 0.8


def test_a_moved_generator_asks_around_its_place() -> None:
    x = one_loop.around(-1.6, 0.8, rng=rng()).draw(4000).x
    assert torch.allclose(x.mean(0), torch.tensor([-1.6, 0.8]), atol=4 * 0.5 / 4000**0.5)
    assert torch.allclose(x.std(0), torch.tensor(0.5), atol=0.03)


def test_the_wrong_place_is_what_it_was_when_it_was_recorded() -> None:
    mean = torch.full((2,), 2.2)
    before = Noise(2, rng=rng(), mean=mean, scale=0.5).draw(8).x
    assert torch.equal(one_loop.generator("wrong place", rng=rng()).draw(8).x, before)


def test_every_place_of_the_moved_generator_is_a_run_at_full_scale() -> None:
    params = [dict(cell.params) for cell in one_loop.cells("paper")]
    asked = [one_loop.moved(a, b) for a in one_loop.MIDDLES for b in one_loop.MIDDLES]
    assert params.count(asked[0]) == 1
    assert all(where in params for where in asked)


def test_the_teacher_of_the_pictures_is_that_of_the_study() -> None:
    grid = one_loop.square(pictures.SIZE)
    assert torch.allclose(pictures.truth().reshape(-1, 1), one_loop.surface(grid))
