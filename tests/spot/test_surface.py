"""What users can call is written down: a change of it has to be meant."""

from __future__ import annotations

import difflib
import inspect
import re
from pathlib import Path

import pytest

from kraken.runtime import AsyncTransport, Transport

from .surface import FILES, surface

TRANSPORTS = (Transport, AsyncTransport)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_the_public_surface(file: Path) -> None:
    known, found = file.read_text(encoding="utf-8").splitlines(), surface(FILES[file]).splitlines()
    difference = "\n".join(difflib.unified_diff(known, found, "surface.txt", "now", n=0, lineterm=""))
    assert not difference, f"run `python tests/spot/surface.py` if this is meant:\n{difference}"


def test_no_type_of_another_library_is_part_of_it() -> None:
    shown = "".join(map(surface, FILES.values()))
    assert not re.findall(r"\b(httpx|websockets|pydantic|msgspec|anyio)\.", shown, re.IGNORECASE)
    parameters = [each for name in TRANSPORTS for each in inspect.signature(name.send).parameters.values()]
    assert {each.annotation for each in parameters} <= {inspect.Parameter.empty, "Request"}
