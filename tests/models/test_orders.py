from __future__ import annotations

import json

import pytest
import torch

from distillery.models.orders import columns, order_as_json, order_from_json


@pytest.mark.parametrize(
    ("order", "written"),
    [
        (torch.arange(9), {}),
        (columns(3, 3), {"order": {"columns": [3, 3]}}),
        (columns(2, 3), {"order": [0, 3, 1, 4, 2, 5]}),
        (torch.arange(9).flip(0), {"order": [8, 7, 6, 5, 4, 3, 2, 1, 0]}),
    ],
)
def test_an_order_is_written_as_shortly_as_it_can_be_and_read_again(
    order: torch.Tensor, written: dict[str, object]
) -> None:
    assert order_as_json(order) == written
    read = order_from_json(json.loads(json.dumps(written)).get("order"))
    assert torch.equal(torch.arange(9) if read is None else read, order)


@pytest.mark.parametrize("written", ["columns", 3, {"rows": [3, 3]}, [0.5], [True, False]])
def test_what_is_no_order_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match=r"order is .*: a list of pixels, or \{'columns'"):
        order_from_json(written)
