"""What surrounds the loop's steps: checks at the door, checkpoints, schedules, an optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distillery.support.lazily import lazily

if TYPE_CHECKING:
    from distillery.training.adadelta import Adadelta
    from distillery.training.run import Diverged, History
    from distillery.training.schedules import linear_to_zero, milestones, one_cycle

__all__ = [
    "Adadelta",
    "Diverged",
    "History",
    "linear_to_zero",
    "milestones",
    "one_cycle",
]

# found when first used; `sgd` stays in the module of its name
_HOMES = {
    "Adadelta": "adadelta",
    "Diverged": "run",
    "History": "run",
    "linear_to_zero": "schedules",
    "milestones": "schedules",
    "one_cycle": "schedules",
}
__getattr__, __dir__ = lazily(__name__, _HOMES, globals())
