from __future__ import annotations

import pytest
import torch

from distillery import Batch
from distillery.losses.outputs import matched, matched_labels, wide, with_slopes


def test_half_precision_is_widened_and_nothing_else() -> None:
    assert wide(torch.zeros(1, dtype=torch.bfloat16)).dtype == torch.float32
    assert wide(torch.zeros(1, dtype=torch.float16)).dtype == torch.float32
    assert wide(torch.zeros(1, dtype=torch.float64)).dtype == torch.float64


def test_a_bank_shares_one_answer_or_has_a_row_of_answers_each() -> None:
    output, shared, own = (
        torch.zeros(2, 3, 4),
        torch.arange(12.0).reshape(3, 4),
        torch.arange(24.0).reshape(6, 4),
    )
    assert matched(shared, output, loss="L")[1].equal(shared)
    assert matched(own, output, loss="L")[1].equal(own[3:])
    pictures = torch.arange(3.0 * 1 * 2 * 2).reshape(3, 1, 2, 2)
    assert matched(pictures, torch.zeros(5, 3, 1, 2, 2), loss="L")[4].equal(pictures)


def test_an_answer_for_every_student_is_taken_as_it_is() -> None:
    answer = torch.arange(24.0).reshape(2, 3, 4)
    assert matched(answer, torch.zeros(2, 3, 4), loss="L") is answer


@pytest.mark.parametrize(
    ("target", "output"),
    [
        ((4,), (4, 4)),
        ((4,), (2, 4)),
        ((8,), (2, 4)),
        ((3, 4), (2, 5, 4)),
        ((2, 3, 4), (3, 4)),
        ((4, 1), (4, 3)),
    ],
)
def test_shapes_that_do_not_match_are_refused_with_both(
    target: tuple[int, ...], output: tuple[int, ...]
) -> None:
    with pytest.raises(
        ValueError,
        match=(
            r"L: the teacher's answer has shape \(.*\), the student's \(.*\): equal shapes are"
            r" needed"
        ),
    ):
        matched(torch.zeros(target), torch.zeros(output), loss="L")


def test_labels_are_matched_likewise() -> None:
    assert matched_labels(torch.arange(3), torch.zeros(3, 4), loss="L").tolist() == [0, 1, 2]
    assert (
        matched_labels(torch.arange(3), torch.zeros(2, 3, 4), loss="L").tolist() == [[0, 1, 2]] * 2
    )
    assert matched_labels(torch.arange(6), torch.zeros(2, 3, 6), loss="L").tolist() == [
        [0, 1, 2],
        [3, 4, 5],
    ]


@pytest.mark.parametrize(
    ("labels", "logits"),
    [((4,), (3, 2)), ((3, 1), (3, 2)), ((2, 3), (2, 3, 4)), ((5,), (2, 3, 4)), ((2,), (2, 3, 4))],
)
def test_labels_that_do_not_match_are_refused(
    labels: tuple[int, ...], logits: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="one label an example is needed"):
        matched_labels(torch.zeros(labels).long(), torch.zeros(logits), loss="L")


def test_inputs_are_prepared_for_slopes_once() -> None:
    batch = Batch(torch.zeros(3, 2), torch.zeros(3))
    prepared = with_slopes(batch)
    assert prepared.x.requires_grad
    assert prepared.y is batch.y
    assert not batch.x.requires_grad
    assert with_slopes(prepared) is prepared


def test_slopes_need_inputs_that_are_no_integers() -> None:
    with pytest.raises(
        TypeError, match=r"batch\.x is torch\.uint8: floating-point inputs are needed"
    ):
        with_slopes(Batch(torch.zeros(2, 3, dtype=torch.uint8)))
