"""What a memory takes, in bits: one account, counted as the papers count and in full."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from distillery.storage.budgets import TooSmallError
from distillery.storage.packing import packed_bits


@dataclass(frozen=True)
class Counted:
    """Bits of each part: pictures (or codes in place of them), labels with recorded answers, tasks,
    and the parameters without which codes are nothing.
    """

    pictures: float
    labels: float = 0.0
    task: float = 0.0
    parameters: float = 0.0

    @property
    def total(self) -> float:
        return self.pictures + self.labels + self.task + self.parameters

    def __add__(self, other: Counted) -> Counted:
        return Counted(
            self.pictures + other.pictures,
            self.labels + other.labels,
            self.task + other.task,
            self.parameters + other.parameters,
        )


@dataclass(frozen=True)
class Account:
    """A memory counted twice: as the recollection papers count, who leave labels and tasks out, and
    in full, as `Memory.written` packs it.
    """

    published: Counted
    full: Counted

    @property
    def incremental(self) -> float:
        """As published where what an example adds is limited: pictures or codes alone."""
        return self.published.pictures

    @property
    def total(self) -> float:
        """As published where everything is limited: with the parameters, at stored precision."""
        return self.published.pictures + self.published.parameters

    def __add__(self, other: Account) -> Account:
        return Account(self.published + other.published, self.full + other.full)


@dataclass(frozen=True)
class Carried:
    """What travels with a picture in memory: a label of so many `classes`, a task of so many
    `tasks`, and so many recorded `answers`, logits of 16 bits.
    """

    classes: int
    tasks: int
    answers: int = 0

    def bits(self, count: int) -> tuple[int, int]:
        """Labels with answers, and tasks, of so many pictures, packed together."""
        labels = packed_bits(count, max(2, self.classes), tight=True)
        tasks = packed_bits(count, max(2, self.tasks), tight=True)
        return labels + 16 * self.answers * count, tasks


def largest(budget_bits: float, bits_of: Callable[[int], float]) -> int:
    """The most examples that fit: `bits_of(count)` is at most the budget, and grows with the count.

    A budget that one example exceeds is refused.
    """
    if bits_of(1) > budget_bits:
        raise TooSmallError(
            f"budget_bits is {budget_bits:g}: a memory of one example takes {bits_of(1):g}",
            bits_of(1),
        )
    low, high = 1, 2
    while bits_of(high) <= budget_bits:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if bits_of(middle) <= budget_bits else (low, middle)
    return low
