"""What users can call is written down: a change of it has to be meant."""

from __future__ import annotations

import difflib

from .surface import FILE, surface


def test_the_public_surface() -> None:
    known, found = FILE.read_text(encoding="utf-8").splitlines(), surface().splitlines()
    difference = "\n".join(difflib.unified_diff(known, found, "surface.txt", "now", n=0, lineterm=""))
    assert not difference, f"run `python tests/spot/surface.py` if this is meant:\n{difference}"
