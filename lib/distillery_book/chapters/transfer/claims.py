"""What the recollection papers conclude about teaching from a memory, and the runs that test it."""

from __future__ import annotations

from collections.abc import Mapping

from distillery.metrics import Estimate
from distillery.storage import autoencoder_parameters
from distillery_book.chapters.transfer import pages
from distillery_book.chapters.transfer.students import COMPARED_FROM, LONG, MARKS, SHORT
from distillery_book.results import claims
from distillery_book.results.claims import Answers, Mean, Test, above, every
from distillery_book.results.results import Results

SIZES = ("10x", "50x", "100x")
SUBSETS = {"10x": "sample_10pct", "50x": "sample_2pct", "100x": "sample_1pct"}
COMPARABLE = 2.0  # points: the papers do not say how near is comparable
COMPARED = [mark for mark in MARKS if mark >= COMPARED_FROM]  # a row of the stored answers each
PRINTED_RATIO = 7.35  # from which on the storage ratio rounds to the printed 7.4


def accuracy(column: str, *, student: str = "lenet", after: int = SHORT, of: int = SHORT) -> Mean:
    """What students of a column answer rightly, in points, `after` so many of `of` episodes."""
    where = pages.place(column, of, student=student)
    answers = Answers(column, COMPARED.index(after)) if after in COMPARED else None
    return Mean("transfer", f"accuracy_{column}_{after}", where, 100.0, answers=answers)


def gain_by_teacher(column: str, *, student: str = "lenet") -> Test:
    """What the teacher's answers teach more than labels, of the same pictures."""
    by_teacher, by_labels = _answers(column)
    return above(accuracy(by_teacher, student=student), accuracy(by_labels, student=student))


def _answers(column: str) -> tuple[str, str]:
    """The columns of the same pictures answered by the teacher and by labels."""
    if column == "real":
        return "real_x_teacher_y", "real"
    if column.startswith("compress"):
        return column, f"{column}_labels"
    return f"{column}_teacher_y", column


def combined(weights: Mapping[str, float], student: str, *, plus: float = 0.0) -> Test:
    """A sum of accuracies of columns, each with its weight, and a constant."""
    terms = [(weight, accuracy(column, student=student)) for column, weight in weights.items()]
    return claims.combined(*terms, plus=plus)


def storage_ratio() -> float:
    """What the large autoencoder takes, over what the small one takes with 50,000 codes."""
    large, small = (32 * autoencoder_parameters(c, 2) for c in (168, 38))
    return large / (small + 50_000 * 38)


def _storage(_results: Results) -> list[Estimate]:
    return [Estimate(storage_ratio() - PRINTED_RATIO, 0.0, 1)]


def _nearest(way: str, size: str) -> Mean:
    return Mean("transfer", "nearest", {"student": "none", "memory": f"{way} {size}"})


def _lossy_beats_lossless(size: str, *, student: str = "lenet") -> Test:
    """Recollections above the images that would fit, whoever answers these."""
    recalled = accuracy(f"compress_{size}", student=student)
    subset = SUBSETS[size]
    columns = (subset, f"{subset}_teacher_y")
    return every(*(above(recalled, accuracy(column, student=student)) for column in columns))


def _scales_better(student: str) -> Test:
    weights = {"sample_10pct": 1.0, "sample_1pct": -1.0, "compress_10x": -1.0, "compress_100x": 1.0}
    return combined(weights, student)


def _comparable(student: str) -> Test:
    return combined({"compress_100x": 1.0, "real_x_teacher_y": -1.0}, student, plus=COMPARABLE)


def _is_faster(size: str) -> Test:
    soon = accuracy(f"compress_{size}", after=1000, of=LONG)
    late = accuracy(f"code_{size}", after=LONG, of=LONG)
    return above(soon, late)


KINDS = ("lenet", "mlp")
TESTS: dict[str, Test] = {
    "buffer_beats_code": every(
        *(above(accuracy(f"compress_{size}"), accuracy(f"code_{size}")) for size in ("100x", "10x"))
    ),
    "buffer_beats_larger_code": above(accuracy("compress_100x"), accuracy("code_10x")),
    "storage_7_4": _storage,
    "larger_transfers_worse": above(accuracy("code_100x"), accuracy("code_10x")),
    "orders_faster": every(_is_faster("100x"), _is_faster("10x")),
    "buffer_nearer": every(
        *(above(_nearest("code", size), _nearest("buffer", size)) for size in ("100x", "10x"))
    ),
    "larger_farther": above(_nearest("code", "10x"), _nearest("code", "100x")),
    **{f"lossy_beats_lossless_{size}": _lossy_beats_lossless(size) for size in SIZES},
    "lossy_beats_lossless_mlp": _lossy_beats_lossless("100x", student="mlp"),
    "lossy_scales_better": every(*map(_scales_better, KINDS)),
    "comparable_to_real": every(*map(_comparable, KINDS)),
    "teacher_beats_labels": gain_by_teacher("real"),
    "teacher_beats_labels_everywhere": every(
        *(gain_by_teacher(subset) for subset in SUBSETS.values()),
        *(gain_by_teacher(f"compress_{size}") for size in SIZES),
    ),
}
