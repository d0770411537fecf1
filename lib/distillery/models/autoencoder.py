"""Autoencoders that put a picture into few bits: categorical codes, and a continuous rival (Riemer
et al., 2017, 2018).

Three 5x5 convolutions of stride 2 bring a picture down to 2x2 places, three transposed ones bring
it back; every layer has as many filters, and biases. Both answer with pixels in [0, 1]; the layer
`decoder` puts out their logits, which the loss `PixelCrossEntropy` looks at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from distillery.models.bits import check_size
from distillery.models.described import Described
from distillery.models.mlp import MLP, start_weights
from distillery.models.pictures import check_pictures
from distillery.models.stream import WithStream

# Padding of the convolutions on the way down, padding and output padding of the transposed ones on
# the way up.
_DOWN = {28: (1, 1, 1), 32: (1, 1, 0)}  # 28, 13, 6, 2 and 32, 15, 7, 2
_UP = {28: ((1, 1), (1, 0), (1, 1)), 32: ((0, 0), (1, 0), (1, 1))}
_CHANNELS = (1, 3)
_MOST_VALUES = 2**15  # what int16 counts
_AT_ONCE = 512  # pictures encoded or decoded together: what bounds the memory


class CategoricalAutoencoder(Described, WithStream):
    """c `variables` of l `values` each, c · l = 2 · 2 · F logits of them, F filters in every layer:
    `CategoricalAutoencoder(38, 2, …)`.

    In training mode a call draws codes by the Gumbel-softmax, straight-through: one value a
    variable goes forwards, the gradient is that of the softmax at `temperature` (Jang et al., 2017;
    Maddison et al., 2017). In evaluation mode it takes the likeliest code, and in training mode too
    once `noisy` is False; the layer `code` puts out what was taken, (B, c, l), the layer `logits`
    what it was drawn by. `reconstruct(x, rng=rng)` is the stochastic pass whose distortion the
    papers report. `width` filters instead of F between the pictures and the 2x2 places are ours.
    """

    def __init__(
        self,
        variables: int,
        values: int,
        *,
        rng: torch.Generator,
        channels: int = 1,
        size: int = 28,
        temperature: float = 1.0,
        width: int | None = None,
    ) -> None:
        filters = _filters(variables, values)
        width = filters if width is None else width
        check_size("width", width)
        _check_picture_size(channels, size)
        if not (temperature > 0 and math.isfinite(temperature)):
            raise ValueError(f"temperature is {temperature!r}: a positive number is needed")
        super().__init__(rng=rng)
        self.variables, self.values, self.filters, self.temperature = (
            variables,
            values,
            filters,
            temperature,
        )
        self.shape, self.noisy = (channels, size, size), True
        self.encoder = _down(channels, width, size, ends=filters)
        self.logits, self.code = nn.Identity(), nn.Identity()
        self.decoder = _up(channels, width, size, starts=filters)
        start_weights(self, rng=rng)

    def arguments(self) -> dict[str, Any]:
        (channels, size, _), width = self.shape, self.encoder[0].out_channels
        picture = {"channels": channels, "size": size}
        own = {} if width == self.filters else {"width": width}
        return {"variables": self.variables, "values": self.values, **picture, **own}

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction: (B, channels, size, size) to the same."""
        logits = self.logits(self.code_logits(x))
        chosen = (
            self._straight_through(logits)
            if self.training
            else _one_hot(logits.argmax(-1), self.values)
        )
        return _pixels(self.decoder(_places(self.code(chosen))))

    def code_logits(self, x: Tensor) -> Tensor:
        """(B, c, l): the logits of every value of every variable."""
        x = check_pictures(x, self.shape, model="autoencoder")
        return (
            _wide(self.encoder(x)).permute(0, 2, 3, 1).reshape(len(x), self.variables, self.values)
        )

    @torch.no_grad()
    def encode(self, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """Codes (B, c), uint8, or int16 where l is above 256: the likeliest, or with `rng` drawn
        from their probabilities.
        """
        dtype = torch.uint8 if self.values <= 256 else torch.int16
        return torch.cat(
            [self._choose(self.code_logits(part), rng).to(dtype) for part in x.split(_AT_ONCE)]
        )

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Pictures in [0, 1] from codes (B, c) of whole numbers below l."""
        self._check_codes(codes)
        return torch.cat(
            [_pixels(self.decoder(self.places(part))) for part in codes.split(_AT_ONCE)]
        )

    def places(self, codes: Tensor) -> Tensor:
        """(B, F, 2, 2): codes one-hot, as the layer `decoder` takes them."""
        return _places(_one_hot(codes.long(), self.values).to(next(self.parameters()).dtype))

    def reconstruct(self, x: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
        """What is remembered of a picture: through the likeliest code, or with `rng` through a code
        drawn.
        """
        return self.decode(self.encode(x, rng=rng))

    def _straight_through(self, logits: Tensor) -> Tensor:
        noisy = logits + _gumbel(logits, self.rng) if self.noisy else logits
        soft = (noisy / self.temperature).softmax(-1)
        return soft + (_one_hot(soft.argmax(-1), self.values) - soft).detach()

    def _choose(self, logits: Tensor, rng: torch.Generator | None) -> Tensor:
        return (logits if rng is None else logits + _gumbel(logits, rng)).argmax(-1)

    def _check_codes(self, codes: Any) -> None:
        if not isinstance(codes, Tensor) or codes.dim() != 2 or codes.shape[1] != self.variables:
            got = (
                f"have shape {tuple(codes.shape)}"
                if isinstance(codes, Tensor)
                else f"are a {type(codes).__name__}"
            )
            raise ValueError(f"codes {got}: a tensor (B, {self.variables}) is needed")
        if codes.is_floating_point() or codes.is_complex() or codes.dtype == torch.bool:
            raise ValueError(f"codes have dtype {codes.dtype}: whole numbers are needed")
        if len(codes) and not (codes.min() >= 0 and codes.max() < self.values):
            raise ValueError(
                f"codes hold {codes.min()} to {codes.max()}: every one must be in 0 to"
                f" {self.values - 1}"
            )


class ContinuousAutoencoder(Described, nn.Module):
    """h `latents` of 32 bits: the same convolutions, and a linear layer each way between the 2x2
    places and the latents.

    The papers give it three convolutions each way, and no widths. Ours has, unless `filters` says
    otherwise, F = 16 h filters: those of the categorical autoencoder with as many stored bits, 32 h
    variables of 2 values. With `dense` there are no convolutions, but linear layers of these widths
    between picture and latents, and the same in reverse: `dense=(1024, 512)`. With `linear` False
    there are no linear layers: the F filters at 2x2 places are the latents, 4 F of them.
    """

    def __init__(
        self,
        latents: int,
        *,
        rng: torch.Generator,
        channels: int = 1,
        size: int = 28,
        filters: int | None = None,
        dense: Sequence[int] | None = None,
        linear: bool = True,
    ) -> None:
        check_size("latents", latents)
        _check_picture_size(channels, size)
        if not linear and (dense is not None or filters is None or latents != 4 * filters):
            raise ValueError(
                f"latents is {latents}, filters {filters!r} and dense {dense!r} with linear=False:"
                " four latents a filter, and no dense layers, are needed"
            )
        super().__init__()
        self.latents, self.shape = latents, (channels, size, size)
        if dense is None:
            self._convolve(16 * latents if filters is None else filters, linear, rng)
        elif filters is not None:
            raise ValueError(
                f"filters is {filters!r} and dense is {tuple(dense)}: convolutions or dense layers"
                " are needed, not both"
            )
        else:
            widths = [math.prod(self.shape), *dense, latents]
            self.encoder = nn.Sequential(MLP(widths, rng=rng))
            self.decoder = nn.Sequential(MLP(widths[::-1], rng=rng), nn.Unflatten(1, self.shape))

    def _convolve(self, filters: int, linear: bool, rng: torch.Generator) -> None:
        check_size("filters", filters)
        channels, size, _ = self.shape
        narrow = [nn.ReLU(), nn.Flatten(), nn.Linear(4 * filters, self.latents)]
        widen = [nn.Linear(self.latents, 4 * filters), nn.ReLU()]
        self.encoder = nn.Sequential(
            _down(channels, filters, size), *(narrow if linear else [nn.Flatten()])
        )
        self.decoder = nn.Sequential(
            *(widen if linear else []),
            nn.Unflatten(1, (filters, 2, 2)),
            _up(channels, filters, size),
        )
        start_weights(self, rng=rng)

    def arguments(self) -> dict[str, Any]:
        channels, size, _ = self.shape
        within: Any = self.encoder[0]
        layers = (
            {"dense": within.arguments()["widths"][1:-1]}
            if isinstance(within, MLP)
            else {"filters": within[0].out_channels, **self._without_linear()}
        )
        return {"latents": self.latents, "channels": channels, "size": size, **layers}

    def _without_linear(self) -> dict[str, bool]:
        """Said of a network that has none, so that files written before say what they did."""
        has_linear = any(isinstance(layer, nn.Linear) for layer in self.encoder)
        return {} if has_linear else {"linear": False}

    def forward(self, x: Tensor) -> Tensor:
        """The reconstruction: (B, channels, size, size) to the same."""
        return _pixels(self.decoder(self._latents(x)))

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """Codes (B, h), float32."""
        return torch.cat([self._latents(part).float() for part in x.split(_AT_ONCE)])

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Pictures in [0, 1] from codes (B, h)."""
        if codes.dim() != 2 or codes.shape[1] != self.latents or not codes.is_floating_point():
            raise ValueError(
                f"codes have shape {tuple(codes.shape)} and dtype {codes.dtype}: floats (B,"
                f" {self.latents}) are needed"
            )
        return torch.cat([_pixels(self.decoder(part)) for part in codes.split(_AT_ONCE)])

    def reconstruct(self, x: Tensor) -> Tensor:
        """What is remembered of a picture."""
        return self.decode(self.encode(x))

    def _latents(self, x: Tensor) -> Tensor:
        latents: Tensor = self.encoder(check_pictures(x, self.shape, model="autoencoder"))
        return latents


def _filters(variables: int, values: int) -> int:
    check_size("variables", variables)
    if isinstance(values, bool) or not isinstance(values, int) or not 2 <= values <= _MOST_VALUES:
        raise ValueError(
            f"values is {values!r}: a whole number from 2 to {_MOST_VALUES} is needed (a variable"
            " of one value says nothing)"
        )
    if variables * values % 4:
        step = 4 // math.gcd(values, 4)
        near = [n for n in (variables // step * step, variables // step * step + step) if n]
        raise ValueError(
            f"variables * values is {variables} * {values} = {variables * values}: a multiple of 4"
            f" is needed, 2x2 places of equally many filters; with {values} values,"
            f" {' or '.join(map(str, near))} variables do"
        )
    return variables * values // 4


def _check_picture_size(channels: int, size: int) -> None:
    if channels not in _CHANNELS:
        raise ValueError(f"channels is {channels!r}: 1 (grey) or 3 (colour) is supported")
    if size not in _DOWN:
        raise ValueError(f"size is {size!r}: pictures of 28x28 or 32x32 pixels are supported")


def _down(channels: int, filters: int, size: int, *, ends: int | None = None) -> nn.Sequential:
    first, second, third = _DOWN[size]
    return nn.Sequential(
        nn.Conv2d(channels, filters, 5, stride=2, padding=first),
        nn.ReLU(),
        nn.Conv2d(filters, filters, 5, stride=2, padding=second),
        nn.ReLU(),
        nn.Conv2d(filters, ends or filters, 5, stride=2, padding=third),
    )


def _up(channels: int, filters: int, size: int, *, starts: int | None = None) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, (padding, more) in enumerate(_UP[size]):
        before, after = filters if i or not starts else starts, filters if i < 2 else channels
        layers += [
            nn.ConvTranspose2d(before, after, 5, stride=2, padding=padding, output_padding=more),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers[:-1])


def _places(chosen: Tensor) -> Tensor:
    """(B, c, l) as F filters at 2x2 places: the values of a variable are neighbouring filters, as
    they are in memory (channels last).
    """
    return chosen.reshape(len(chosen), 2, 2, chosen.shape[1] * chosen.shape[2] // 4).permute(
        0, 3, 1, 2
    )


def _pixels(logits: Tensor) -> Tensor:
    return _wide(logits).sigmoid()


def _wide(logits: Tensor) -> Tensor:
    """Half precision as float32: near 1 a sigmoid has no room in it, and noise would be rounded to
    few values.
    """
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _one_hot(index: Tensor, values: int) -> Tensor:
    """float32: an index (…,) becomes (…, values) with a 1 there."""
    return torch.zeros(*index.shape, values, device=index.device).scatter_(-1, index[..., None], 1)


def _gumbel(like: Tensor, rng: torch.Generator) -> Tensor:
    """Standard Gumbel noise: minus the log of exponential noise."""
    noise = torch.empty(like.shape, dtype=like.dtype, device=rng.device).exponential_(generator=rng)
    return -noise.clamp_(min=torch.finfo(noise.dtype).tiny).log_().to(like.device)
