from __future__ import annotations

import numpy as np
import pytest
import torch

from distillery.protocols import Batch
from distillery.teachers import Probabilities


def test_a_function_of_rows_of_numpy_answers_with_log_probabilities() -> None:
    answer = Probabilities(lambda x: np.stack([x[:, 0], 1 - x[:, 0]], 1))(
        Batch(torch.rand(4, 1, 2, 3).double())
    )
    torch.testing.assert_close(answer.exp().sum(-1), torch.ones(4).double())


@pytest.mark.parametrize(
    ("probs", "sentence"),
    [
        (np.full((4, 3), 0.5), r"rows add up to 1 ± 0.5"),
        (np.array([[1.5, -0.5]] * 4), r"the least entry being -0.5: probabilities are needed"),
        (np.full((3, 2), 0.5), r"gave shape \(3, 2\) for 4 inputs"),
        (np.full((4, 2), np.nan), r"probabilities are needed"),
    ],
)
def test_what_are_no_probabilities_is_refused(probs: np.ndarray, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Probabilities(lambda x: probs)(Batch(torch.zeros(4, 2)))
