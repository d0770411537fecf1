"""Teachers whose answer travelled with the input, or is the input."""

from __future__ import annotations

from torch import Tensor

from distillery.protocols import Batch, Teacher


class Recorded(Teacher):
    """The answer recorded with each input: logits, log probabilities, pictures."""

    def forward(self, batch: Batch) -> Tensor:
        if batch.y is None:
            raise ValueError(
                f"{type(self).__name__}: the batch carries no y: a generator that hands it out is"
                " needed, such as Resample(x, y, rng=rng)"
            )
        return batch.y


class Labels(Recorded):
    """The label of each input, an integer."""

    def forward(self, batch: Batch) -> Tensor:
        labels = super().forward(batch)
        if labels.is_floating_point():
            raise TypeError(
                f"Labels: y is {labels.dtype}: integers are needed, or the teacher Recorded"
            )
        return labels


class RecordedSlopes(Recorded):
    """Log probabilities and their slopes, recorded with each input as y (B, K, 1 + D), as
    `generators.Asked(…, slopes=True)` does.
    """

    def forward(self, batch: Batch) -> Tensor:
        return self.log_slopes(batch)[0]

    def log_slopes(self, batch: Batch) -> tuple[Tensor, Tensor]:
        y = super().forward(batch)
        if y.dim() != 3 or y.shape[2] != 1 + batch.x[0].numel():
            raise ValueError(
                f"y has shape {tuple(y.shape)}: (B, K, {1 + batch.x[0].numel()}) is needed, as of"
                " Asked(..., slopes=True)"
            )
        return y[..., 0].float(), y[..., 1:].float().unflatten(2, batch.x.shape[1:])


class Inputs(Teacher):
    """The input itself: what an autoencoder is to answer."""

    def forward(self, batch: Batch) -> Tensor:
        return batch.x
