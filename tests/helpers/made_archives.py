"""Archives that zip programs make, and numpy does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

_LOCAL, _CENTRAL = (
    b"PK\x03\x04",
    b"PK\x01\x02",
)  # what the two headers of a member begin with; their flags are 6 and 8 bytes on


def locked(path: Path | str, **arrays: np.ndarray) -> Path:
    """An .npz whose members say that they need a password, as `zip --encrypt` makes it."""
    path = Path(path)
    np.savez(path, **arrays)  # type: ignore[arg-type]
    content = bytearray(path.read_bytes())
    for mark, flags in ((_LOCAL, 6), (_CENTRAL, 8)):
        place = content.find(mark)
        while place >= 0:
            content[place + flags] |= 1
            place = content.find(mark, place + 4)
    path.write_bytes(content)
    return path
