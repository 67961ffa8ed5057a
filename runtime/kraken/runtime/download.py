"""Files as results: written piece by piece, and there only when they are whole."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import IO

__all__ = ["Download"]


class Download:
    """Takes the pieces of one file, into memory or beside the path where it shall appear."""

    def __init__(self, to: str | os.PathLike[str] | None) -> None:
        self._path = None if to is None else Path(to)
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
            self._file = self._partial.open("wb")

    def __call__(self, piece: bytes) -> None:
        """Take the next piece."""
        if self._file is None:
            self._pieces.append(piece)
        else:
            self._file.write(piece)

    def finish(self) -> bytes:
        """The file is whole: give it its name. Returns its bytes if they were collected in memory."""
        if self._file is None:
            return b"".join(self._pieces)
        self._file.close()
        self._file = None
        assert self._path is not None
        self._partial.replace(self._path)
        return b""

    def abandon(self) -> None:
        """Forget what came."""
        self._pieces.clear()
        if self._file is not None:
            self._file.close()
            self._file = None
            with contextlib.suppress(FileNotFoundError):
                self._partial.unlink()
