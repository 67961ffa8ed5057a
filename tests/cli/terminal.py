"""The program at a terminal of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

PATIENCE = 40
COLOUR = re.compile(r"\x1b\[(?:[\d;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[\d;]*)?m")
"""A sequence that chooses a colour; the terminal's own colours, 39 and 49, are none."""


class Terminal:
    """What a process shows, and a keyboard."""

    def __init__(self, process: subprocess.Popen[bytes], side: int) -> None:
        self.process = process
        self.shown = ""
        self._side = side

    def until(self, text: str) -> None:
        """Read until something was shown."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown:
            assert self._read(deadline), f"it ended without showing {text!r}: {self.shown!r}"

    def press(self, keys: str) -> None:
        """Type something."""
        os.write(self._side, keys.encode())

    def end(self) -> int:
        """Read to the end, and give the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        return self.process.wait(PATIENCE)

    def modes(self) -> list[object]:
        """How the terminal treats what is typed."""
        return list(termios.tcgetattr(self._side)[:4])

    def _read(self, deadline: float) -> bool:
        assert time.monotonic() < deadline, f"it goes on and on: {self.shown!r}"
        while not select.select([self._side], [], [], 0.1)[0]:
            assert time.monotonic() < deadline, f"nothing more was shown after {self.shown!r}"
            if self.process.poll() is not None and not select.select([self._side], [], [], 0)[0]:
                return False
        data = b""
        with suppress(OSError):  # on Linux the end of the other side is an error
            data = os.read(self._side, 65536)
        self.shown += data.decode(errors="replace")
        return bool(data)


@contextmanager
def terminal(
    *arguments: str, columns: int = 80, rows: int = 24, before: str = "", environment: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    """Run the program with a terminal; `before` is Python that runs in front of it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-c", f"{before}\nfrom kraken.cli.main import main\nmain()", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**inherited, "TERM": "xterm-256color", **(environment or {})},
        start_new_session=True,
    )
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(theirs)
        os.close(ours)
