"""The page about moving to the Unified WebSocket: every feed and field of v1 is on it, and nothing that does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
NONE = "no counterpart could be read"

Json = dict[str, Any]


def documents(product: str) -> dict[Path, Json]:
    files = (ROOT / "specs" / product / "websocket").glob("*.yaml")
    return {file.resolve(): yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER) for file in files}


DOCUMENTS = {
    path: content for product in ("spot", "futures", "unified") for path, content in documents(product).items()
}


def deref(path: Path, value: Json) -> tuple[Path, Json]:
    while "$ref" in value:
        file, _, pointer = value["$ref"].partition("#")
        path = (path.parent / file).resolve() if file else path
        found: Any = DOCUMENTS[path]
        for part in pointer.strip("/").split("/"):
            found = found[part]
        value = found
    return path, value


def fields(path: Path, schema: Json, certainty: str, at: str = "") -> Iterator[tuple[str, str]]:
    """The fields of a frame by their paths, with how sure we are of each."""
    path, found = deref(path, schema)
    inside = found.get("items") or found.get("additionalProperties")
    if isinstance(inside, dict) and "properties" in deref(path, inside)[1]:
        yield from fields(path, inside, certainty, at + (".*" if "items" not in found else ""))
    elif "properties" in found:
        around = found.get("x-kraken-certainty", certainty)
        for name, each in found["properties"].items():
            _, plain = deref(path, each)
            own = each.get("x-kraken-certainty")
            if own is None and "properties" not in plain:
                own = plain.get("x-kraken-certainty")
            yield from fields(path, each, own or around, f"{at}.{name}".lstrip("."))
    elif at:
        yield at, certainty


def channels(product: str) -> dict[str, dict[str, str]]:
    """The fields of each channel's frames."""
    made: dict[str, dict[str, str]] = {}
    for path, document in DOCUMENTS.items():
        if path.parts[-3] != product:
            continue
        for name, facts in document.get("channels", {}).items():
            if facts["x-kraken-kind"] == "channel":
                known = facts.get("x-kraken-certainty", {}).get("received", "documented")
                frames = [message for key, message in facts["messages"].items() if key.endswith("Message")]
                made[name] = {}
                for frame in frames:
                    where, message = deref(path, frame)
                    for field, certainty in fields(where, message["payload"], known):
                        made[name].setdefault(field, "documented" if field in ("channel", "type") else certainty)
    return made


V1, UNIFIED = channels("futures"), channels("unified")


def page() -> str:
    return (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")


def tables() -> dict[str, list[tuple[str, str, str]]]:
    """The rows about each feed: v1, Unified, how sure we are."""
    found = {}
    for part in page().split("\n## ")[1:]:
        if name := re.match(r"Feed `(\w+)`", part):
            rows = re.findall(r"^\| `([^`]+)` \| (.*?) \| (.*?) \|$", part, re.MULTILINE)
            found[name[1]] = rows
    return found


def test_every_feed_has_a_section() -> None:
    assert tables().keys() == V1.keys()
    assert "challenge" in page()


@pytest.mark.parametrize("feed", V1)
def test_every_field_has_a_row(feed: str) -> None:
    assert sorted(row[0] for row in tables()[feed]) == sorted(V1[feed])


@pytest.mark.parametrize("feed", V1)
def test_what_it_leads_to_exists_and_is_as_sure_as_said(feed: str) -> None:
    for name, target, sure in tables()[feed]:
        if target.startswith(NONE):
            assert sure == "-", name
            continue
        found = re.match(r"`(\w+)`: `([^`]+)`", target)
        assert found, name
        channel, field = found.groups()
        assert field in UNIFIED[channel], (name, target)
        assert sure == UNIFIED[channel][field], (name, target)
