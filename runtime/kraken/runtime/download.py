"""Files as results: written piece by piece, and there only when they are whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from .errors import Facts, InvalidRequest, KrakenError

__all__ = ["Download"]


class Download:
    """Takes the pieces of one file, into memory or beside the path where it shall appear."""

    def __init__(self, operation: str, to: str | os.PathLike[str] | None) -> None:
        self._operation = operation
        self._path = None if to is None else _path(operation, to)
        self._pieces: list[bytes] = []
        self._file: IO[bytes] | None = None

    @property
    def _partial(self) -> Path:
        assert self._path is not None
        return self._path.with_name(self._path.name + ".part")

    def begin(self) -> None:
        """Start anew: an earlier attempt may have brought some pieces."""
        self.abandon()
        if self._path is not None:
            with self._writing(sent=False):
                self._file = self._partial.open("wb")

    def __call__(self, piece: bytes) -> None:
        """Take the next piece."""
        if self._file is None:
            self._pieces.append(piece)
        else:
            with self._writing():
                self._file.write(piece)

    def finish(self) -> bytes:
        """The file is whole: give it its name. Returns its bytes if they were collected in memory."""
        if self._file is None:
            return b"".join(self._pieces)
        assert self._path is not None
        with self._writing():
            self._file.close()
            self._partial.replace(self._path)
            self._file = None
        return b""

    def abandon(self) -> None:
        """Forget what came."""
        self._pieces.clear()
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
            with contextlib.suppress(OSError):
                self._partial.unlink()

    @contextlib.contextmanager
    def _writing(self, *, sent: bool = True) -> Iterator[None]:
        """What the file system refuses is told as such: a transport would take it for a fault of the network."""
        try:
            yield
        except OSError as error:
            what = f"{self._path} cannot be written: {error.strerror or error}"
            raise KrakenError(what, Facts(self._operation, sent=sent)) from error


def _path(operation: str, to: str | os.PathLike[str]) -> Path:
    try:
        path = Path(to)
    except TypeError:
        path = Path()
    if not path.name:
        raise InvalidRequest(f"to: {to!r} does not name a file; allowed: a path", Facts(operation, sent=False))
    return path
