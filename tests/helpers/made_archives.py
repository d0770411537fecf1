"""Archives that zip programs and mischief make, and numpy does not."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

# What the two headers of a member begin with, and how many bytes on their flags stand.
_FLAGS = ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8))


def locked(path: Path | str, **arrays: np.ndarray) -> Path:
    """An .npz whose members say that they need a password, as `zip --encrypt` makes it."""
    path = Path(path)
    np.savez(path, **arrays)  # type: ignore[arg-type]
    content = bytearray(path.read_bytes())
    for mark, flags in _FLAGS:
        place = content.find(mark)
        while place >= 0:
            content[place + flags] |= 1
            place = content.find(mark, place + 4)
    path.write_bytes(content)
    return path


def claiming(path: Path | str, **shapes: tuple[int, ...]) -> Path:
    """An .npz whose members' headers claim float64 arrays of these shapes, and hold eight bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, shape in shapes.items():
            archive.writestr(f"{name}.npy", header(shape) + bytes(8))
    return Path(path)


def swollen(path: Path | str, size: int, **shapes: tuple[int, ...]) -> Path:
    """The same, and the archive's directory, too, claims that each member is `size` bytes long."""
    path = claiming(path, **shapes)
    with zipfile.ZipFile(path) as archive:
        lengths = [member.file_size for member in archive.infolist()]
    content = path.read_bytes()
    for length in lengths:
        content = content.replace(length.to_bytes(4, "little"), size.to_bytes(4, "little"))
    path.write_bytes(content)
    return path


def holding(path: Path | str, name: str, content: bytes) -> Path:
    """An archive with one member that may be anything."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content)
    return Path(path)


def header(shape: tuple[int, ...], dtype: str = "<f8") -> bytes:
    """What stands before the numbers of an .npy file."""
    written = io.BytesIO()
    about = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(written, about)
    return written.getvalue()
