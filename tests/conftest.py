"""Tests marked `realdata` run where real data lies, and are skipped elsewhere; with DISTILLERY_DATA
set, skipping is forbidden.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(
    0, str(Path(__file__).parent / "helpers")
)  # tiny worlds and made-up records, which workers import too
DATA = Path(__file__).resolve().parents[1] / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("DISTILLERY_DATA") or any(DATA.glob("*.npz")):
        return
    for item in items:
        if item.get_closest_marker("realdata"):
            item.add_marker(
                pytest.mark.skip(reason="real data is neither in $DISTILLERY_DATA nor in ./data")
            )


@pytest.fixture(autouse=True)
def _gradients_stay_on() -> Iterator[None]:
    """A test that leaves torch without gradients would fail others, far from here."""
    yield
    torch = sys.modules.get("torch")
    if torch is not None and not torch.is_grad_enabled():
        torch.set_grad_enabled(True)
        pytest.fail("the test left torch without gradients")
