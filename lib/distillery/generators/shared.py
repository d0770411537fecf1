"""One draw for a whole batch."""

from __future__ import annotations

from distillery.protocols import Batch, Generator


class Shared(Generator):
    """A single draw of another generator, the same for all n examples of a batch:
    `Alongside(inputs, Shared(chain))` costs one draw a step.

    The average over batches is that of a draw for each example; the examples of one batch err
    together. So Bayesian dark knowledge takes one network of the chain for each step of the student
    (Korattikara et al., 2015, algorithm 1).
    """

    def __init__(self, generator: Generator) -> None:
        self.generator = generator

    def draw(self, n: int) -> Batch:
        if n < 1:
            raise ValueError(f"n is {n!r}: at least 1 is needed")
        x = self.generator.draw(1).x
        return Batch(x.expand(n, *x.shape[1:]))
