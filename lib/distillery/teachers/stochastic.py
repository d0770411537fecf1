"""A network whose weights are a posterior draw: the teacher of Bayesian dark knowledge."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from distillery.protocols import Batch, Teacher


class StochasticNetwork(Teacher):
    """t(x, w): the network's answer with all its parameters, as one vector w, taken from
    `batch.draw` (thesis, equation 3.36).

    The network given is a form, its own weights are not used. It stays in evaluation mode, and its
    parameters get no gradients.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        parameters = dict(network.named_parameters())
        if not parameters:
            raise ValueError(
                f"network {type(network).__name__} has no parameters: at least one is needed, for a"
                " draw to take its place"
            )
        self.network = copy.deepcopy(network).requires_grad_(False)
        # Never read: two networks of one form, however they were initialised, are the same teacher.
        for parameter in self.network.parameters():
            parameter.zero_()
        self.shapes = {name: p.shape for name, p in parameters.items()}
        self.size = sum(shape.numel() for shape in self.shapes.values())
        self.eval()

    def train(self, mode: bool = True) -> StochasticNetwork:
        return super().train(False)

    def forward(self, batch: Batch) -> Tensor:
        """The answer to each example with its own draw, (B, …)."""
        if batch.draw is None:
            raise ValueError(
                "batch.draw is None: StochasticNetwork reads one vector of weights an example"
                " from it"
            )
        if batch.draw.shape != (len(batch), self.size):
            raise ValueError(
                f"batch.draw has shape {tuple(batch.draw.shape)}: one vector of {self.size} weights"
                " an example is needed"
            )
        answers: Tensor = vmap(lambda w, x: self._answer(w, x[None])[0])(batch.draw, batch.x)
        return answers

    def each(self, draws: Tensor, x: Tensor) -> Tensor:
        """The answers of every draw to every input, (C, P) and (B, …) -> (C, B, …)."""
        if draws.dim() != 2 or draws.shape[1] != self.size:
            raise ValueError(
                f"draws has shape {tuple(draws.shape)}: rows of {self.size} weights are needed"
            )
        answers: Tensor = vmap(self._answer, in_dims=(0, None))(draws, x)
        return answers

    def flat(self, network: nn.Module) -> Tensor:
        """The parameters of a network of this form as one vector."""
        shapes = {name: p.shape for name, p in network.named_parameters()}
        if shapes != self.shapes:
            raise ValueError(
                f"network {type(network).__name__} is of another form: parameters as in"
                f" {self.shapes} are needed"
            )
        return torch.cat([p.detach().flatten() for p in network.parameters()])

    def _answer(self, w: Tensor, x: Tensor) -> Tensor:
        """The answer of the network whose parameters are w, one after the other."""
        sizes = [shape.numel() for shape in self.shapes.values()]
        pieces = zip(self.shapes.items(), w.split(sizes), strict=True)
        parameters = {name: piece.view(shape) for (name, shape), piece in pieces}
        answer: Tensor = functional_call(self.network, parameters, (x,))
        return answer
