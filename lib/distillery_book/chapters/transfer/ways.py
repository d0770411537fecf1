"""Ways to learn more from the same recollections, each tried by itself against the papers' way.

A student begins with the same weights and draws the same recollections in the same order whatever
the way, so that differences are paired; which way is better the held-out images say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from distillery.generators import Augmented, Generator, Resample
from distillery.generators.augment import jitter
from distillery.generators.resample import as_unit
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.training.schedules import Schedule
from distillery_book.chapters.transfer.memories import AT_ONCE

FALLS_AFTER = 1000  # examples, after which a falling rate has lost its first three tenths


@dataclass(frozen=True)
class Way:
    """The papers' way, unless said otherwise: logits divided by a `temperature`; a rate that
    `falls`; pictures shifted by up to `shift` pixels, whose answers stay; the first pass in the
    order of the memory.
    """

    temperature: float = 1.0
    falls: bool = False
    shift: float = 0.0
    in_order: bool = False

    def schedule(self, batch: int) -> Schedule | None:
        """After n examples the rate is its first, divided by the root of 1 + n / 1000. It knows of
        no end, so that a run may be looked at on its way as at its end.
        """
        if not self.falls:
            return None
        return lambda step: float((1 + step * batch / FALLS_AFTER) ** -0.5)

    def drawn(
        self, examples: tuple[Tensor, Tensor], *, order: torch.Generator, shifts: torch.Generator
    ) -> Generator:
        """Examples in the order of that stream, whether or not another stream shifts them."""
        source = Resample(*examples, rng=order)
        if self.in_order:
            source.order = torch.arange(len(source.x), device=order.device)
            source.passes_begun = 1
        if self.shift == 0:
            return source
        return Augmented(source, jitter(shift=self.shift, turn=0, scale=0), rng=shifts)

    def departs(self) -> dict[str, list[Any]]:
        """In what a way differs from the papers'."""
        departures: dict[str, list[Any]] = {}
        if self.temperature != 1:
            departures["temperature"] = ["not given", self.temperature]
        if self.falls:
            departures["optimizer"] = ["a constant rate", "a falling rate"]
        if self.shift or self.in_order:
            shown = "shifted at random" if self.shift else "the likeliest first"
            departures["generator"] = ["recollections at random", shown]
        return departures


AS_PRINTED = Way()
PLAIN = "plain"
WAYS = {
    PLAIN: AS_PRINTED,
    "temperature 2": Way(temperature=2),
    "temperature 5": Way(temperature=5),
    "falling rate": Way(falls=True),
    "shifted": Way(shift=1),
    "likeliest first": Way(in_order=True),
}


def of(params: Mapping[str, Any]) -> Way:
    """The way of a cell with such parameters."""
    return WAYS[str(params.get("way", PLAIN))]


@torch.no_grad()
def likeliest_first(
    examples: tuple[Tensor, Tensor],
    codec: CategoricalAutoencoder,
    x: Tensor,
    *,
    rng: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Recollections of these pictures from the one whose code the encoder held likeliest to the one
    it held least likely; `rng` is in the state in which their codes were drawn.
    """
    likely = []
    for part in map(as_unit, x.split(AT_ONCE)):
        codes = codec.encode(part, rng=rng).long()
        log_probs = codec.code_logits(part).log_softmax(-1)
        likely.append(log_probs.gather(-1, codes[..., None]).sum((1, 2)))
    order = torch.cat(likely).argsort(descending=True, stable=True)
    pictures, answers = examples
    return pictures[order], answers[order]


def held(metrics: Mapping[str, float], column: str, episodes: int) -> float:
    """The share of held-out images that a column's student answers rightly at its better rate: what
    ways are judged by.
    """
    return metrics[f"held_{metrics[f'rate_{column}_{episodes}']:g}_{column}_{episodes}"]
