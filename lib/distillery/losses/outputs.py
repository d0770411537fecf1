"""What losses do with outputs before they compare them."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from distillery.protocols import Batch


def wide(output: Tensor) -> Tensor:
    """Half-precision outputs as float32: a loss sums many small terms."""
    return output.float() if output.dtype in (torch.bfloat16, torch.float16) else output


def matched(target: Tensor, output: Tensor, *, loss: str) -> Tensor:
    """The teacher's answer in the shape of the student's.

    For a Bank the output is (S, B, K, …); the answer is then (B, K, …), the same for all, or (S *
    B, K, …) where each student has a stream of its own.
    """
    # A vector beside a matrix is a mistake, not a Bank.
    if output.dim() >= 3 and target.dim() == output.dim() - 1:
        if target.shape == (output.shape[0] * output.shape[1], *output.shape[2:]):
            return target.reshape(output.shape)
        if target.shape == output.shape[1:]:
            return target.expand_as(output)
    if target.shape != output.shape:
        raise ValueError(
            f"{loss}: the teacher's answer has shape {tuple(target.shape)}, the student's"
            f" {tuple(output.shape)}: equal shapes are needed"
        )
    return target


def matched_labels(labels: Tensor, logits: Tensor, *, loss: str) -> Tensor:
    """Integer labels (B,) for logits (B, K), or for a Bank's (S, B, K), each below K."""
    _check_range(labels, logits, loss=loss)
    shape = logits.shape[:-1]
    if len(shape) == 2 and labels.shape == (shape[0] * shape[1],):
        return labels.reshape(shape)
    if labels.shape != shape[-1:] or not shape:
        raise ValueError(
            f"{loss}: the labels have shape {tuple(labels.shape)} for logits of shape"
            f" {tuple(logits.shape)}: one label an example is needed"
        )
    return labels.expand(shape)


def _check_range(labels: Tensor, logits: Tensor, *, loss: str) -> None:
    # Only where it costs nothing: on an accelerator the host would wait for the value.
    if labels.device.type != "cpu" or labels.numel() == 0 or logits.dim() == 0:
        return
    lowest, highest = (int(label) for label in labels.aminmax())
    classes = logits.shape[-1]
    if lowest < 0 or highest >= classes:
        raise ValueError(
            f"{loss}: the labels go from {lowest} to {highest}: whole numbers from 0 to"
            f" {classes - 1} are needed for logits of {classes} classes"
        )


def with_slopes(batch: Batch) -> Batch:
    """The same batch with inputs that derivatives are kept for; a batch that has them already is
    returned as it is.
    """
    if not batch.x.is_floating_point():
        raise TypeError(
            f"batch.x is {batch.x.dtype}: floating-point inputs are needed, for derivatives with"
            " respect to them"
        )
    return batch if batch.x.requires_grad else replace(batch, x=batch.x.detach().requires_grad_())
