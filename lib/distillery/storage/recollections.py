"""The recollection file: codes, labels, the decoder and a plain-text card in one safetensors file;
read, it is a set of decoded pictures.

Format 1. Tensors: `codes`, bytes, packed as `packing.pack` writes them, a row for each byte of a
group (or, where there are `prior.…` tensors, one string coded by that prior); `labels`, bytes,
packed likewise in base `classes`, if there are labels; `decoder.…`, float16. The header's metadata
are strings: `format`, `version`, `count`, `variables`, `values`, `classes`, `channels`, `size`, the
`card`, and `checksum`, of everything but itself. The page `book/format.md` specifies it all, and
quotes a reader in numpy alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes
from torch import Tensor
from torch.utils.data import Dataset

from distillery.data.images import as_float, digest
from distillery.models.autoencoder import CategoricalAutoencoder
from distillery.protocols import Batch, Generator
from distillery.storage.packing import layout, pack, unpack
from distillery.storage.prior import WholePrior
from distillery.support.atomic import replacing

FORMAT, VERSION = "distillery recollections", 1
_NUMBERS = ("count", "variables", "values", "classes", "channels", "size")
_PRIOR, _DECODER = "prior.", "decoder."
_AT_ONCE = 512  # pictures decoded together


class Recollections(Generator, Dataset[tuple[Tensor, int]]):
    """Decoded pictures in [0, 1] with their labels (-1 where there are none): a data set of torch,
    and a generator with `rng`.

    `recollections[i]` is (picture, label); `recollections.decoded(indices)` many at once; `draw(n)`
    takes n at random, with replacement. All are decoded when the first is asked for, and kept as
    bytes, `recollections.pictures`: as much memory as the originals took.
    """

    def __init__(
        self,
        codes: Tensor,
        labels: Tensor | None,
        student: CategoricalAutoencoder,
        card: str,
        *,
        rng: torch.Generator | None,
    ) -> None:
        self.codes, self.labels, self.card, self.rng = codes, labels, card, rng
        self.student = student.eval()
        self._pictures: Tensor | None = None

    @classmethod
    def load(cls, path: str | Path, *, rng: torch.Generator | None = None) -> Recollections:
        """The recollections in a file, whose checksum is looked at first; `rng` is needed to draw
        from them.
        """
        about, arrays = _read(Path(path))
        count, variables, values, classes, channels, size = (int(about[name]) for name in _NUMBERS)
        labels = (
            torch.from_numpy(unpack(arrays["labels"].reshape(-1), classes, (count,))).long()
            if classes
            else None
        )
        decoder = {
            name: torch.from_numpy(array).float()
            for name, array in _below(_DECODER, arrays).items()
        }
        rng0, width = torch.Generator().manual_seed(0), decoder["0.weight"].shape[1]
        student = CategoricalAutoencoder(
            variables, values, rng=rng0, channels=channels, size=size, width=width
        )
        student.decoder.load_state_dict(decoder)
        return cls(
            _codes(arrays, values, (count, variables)), labels, student, about["card"], rng=rng
        )

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"index is {index}: there are {len(self)} recollections")
        return as_float(self.pictures[index]), (
            -1 if self.labels is None else int(self.labels[index])
        )

    @property
    def pictures(self) -> Tensor:
        """All pictures, uint8 (N, channels, size, size), decoded once."""
        if self._pictures is None:
            self._pictures = torch.empty(len(self), *self.student.shape, dtype=torch.uint8)
            for part, codes in zip(
                self._pictures.split(_AT_ONCE), self.codes.split(_AT_ONCE), strict=True
            ):
                part.copy_((self.student.decode(codes) * 255).round_())
        return self._pictures

    def decoded(self, indices: Tensor) -> Tensor:
        """The pictures (B, channels, size, size) at these places."""
        return as_float(self.pictures[indices])

    def draw(self, n: int) -> Batch:
        if self.rng is None:
            raise ValueError(
                "rng is None: to draw recollections at random, load them with rng=torch.Generator()"
            )
        index = torch.randint(len(self), (n,), generator=self.rng, device=self.rng.device).cpu()
        return Batch(self.decoded(index), None if self.labels is None else self.labels[index])


def save(
    path: str | Path,
    student: CategoricalAutoencoder,
    codes: Tensor,
    *,
    labels: Tensor | None = None,
    card: str = "",
    prior: WholePrior | None = None,
) -> int:
    """Write a recollection file, the whole or none of it: its size in bytes.

    The decoder is stored in float16, the encoder is not.
    """
    codes = codes.cpu()
    student._check_codes(codes)
    if labels is not None and (
        len(labels) != len(codes)
        or labels.is_floating_point()
        or (len(labels) and int(labels.min()) < 0)
    ):
        raise ValueError(
            f"labels are {tuple(labels.shape)} of {labels.dtype}: {len(codes)} whole numbers from"
            " 0, one a code, are needed"
        )
    classes = 0 if labels is None else max(2, int(labels.max()) + 1 if len(labels) else 2)
    array = codes.numpy()
    arrays = {
        "codes": (
            _packed(array, student.values)
            if prior is None
            else np.frombuffer(prior.encode(array), np.uint8)
        )
    }
    arrays |= {} if labels is None else {"labels": _packed(labels.cpu().numpy(), classes)}
    arrays |= {
        _DECODER + name: value.detach().half().cpu().numpy()
        for name, value in student.decoder.state_dict().items()
    }
    arrays |= (
        {} if prior is None else {_PRIOR + name: value for name, value in prior.arrays().items()}
    )
    numbers = (len(codes), student.variables, student.values, classes, *student.shape[:2])
    about = {name: str(number) for name, number in zip(_NUMBERS, numbers, strict=True)}
    return _write(
        Path(path),
        {name: np.ascontiguousarray(array) for name, array in arrays.items()},
        about | {"card": card},
    )


def sizes(path: str | Path) -> dict[str, int]:
    """The bytes of a recollection file by what they hold: `header`, `codes`, `decoder`, and
    `labels` and `prior` where there are any.
    """
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        tensors = json.loads(file.read(length))
    found = {"header": 8 + length}
    for name, facts in tensors.items():
        if name != "__metadata__":
            begin, end = facts["data_offsets"]
            part = name.partition(".")[0]
            found[part] = found.get(part, 0) + end - begin
    return found


def _packed(array: np.ndarray, values: int) -> np.ndarray:
    """The bytes with a row for byte 0 of all groups, one for byte 1, and so on: the shape alone
    says how they are unpacked.
    """
    return pack(array, values).reshape(max(1, layout(array.size, values).width), -1)


def _codes(arrays: Mapping[str, np.ndarray], values: int, shape: tuple[int, int]) -> Tensor:
    prior = _below(_PRIOR, arrays)
    if prior:
        return torch.from_numpy(
            WholePrior.from_arrays(prior).decode(arrays["codes"].tobytes(), shape[0])
        )
    return torch.from_numpy(unpack(arrays["codes"].reshape(-1), values, shape))


def _below(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _write(path: Path, arrays: dict[str, np.ndarray], about: dict[str, str]) -> int:
    about = {"format": FORMAT, "version": str(VERSION), **about}
    with replacing(path) as part:
        part.write_bytes(
            _in_order(to_bytes(arrays, metadata={**about, "checksum": _checksum(arrays, about)}))
        )
    return path.stat().st_size


def _in_order(content: bytes) -> bytes:
    """The same file with its header sorted: equal contents are equal bytes."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(
        json.loads(content[8:start]), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[start:]


def _read(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """What the header says, and the tensors, if the file is one of ours and whole."""
    try:
        with safe_open(path, framework="numpy") as file:
            about = dict(file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dictionary)
    except SafetensorError as error:
        raise ValueError(
            f"{path} cannot be read as a recollection file: it was cut short, or is none ({error})"
        ) from error
    if about.get("format") != FORMAT:
        raise ValueError(f"{path} is no recollection file: its header does not say {FORMAT!r}")
    if about.get("version") != str(VERSION):
        raise ValueError(
            f"{path} has format version {about.get('version')!r}: this release reads version"
            f" {VERSION}"
        )
    checksum = about.pop("checksum", "")
    if checksum != _checksum(arrays, about):
        raise ValueError(f"{path} was altered: its checksum is not that of its contents")
    return about, arrays


def _checksum(arrays: Mapping[str, np.ndarray], about: Mapping[str, str]) -> str:
    """`data.images.digest` of the tensors and of the header's strings, each as bytes under the name
    `about.…`.
    """
    strings = {
        f"about.{name}": np.frombuffer(text.encode(), np.uint8) for name, text in about.items()
    }
    return digest({**arrays, **strings})
