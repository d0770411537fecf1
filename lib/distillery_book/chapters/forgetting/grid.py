"""The runs of chapter 5: what is calibrated, the papers' tables, and beyond them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from distillery_book.chapters.forgetting import memories, setting
from distillery_book.chapters.forgetting.setting import CANDIDATES, CHOSEN, Setting
from distillery_book.results.study import WEIGHTS, Cell, Profile

SEEDS = 5
CALIBRATED = 2  # seeds of the trial that decodes what the papers leave open
CODES = {10: (48, 2), 50: (244, 2), 200: (620, 3)}  # by real images that would fill their bits
TOTAL = (76, 2)
OMNIGLOT_CODES = {10: (62, 2), 50: (312, 2)}
CIFAR_TASKS, OMNIGLOT_TASKS = 20, 50
IMAGES, MANY_IMAGES = 200, 1200
AFTERWARDS, CHUNKS = "cifar10", 10  # one pass; the papers' million examples would be twenty
RIVALS = ("gem", "agem", "icarl", "derpp", "mer", "own rates")
TINY = (8, 2)
# What a run may be told beside the setting; a lookup that names none of them means runs without.
OPTIONAL = (
    "images",
    "counts",
    "variables",
    "values",
    "start",
    "stored_bits",
    "memory",
    "joint",
    "afterwards",
)


def cells(profile: Profile) -> Sequence[Cell]:
    """The calibration first, since all that follows is run as it decides."""
    if profile == "smoke":
        return list(_smoke())
    if profile == "laptop":
        return [cell("online"), cell("replay", images=IMAGES), cell("jpeg 25", images=IMAGES)]
    parts = (
        _calibration(),
        _tables(),
        _beyond(),
        _omniglot(),
        _oftener(),
        _figures(),
        _afterwards(),
        _halved(),
        _few_bits(),
    )
    every = [each for part in parts for each in part]
    return list({str(each): each for each in every}.values())


def cell(
    method: str,
    *,
    seed: int = 0,
    split: str = "superclass",
    how: Setting | None = None,
    data: str = "cifar100",
    tasks: int = CIFAR_TASKS,
    **more: Any,
) -> Cell:
    """A run by its method; `images` and `counts` are the budget where there is a memory."""
    own = params(method, split=split, how=how, tasks=tasks, **more)
    weights = f"+{WEIGHTS}{setting.PRETRAINED}" if more.get("start") == "cifar10" else ""
    another = f"+{AFTERWARDS}" if "afterwards" in more else ""
    return Cell(own, seed, data + another + weights)


def params(
    method: str,
    *,
    split: str = "superclass",
    how: Setting | None = None,
    tasks: int = CIFAR_TASKS,
    **more: Any,
) -> dict[str, Any]:
    """What a run is told."""
    width = {"width": more.pop("width", setting.WIDTH)}
    budget = {"counts": more.pop("counts", "incremental")} if "images" in more else {}
    chosen = (CHOSEN if how is None else how).params()
    return {"method": method, "split": split, "tasks": tasks, **width, **chosen, **more, **budget}


def where(method: str, **more: Any) -> dict[str, Any]:
    """What names the runs among the records that were told this, and nothing else."""
    return {**dict.fromkeys(OPTIONAL), **params(method, **more)}


def recollections(size: int) -> dict[str, Any]:
    """The code and budget of the papers' incremental rows."""
    variables, values = CODES[size]
    return {"images": size, "variables": variables, "values": values}


def total(counts: str = "total") -> dict[str, Any]:
    """The code and budget of the papers' total row."""
    variables, values = TOTAL
    return {"images": IMAGES, "variables": variables, "values": values, "counts": counts}


def pretraining(*, data: str = "cifar10", passes: int = setting.PRETRAINING_PASSES) -> Cell:
    """The autoencoder of the total rows, trained on other pictures."""
    variables, values = TOTAL
    own: dict[str, Any] = {"variables": variables, "values": values, "passes": passes}
    return Cell({"method": "pretraining", **own}, 0, data)


def _smoke() -> Iterator[Cell]:
    tiny: dict[str, Any] = {"data": setting.STAND_IN, "tasks": 4, "width": 3}
    yield cell("online", **tiny)
    yield cell("replay", images=20, **tiny)
    variables, values = TINY
    code: dict[str, Any] = {"images": 20, "variables": variables, "values": values}
    yield cell("recollections", **code, **tiny)


def _calibration() -> Iterator[Cell]:
    """Rows without a code alone: online, and replay of 200 and 10 images."""
    for seed in range(CALIBRATED):
        for how in CANDIDATES:
            once = replace(how, times=1)
            yield cell("online", seed=seed, how=once)
            yield cell("replay", seed=seed, how=how, images=IMAGES)
            yield cell("replay", seed=seed, how=how, images=10)


def _tables() -> Iterator[Cell]:
    """Tables 4 and 5, with the joint bound at as many steps."""
    yield pretraining()
    for seed in range(SEEDS):
        yield cell("online", seed=seed)
        yield cell("joint", seed=seed)
        for size in CODES:
            yield cell("replay", seed=seed, images=size)
        for size in (10, 50):
            yield cell("recollections", seed=seed, **recollections(size))
        yield cell("recollections", seed=seed, **total())
        yield cell("recollections", seed=seed, start="cifar10", **total())
        yield cell("icarl", seed=seed, images=IMAGES)
    for seed in range(3):
        yield cell("gem", seed=seed, images=IMAGES)
    yield cell("recollections", **recollections(200))


def _beyond() -> Iterator[Cell]:
    """All methods on all splits at the bits of 200 images, everything counted."""
    budget: dict[str, Any] = {"images": IMAGES, "counts": "full"}
    for seed in range(3):
        for split in setting.SPLITS:
            yield cell("joint", seed=seed, split=split)
            yield cell("online", seed=seed, split=split)
            for name in ("replay", *memories.CODECS, *RIVALS):
                yield cell(name, seed=seed, split=split, **budget)
            own = total("full")
            yield cell("recollections", seed=seed, split=split, start="cifar10", **own)
        yield cell("both", seed=seed, **recollections(50))


def _oftener() -> Iterator[Cell]:
    """More steps for each new example, with the joint bound at as many."""
    budget: dict[str, Any] = {"images": IMAGES, "counts": "full"}
    for split in ("superclass", "index"):
        for times in (3, 10):
            how = replace(CHOSEN, times=times)
            yield cell("joint", split=split, how=how)
            for name in ("replay", "jpeg 25"):
                yield cell(name, split=split, how=how, **budget)
            own = total("full")
            yield cell("recollections", split=split, how=how, start="cifar10", **own)


def _figures() -> Iterator[Cell]:
    """Figure 3: what an autoencoder forgets, by what it replays and where it starts."""
    ten, code = replace(CHOSEN, times=10), total("incremental")
    for memory in ("none", "own", "real"):
        yield cell("autoencoder", how=ten, memory=memory, **code)
    yield cell("autoencoder", memory="none", start="cifar10", **code)
    yield cell("autoencoder", memory="none", joint=True, **code)


def _afterwards() -> Iterator[Cell]:
    """Figure 4: what is retained while CIFAR-10 is learned, by small exact memories and large lossy
    ones.
    """
    for seed in range(3):
        for size in (IMAGES, MANY_IMAGES):
            yield cell("replay", seed=seed, images=size, afterwards=CHUNKS)
        for size in (10, 50):
            yield cell("recollections", seed=seed, afterwards=CHUNKS, **recollections(size))


def _halved() -> Iterator[Cell]:
    """The autoencoder's parameters stored in half precision, which makes room for codes."""
    for split in ("superclass", "index"):
        for seed in range(3):
            yield cell("recollections", seed=seed, split=split, start="cifar10", **halved())


def _few_bits() -> Iterator[Cell]:
    """What recollections of the smallest budget have to be better than, beside photographs."""
    for seed in range(3):
        yield cell("jpeg 25", seed=seed, images=10, counts="full")


def halved() -> dict[str, Any]:
    """The papers' code, everything counted, parameters in 16 bits."""
    return {**total("full"), "stored_bits": 16}


def _omniglot() -> Iterator[Cell]:
    for seed in range(SEEDS):
        yield omniglot("online", seed=seed)
        for size, (variables, values) in OMNIGLOT_CODES.items():
            for times in (1, 3) if size == 50 else (1,):
                how = replace(CHOSEN, times=times)
                yield omniglot("replay", seed=seed, how=how, images=size)
                code: dict[str, Any] = {"variables": variables, "values": values}
                yield omniglot("recollections", seed=seed, how=how, images=size, **code)


def omniglot(method: str, *, seed: int = 0, how: Setting | None = None, **more: Any) -> Cell:
    own: dict[str, Any] = {"split": setting.OMNIGLOT, "tasks": OMNIGLOT_TASKS, "data": "omniglot"}
    return cell(method, seed=seed, how=how, **own, **more)
