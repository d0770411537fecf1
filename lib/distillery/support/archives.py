"""Archives of arrays that somebody else has written, .npz or .npy, read so that nothing in them is
believed before it is checked.

Nothing is ever unpickled. An array is given room only after its header has been compared with what
the archive says it holds, and that with the length of the file: deflate makes nothing more than
1,032 times smaller. Whatever is wrong becomes one sentence that names the file and what is needed.
"""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

_ZIPS, _NPY = (b"PK\x03\x04", b"PK\x05\x06"), npy.MAGIC_PREFIX
_PICKLE, _PICKLE_VERSIONS = 0x80, range(2, 6)  # the first two bytes of a binary pickle
_MOST_DEFLATED = 1032  # the most bytes that one byte of a deflated stream can stand for
_ENCRYPTED = 1  # the flag of a member that needs a password
_AT_ONCE = 1 << 20  # bytes read together
_PICKLED = "is a pickle, or holds one, and pickles are never opened"
# What zipfile, zlib and numpy's reader of headers raise at bytes that somebody altered.
_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    tokenize.TokenError,
    EOFError,
    NotImplementedError,
    OverflowError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
)


class BadArchiveError(ValueError):
    """A file is not the archive of arrays that was needed."""


def opened(
    path: str | Path, *, needed: str, error: type[ValueError] = BadArchiveError
) -> IO[bytes]:
    """A file to be read, or a sentence that tells one that is missing from one that may not be
    read.
    """
    try:
        return open(path, "rb")
    except OSError as problem:
        is_folder = Path(path).is_dir()
        if isinstance(problem, FileNotFoundError) or is_folder:
            where = "a folder" if is_folder else "not there"
            raise FileNotFoundError(f"{path} is {where}: {needed}") from None
        raise error(f"{path} cannot be read ({problem.strerror}): {needed}") from None


class Archive:
    """The arrays of an .npz file, or the single one of an .npy file, read one at a time by name.

    `needed` ends each sentence about a file that cannot be read, and `error` is what it is raised
    as. An .npy file is `single`: its array has the name of the file without the ending.
    """

    def __init__(
        self, path: str | Path, *, needed: str, error: type[ValueError] = BadArchiveError
    ) -> None:
        self.path, self._needed, self._error = Path(path), needed, error
        self._file = opened(path, needed=needed, error=error)
        try:
            self._size = self._file.seek(0, 2)
            self._zip = self._unzipped()
        except BaseException:
            self._file.close()
            raise
        self.single = self._zip is None
        members = [] if self._zip is None else self._zip.infolist()
        self._members = {member.filename.removesuffix(".npy"): member for member in members}
        self.names = (self.path.stem,) if self.single else tuple(self._members)

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, name: str) -> np.ndarray:
        """The array of that name."""
        with self._in_words(name):
            if self._zip is None:
                self._file.seek(0)
                return self._array(name, self._file, self._size)
            member = self._members[name]
            self._check(member)
            with self._zip.open(member) as stream:
                array = self._array(name, stream, member.file_size)
                stream.read(1)  # the member's checksum is compared when its end is reached
                return array

    def refused(self, what: str) -> ValueError:
        """The sentence about this file: what it is, and what is needed in its place."""
        return self._error(f"{self.path} {what}: {self._needed}")

    def _unzipped(self) -> zipfile.ZipFile | None:
        """The file as a zip archive; None if it is a single array."""
        self._file.seek(0)
        begins = self._file.read(len(_NPY))
        if begins == _NPY:
            return None
        if not begins.startswith(_ZIPS):
            raise self.refused(_what_begins(begins))
        with self._in_words("something"):
            return zipfile.ZipFile(self._file)

    def _check(self, member: zipfile.ZipInfo) -> None:
        """An error unless a file of this length can hold as many bytes as the member claims."""
        if member.flag_bits & _ENCRYPTED:
            raise self.refused("is protected by a password, and is not opened")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self.refused(
                f"holds {member.filename}, which is compressed otherwise than by deflate"
            )
        times = _MOST_DEFLATED if member.compress_type == zipfile.ZIP_DEFLATED else 1
        there = min(member.compress_size, self._size)
        if member.file_size > times * there:
            raise self.refused(
                f"claims {member.file_size:,} bytes for {member.filename}, which {there:,} bytes of"
                " a file cannot hold"
            )

    def _array(self, name: str, stream: IO[bytes], size: int) -> np.ndarray:
        """The array in a stream of `size` bytes, its header first."""
        shape, by_columns, dtype = self._header(name, stream, size)
        flat = np.empty(math.prod(shape), dtype)
        room = flat.view(np.uint8).data if flat.nbytes else memoryview(b"")
        for start in range(0, len(room), _AT_ONCE):
            part = room[start : start + _AT_ONCE]
            if stream.readinto(part) < len(part):  # type: ignore[attr-defined]
                raise EOFError
        return flat.reshape(shape, order="F" if by_columns else "C")

    def _header(
        self, name: str, stream: IO[bytes], size: int
    ) -> tuple[tuple[int, ...], bool, np.dtype]:
        """Shape, order and type of an array, if what they claim is there."""
        if stream.read(len(_NPY)) != _NPY:
            raise self.refused(f"holds {name}, which is no array")
        version = tuple(stream.read(2))
        if version not in ((1, 0), (2, 0)):
            raise self.refused(f"holds {name}, which is no plain array")
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, by_columns, dtype = read(stream)
        if dtype.hasobject:
            raise self.refused(_PICKLED)
        claimed, left = math.prod(shape) * max(1, dtype.itemsize), size - stream.tell()
        if min(shape, default=0) < 0 or claimed > left:
            raise self.refused(
                f"claims that {name} is {dtype} {'x'.join(map(str, shape))}, {claimed:,} bytes,"
                f" and has {left:,} for it"
            )
        return shape, by_columns, dtype

    @contextmanager
    def _in_words(self, name: str) -> Iterator[None]:
        """Whatever numpy and zipfile raise at altered bytes, as a sentence."""
        try:
            yield
        except self._error:
            raise
        except MemoryError:
            raise self.refused(f"holds {name}, for which there is not enough memory") from None
        except OSError as problem:
            raise self.refused(f"cannot be read ({problem.strerror or problem})") from None
        except _DAMAGES:
            raise self.refused("is truncated or damaged") from None


def _what_begins(begins: bytes) -> str:
    """What a file is that is no archive, by its first bytes."""
    if not begins:
        return "is empty"
    if begins[0] == _PICKLE and begins[1:2] and begins[1] in _PICKLE_VERSIONS:
        return _PICKLED
    return "is neither an archive of arrays (.npz) nor an array (.npy)"
