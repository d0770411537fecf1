"""What the recollection papers conclude about teaching from a memory, and the runs that test it."""

from __future__ import annotations

from distillery_book.chapters.transfer.students import BATCH
from distillery_book.results.claims import Mean, Test, above

EPISODES = 10_000


def _learned(column: str, *, student: str = "lenet", beyond: bool = False) -> Mean:
    """The accuracy of a column's students after 10,000 episodes, in points."""
    columns = "beyond" if beyond else "tables"
    where = {"student": student, "columns": columns, "batch": BATCH, "episodes": EPISODES}
    return Mean("transfer", f"accuracy_{column}_{EPISODES}", where, 100.0)


def _nearest(size: str) -> Mean:
    return Mean("transfer", "nearest", {"student": "none", "memory": f"code {size}"})


TESTS: dict[str, Test] = {
    "buffer_beats_larger_code": above(_learned("compress_100x"), _learned("code_10x", beyond=True)),
    "larger_transfers_worse": above(
        _learned("code_100x", beyond=True), _learned("code_10x", beyond=True)
    ),
    "larger_farther": above(_nearest("10x"), _nearest("100x")),
    "lossy_beats_lossless_50x": above(_learned("compress_50x"), _learned("sample_2pct")),
    "lossy_beats_lossless_100x": above(_learned("compress_100x"), _learned("sample_1pct")),
    "lossy_beats_lossless_mlp": above(
        _learned("compress_100x", student="mlp"), _learned("sample_1pct", student="mlp")
    ),
    "teacher_beats_labels": above(_learned("real_x_teacher_y"), _learned("real")),
}
