"""Rows hold every code, alone, in whole bytes."""

from __future__ import annotations

import math

import pytest
import torch

from distillery.storage.rows import pack_rows, row_bytes, unpack_rows

SIZES = [(38, 2), (168, 2), (5, 2), (620, 3), (48, 4), (7, 5), (9, 10), (6, 16), (4, 17), (5, 256), (3, 257), (4, 4096)]  # fmt: skip


@pytest.mark.parametrize(("variables", "values"), SIZES)
def test_codes_come_back_from_their_rows_any_one_alone(variables: int, values: int) -> None:
    rng = torch.Generator().manual_seed(0)
    codes = torch.randint(values, (50, variables), generator=rng)
    codes[0], codes[1] = values - 1, 0
    rows = pack_rows(codes, values)
    assert (rows.shape, rows.dtype) == ((50, row_bytes(variables, values)), torch.uint8)
    assert unpack_rows(rows, values, variables).equal(
        codes.to(unpack_rows(rows, values, variables).dtype)
    )
    assert unpack_rows(rows[17:18], values, variables)[0].tolist() == codes[17].tolist()


@pytest.mark.parametrize(("variables", "values"), [(168, 2), (62, 2), (38, 2), (620, 3)])
def test_bits_and_trits_of_the_papers_waste_less_than_a_byte_a_code_or_a_hundredth(
    variables: int, values: int
) -> None:
    bits = variables * math.log2(values)
    assert 8 * row_bytes(variables, values) < max(1.01 * bits, bits + 8)


def test_no_row_is_a_row_too() -> None:
    assert unpack_rows(pack_rows(torch.zeros(0, 7, dtype=torch.uint8), 3), 3, 7).shape == (0, 7)
