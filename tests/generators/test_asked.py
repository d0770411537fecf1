from __future__ import annotations

import pytest
import torch

from distillery.generators import Asked, Noise
from distillery.models.mlp import MLP
from distillery.protocols import Batch
from distillery.teachers import Average, Formula, Frozen, RecordedSlopes


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def teacher() -> Average:
    return Average([Frozen(MLP([6, 5, 3], rng=rng(seed))) for seed in (1, 2)])


def test_answers_are_those_of_the_teacher_in_the_order_of_the_inputs() -> None:
    asked, plain = Asked(Noise(6, rng=rng()), teacher(), at_once=7), Noise(6, rng=rng())
    x = torch.cat([plain.draw(7).x for _ in range(2)])
    parts = [asked.draw(4) for _ in range(3)]
    assert torch.cat([part.x for part in parts]).equal(x[:12])
    torch.testing.assert_close(torch.cat([part.y for part in parts]), teacher()(Batch(x[:12])))


def test_answers_with_slopes_are_read_back_by_their_teacher() -> None:
    batch = Asked(Noise((1, 2, 3), rng=rng()), teacher(), at_once=5, slopes=True).draw(4)
    log_probs, slopes = RecordedSlopes().log_slopes(batch)
    expected = teacher().log_slopes(batch)
    assert expected is not None
    torch.testing.assert_close((log_probs, slopes), expected)
    torch.testing.assert_close(RecordedSlopes()(batch), log_probs)
    with pytest.raises(ValueError, match=r"y has shape \(4, 2\): \(B, K, 7\) is needed"):
        RecordedSlopes()(Batch(batch.x, torch.zeros(4, 2)))


def test_a_stopped_generator_goes_on_where_it_was() -> None:
    first, again = (Asked(Noise(6, rng=rng()), teacher(), at_once=7) for _ in range(2))
    first.draw(3)
    again.load_state_dict(first.state_dict())
    for _ in range(3):
        one, other = first.draw(3), again.draw(3)
        assert one.x.equal(other.x)
        assert one.y.equal(other.y)


def test_half_the_bits_of_a_product_change_answers_by_their_rounding() -> None:
    exact, rough = (
        Asked(Noise(6, rng=rng()), teacher(), dtype=dtype).draw(50)
        for dtype in (None, torch.bfloat16)
    )
    assert rough.y.dtype == torch.float32
    assert 0 < (exact.y - rough.y).abs().max() < 0.1


def test_a_teacher_that_does_not_know_its_slopes_is_refused() -> None:
    with pytest.raises(
        ValueError,
        match="the Formula does not know its slopes: Frozen or Average of ReLU networks is needed",
    ):
        Asked(Noise(6, rng=rng()), Formula(torch.sin), slopes=True).draw(1)
