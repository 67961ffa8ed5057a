"""How sure we are of each part of the Unified WebSocket stands in its specs, and reaches the code."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kraken.codegen.build import load_products
from kraken.codegen.load import SpecError
from kraken.unified import messages
from kraken.unified.models import websocket

from .specs import FOLDER, channels, documents

CERTAIN = {"documented", "seen", "implied"}


def test_every_channel_and_schema_tells() -> None:
    assert all(set(facts["x-kraken-certainty"].values()) <= CERTAIN for facts in channels().values())
    for document in documents():
        for name, schema in document.get("components", {}).get("schemas", {}).items():
            assert schema["x-kraken-certainty"] in CERTAIN, name


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("    x-kraken-certainty: {sent: documented, received: implied}\n", "ticker: x-kraken-certainty is missing"),
        ("      x-kraken-certainty: implied\n", "Ticker: x-kraken-certainty is missing"),
    ],
)
def test_one_that_does_not_tell_is_a_mistake(tmp_path: Path, text: str, place: str) -> None:
    shutil.copytree(FOLDER.parents[1], tmp_path / "specs")
    file = tmp_path / "specs" / "unified" / "websocket" / "market_data.yaml"
    before = file.read_text(encoding="utf-8")
    start = before.index("    Ticker:\n") if place.startswith("Ticker") else before.index("  ticker:\n")
    file.write_text(before[:start] + before[start:].replace(text, "", 1), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_products(tmp_path / "specs")
    assert place in str(caught.value)


def test_it_reaches_the_docstrings() -> None:
    """A class that is implied says so; in one that is documented the implied fields do."""
    assert str(messages.Position.__doc__).endswith("Experimental.")
    assert "Experimental" not in str(messages.Positions.__doc__)
    assert str(messages.Ohlc.__doc__).endswith("Experimental.")  # its schema is Spot's
    assert "Experimental" not in str(messages.Status.__doc__)
    assert "Experimental" not in str(websocket.TickerSubscription.__doc__)
    source = Path(str(messages.__file__)).read_text(encoding="utf-8")
    assert "in updates only. Documented by" in source
