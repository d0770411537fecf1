"""What the thesis concludes about distilling a Boltzmann machine into NADEs (sections 4.1 to
4.2.3), and the runs that test it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from distillery import metrics
from distillery.metrics import Estimate
from distillery_book.chapters.rbm_to_nade import agreement, rbm
from distillery_book.results.claims import Mean, Test, above
from distillery_book.results.results import Results

FIRST = (0, 10_000)  # minibatches of the beginning,
MIDDLE = (15_000, 20_000)  # of the middle
LAST = (25_000, 30_000)  # and of the end of training
CORRELATED = 0.9  # the thesis sees likeness and names no number: this one is ours
FOUND = 0.01  # nats from its teacher at which a student in a small world has found it: ours too


def pictures(results: Results) -> dict[str, Tensor]:
    """What the study `agreement` kept of the machine and of its nine students: log probabilities
    of the first 500 test images, samples, features; empty when it was not run.
    """
    found: dict[str, Tensor] = {}
    for cell in agreement.cells("paper"):
        found |= results.arrays("agreement", {"students": cell.params["students"]})
    return found


def difference(results: Results, first: str, second: str) -> Estimate | None:
    """By how many nats the first gives more to an image than the second, and the standard error
    over the same 500 images.
    """
    kept = pictures(results)
    if first not in kept or second not in kept:
        return None
    return metrics.mean_and_error((kept[first].double() - kept[second].double()).tolist())


def curves(results: Results, loss: str) -> dict[str, Tensor]:
    """The mean log probability of the first 500 test images as training goes on: `steps` (T) and
    `log_prob` (T, 4 widths).
    """
    return results.arrays("rbm", {"loss": loss})


def window(results: Results, loss: str, between: tuple[int, int]) -> Tensor:
    """The mean of the curves between two minibatches, a number for each width; none when they were
    not run.
    """
    kept = curves(results, loss)
    if not kept:
        return torch.zeros(0)
    inside = (kept["steps"] > between[0]) & (kept["steps"] <= between[1])
    return kept["log_prob"].double()[inside].mean(0)


def decline(results: Results, loss: str) -> Tensor:
    """How far the curves have fallen from the middle to the end, a number for each width."""
    return window(results, loss, MIDDLE) - window(results, loss, LAST)


def lead(results: Results) -> Tensor:
    """By how much the square error is ahead in the beginning, a number for each width."""
    return window(results, "square_error", FIRST) - window(results, "kl", FIRST)


def _pairs(*pairs: tuple[str, str]) -> Test:
    def test(results: Results) -> list[Estimate]:
        gaps = [difference(results, *pair) for pair in pairs]
        return [gap for gap in gaps if gap is not None] if all(gaps) else []

    return test


def _wider(*widths: tuple[int, int]) -> Test:
    """The first width above the second, by either loss."""
    return _pairs(
        *(
            (rbm.name_of(wide, loss), rbm.name_of(narrow, loss))
            for wide, narrow in widths
            for loss in rbm.ENDINGS
        )
    )


def _by_kl_and_by_square_error() -> list[tuple[str, str]]:
    return [(rbm.name_of(width, "kl"), rbm.name_of(width, "square_error")) for width in rbm.HIDDEN]


def mean_lead(results: Results) -> list[Estimate]:
    """By how much the divergence ends ahead, on average over the four widths."""
    kept = pictures(results)
    if "nade-250" not in kept:
        return []
    gaps = [kept[first].double() - kept[second] for first, second in _by_kl_and_by_square_error()]
    return [metrics.mean_and_error(torch.stack(gaps).mean(0).tolist())]


def _eight() -> list[str]:
    return [rbm.name_of(width, loss) for loss in rbm.ENDINGS for width in rbm.HIDDEN]


def _shapes_match(results: Results) -> list[Estimate]:
    kept = pictures(results)
    found = []
    for name in _eight() if "machine" in kept else []:
        r = agreement.agreement(kept["machine"].double(), kept[name].double())["correlation"]
        images = len(kept["machine"])
        found.append(Estimate(r - CORRELATED, (1 - r**2) / math.sqrt(images), images))
    return found


def _least_of_widths(gaps: Callable[[Results], Tensor]) -> Test:
    """The least of four widths, each trained once, of whose error nothing is known."""

    def test(results: Results) -> list[Estimate]:
        widths = gaps(results).tolist()
        return [Estimate(min(widths), math.nan, 1)] if widths else []

    return test


def _left(world: str, method: str, scale: float = 1.0) -> Mean:
    """The nats that a method leaves between teacher and student in a small world."""
    return Mean("densities", "kl", {"world": world, "method": method}, scale)


TESTS: dict[str, Test] = {
    "nade_constant_below": above(_left("bits", "kl"), _left("bits", "square_error")),
    "nade_constant_above": above(
        _left("bits", "square_error_above"), _left("bits", "square_error")
    ),
    "nade_score_touching": above(_left("touching", "score", -1.0), -FOUND),
    "nade_score_apart": above(_left("apart", "score", -1.0), -FOUND),
    "nade_score_fails": above(_left("bits", "score"), _left("bits", "kl")),
    "nade_wider_500": _wider((500, 250)),
    "nade_wider_on": _wider((750, 500), (1000, 750)),
    "nade_shapes_match": _shapes_match,
    "nade_underestimates": _pairs(*(("machine", name) for name in _eight())),
    "nade_kl_ends_ahead": mean_lead,
    "nade_kl_ends_ahead_each": _pairs(*_by_kl_and_by_square_error()),
    "nade_kl_continues": _least_of_widths(lambda results: -decline(results, "kl")),
    "nade_square_error_declines": _least_of_widths(
        lambda results: decline(results, "square_error")
    ),
    "nade_square_error_faster": _least_of_widths(lead),
    "nade_switch_beats_kl": above(_left("bits", "kl"), _left("bits", "square_error_then_kl")),
    "nade_switch_beats_square_error": above(
        _left("bits", "square_error"), _left("bits", "square_error_then_kl")
    ),
}
