"""Programs that were written for python-kraken-sdk, and how one that would run for ever is run."""

from __future__ import annotations

import asyncio
import re
import runpy
import threading
from pathlib import Path
from typing import Any

import pytest

from .spot.sockets import until

README = Path(__file__).resolve().parents[2] / "shared" / "reference" / "python-kraken-sdk-readme.md"


def samples(*names: str) -> list[str]:
    """The programs that have one of these texts; none where the README is not beside this checkout."""
    if not README.is_file():
        return []
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return [block for block in blocks if any(name in block for name in names)]


def with_keys(sample: str, key: str, secret: str) -> str:
    """A sample with credentials in place of those that it asks the reader to fill in."""
    for theirs, ours in (
        ("<your-api-key>", key),
        ("<your-secret-key>", secret),
        ('"api-key"', repr(key)),
        ('"key-key"', repr(key)),
        ('"secret-key"', repr(secret)),
    ):
        sample = sample.replace(theirs, ours)
    return sample


class Finished(Exception):
    """Ends a program that would run for ever."""


def run_until_seen(sample: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *wanted: dict[str, Any]) -> list[Any]:
    """Run a program that prints messages; its naps last until it has printed what is wanted for each of them.

    Returns:
        What it printed.
    """
    printed: list[Any] = []
    naps = iter(wanted)

    async def nap(seconds: float) -> None:
        if seconds < 1 or threading.current_thread() is not threading.main_thread():  # none of the program's
            await really_sleep(seconds)
            return
        expected = next(naps, None)
        if expected is None:
            raise Finished
        await until(lambda: any(is_like(each, expected) for each in printed))

    really_sleep = asyncio.sleep
    program = folder / "sample.py"
    program.write_text(sample)
    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "sleep", nap)
        with pytest.raises(Finished):
            runpy.run_path(str(program), {"print": lambda *shown: printed.extend(shown)}, run_name="__main__")
    return printed


def is_like(message: Any, expected: dict[str, Any]) -> bool:
    return isinstance(message, dict) and message.items() >= expected.items()
