"""What the recollection papers conclude about lifelong learning, and the runs that test it.

Runs of the same seed share the stream's order and the reasoner's first weights, so that methods are
compared seed by seed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from distillery_book.chapters.forgetting import grid, setting
from distillery_book.results.claims import Mean, Test, above, every

STUDY = "forgetting"
THRICE = replace(setting.CHOSEN, times=3)


def retained(method: str, **more: Any) -> Mean:
    """What is answered rightly at the end of CIFAR-100's stream, in points."""
    return Mean(STUDY, "retained", grid.where(method, **more), 100.0, scatters=True)


def recollections(size: int) -> Mean:
    """The same with codes in the bits of so many images."""
    return retained("recollections", **grid.recollections(size))


def counted(**more: Any) -> Mean:
    """The same with codes and their autoencoder in the bits of 200 images."""
    return retained("recollections", **grid.total(), **more)


def alphabets(method: str, *, times: int = 1, **more: Any) -> Mean:
    """What is answered rightly at the end of Omniglot's stream, in points."""
    how = replace(setting.CHOSEN, times=times)
    own = grid.where(method, split=setting.OMNIGLOT, tasks=grid.OMNIGLOT_TASKS, how=how, **more)
    return Mean(STUDY, "retained", own, 100.0, scatters=True)


def distortion(memory: str, *, times: int = 10, **more: Any) -> Mean:
    """How far an autoencoder's pictures are from unseen ones when the stream has ended."""
    how = replace(setting.CHOSEN, times=times)
    own = grid.where("autoencoder", how=how, memory=memory, **grid.total("incremental"), **more)
    return Mean(STUDY, "distortion", own, scatters=True)


def _codes_above_images(sizes: Iterable[int]) -> Test:
    return every(*(above(recollections(size), retained("replay", images=size)) for size in sizes))


def _alphabets_above_images() -> Test:
    tests = []
    for size, times in ((10, 1), (50, 1), (50, 3)):
        variables, values = grid.OMNIGLOT_CODES[size]
        codes = alphabets(
            "recollections", times=times, images=size, variables=variables, values=values
        )
        tests.append(above(codes, alphabets("replay", times=times, images=size)))
    return every(*tests)


def _oftener() -> Test:
    variables, values = grid.OMNIGLOT_CODES[50]
    code = {"images": 50, "variables": variables, "values": values}
    return above(alphabets("recollections", times=3, **code), alphabets("recollections", **code))


def _both() -> Test:
    both = retained("both", **grid.recollections(50))
    return every(above(both, recollections(50)), above(both, retained("replay", images=50)))


def lost(method: str, **more: Any) -> Mean:
    """How many points CIFAR-100's tasks lose while CIFAR-10 is learned."""
    own = grid.where(method, afterwards=grid.CHUNKS, **more)
    return Mean(STUDY, "lost", own, 100.0, scatters=True)


_IMAGES = {"images": grid.IMAGES}

TESTS: dict[str, Test] = {
    "forgetting_codes_above_images": _codes_above_images((10, 50)),
    "forgetting_few_images_hurt": above(retained("online"), retained("replay", images=10)),
    "forgetting_parameters_paid": above(counted(start="cifar10"), retained("replay", **_IMAGES)),
    "forgetting_transfer": above(counted(start="cifar10"), counted()),
    "forgetting_best": every(
        above(counted(start="cifar10"), retained("gem", **_IMAGES)),
        above(counted(start="cifar10"), retained("icarl", **_IMAGES)),
    ),
    "forgetting_both": _both(),
    "forgetting_own_replay": above(distortion("none"), distortion("own")),
    "forgetting_longer": above(
        lost("replay", images=grid.MANY_IMAGES), lost("recollections", **grid.recollections(50))
    ),
    "forgetting_alphabets": _alphabets_above_images(),
    "forgetting_alphabets_oftener": _oftener(),
}
