"""Which runs of chapter 5 answer which printed number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from distillery_book.chapters.forgetting import grid
from distillery_book.results.published import AIMS
from distillery_book.results.study import Answer

TABLE_4 = "recollections_cifar100_incremental_storage"
TABLE_5 = "recollections_cifar100_total_storage"
OMNIGLOT = "recollections_omniglot_lifelong"


def published() -> Sequence[Answer]:
    """Tables 4 and 5, the rows on Omniglot, and this book's aims."""
    return [*_incremental(), *_total(), *_omniglot(), *_aims()]


def _incremental() -> list[Answer]:
    row = _row(TABLE_4)
    online = grid.where("online")
    rows = [row({"model": "online", "effective_buffer": 0}, online, calibrates=True)]
    for size in grid.CODES:
        replay = grid.where("replay", images=size)
        own = grid.where("recollections", **grid.recollections(size))
        rows += [
            row({"model": "replay", "effective_buffer": size}, replay, calibrates=True),
            row({"model": "recollection", "effective_buffer": size}, own),
        ]
    return rows


def _total() -> list[Answer]:
    row, code = _row(TABLE_5), grid.total()
    random = grid.where("recollections", **code)
    started = grid.where("recollections", start="cifar10", **code)
    return [
        row({"model": "replay"}, grid.where("replay", images=grid.IMAGES), calibrates=True),
        row({"model": "gem"}, grid.where("gem", images=grid.IMAGES)),
        row({"model": "icarl"}, grid.where("icarl", images=grid.IMAGES)),
        row({"model": "categorical_76x2"}, random),
        row({"model": "categorical_76x2_pretrained_cifar10"}, started),
    ]


def _omniglot() -> list[Answer]:
    row = _row(OMNIGLOT)
    rows = []
    for cell in grid.cells("paper"):
        if cell.data == "omniglot" and cell.seed == 0:
            params = {**dict.fromkeys(grid.OPTIONAL), **cell.params}
            place = {
                "model": str(params["method"]).removesuffix("s"),
                "effective_buffer": int(params["images"] or 0),
                "steps_per_example": params["times"],
            }
            rows.append(row(place, params))
    return rows


def _aims() -> list[Answer]:
    """What recollections retain when everything is counted, by how the classes are split, and how
    far above JPEG copies in as many bits.
    """
    own = {
        split: grid.where("recollections", split=split, start="cifar10", **grid.halved())
        for split in ("superclass", "index")
    }
    copies = grid.where("jpeg 25", images=grid.IMAGES, counts="full")
    return [
        _aim("forgetting_200", own["superclass"]),
        _aim("forgetting_200_index", own["index"]),
        _aim("forgetting_200_over_jpeg", own["superclass"], minus=copies),
    ]


def _aim(key: str, where: Mapping[str, Any], minus: Mapping[str, Any] | None = None) -> Answer:
    return Answer(AIMS, {"key": key}, "aim", "retained", where, scale=100, minus=minus)


def _row(table: str) -> Callable[..., Answer]:
    def answer(
        place: Mapping[str, Any], where: Mapping[str, Any], *, calibrates: bool = False
    ) -> Answer:
        return Answer(
            table, place, "retention", "retained", where, scale=100, calibrates=calibrates
        )

    return answer
