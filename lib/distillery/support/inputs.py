"""What a reader gives to a command, looked at before anything is computed."""

from __future__ import annotations

from pathlib import Path


def check_readable(path: str | Path, needed: str) -> Path:
    """A sentence with what is `needed` unless `path` is a file that can be opened."""
    path = Path(path)
    if path.is_dir():
        raise FileNotFoundError(f"{path} is a folder: {needed} is needed")
    try:
        with open(path, "rb"):
            pass
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is not there: {needed} is needed") from None
    except OSError as problem:
        raise OSError(
            f"{path} cannot be read ({problem.strerror}): {needed} that you may read is needed"
        ) from None
    return path


def check_seed(option: str, seed: int) -> int:
    """`seed` if a stream can have it; else a sentence."""
    if not 0 <= seed < 2**63:
        raise ValueError(f"{option} is {seed}: a whole number from 0, below 2^63, is needed")
    return seed
