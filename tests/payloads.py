"""Recorded payloads, which may stand beside this checkout."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import NamedTuple

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "payloads"


class Payload(NamedTuple):
    """One recorded text."""

    file: str
    kind: str
    transport: str
    endpoint: str
    raw: str


def load(product: str) -> list[Payload]:
    """All payloads of a product; none where the folder is missing."""
    if not FOLDER.is_dir():
        return []
    with (FOLDER / "index.csv").open(encoding="utf-8") as rows:
        found = [row for row in csv.DictReader(rows) if row["product"] == product]
    payloads = []
    for row in found:
        content = json.loads((FOLDER / row["file"]).read_text(encoding="utf-8"))
        payloads.append(Payload(row["file"], content["kind"], row["transport"], row["endpoint"], content["raw"]))
    return payloads


def needs_payloads(payloads: list[Payload], at_least: int) -> pytest.MarkDecorator:
    """One test per payload; a skipped one where there are none, a failing one where most of them are gone."""
    if not FOLDER.is_dir():
        return pytest.mark.parametrize("payload", [pytest.param(None, marks=pytest.mark.skip(f"no {FOLDER}"))])
    assert len(payloads) >= at_least
    return pytest.mark.parametrize("payload", payloads, ids=lambda payload: payload.file)
