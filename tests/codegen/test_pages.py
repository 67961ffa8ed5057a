"""The reference pages about the specs, and the list of everything that the specs declare."""

from __future__ import annotations

import csv
import inspect
import json
import re
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import pytest

from kraken.codegen.__main__ import main
from kraken.codegen.extensions import EXTENSIONS
from kraken.codegen.load import load_documents
from kraken.codegen.pages import conflicts_page, deprecations_page, keys_page
from kraken.futures import FuturesWSClient
from kraken.spot import SpotWSClient
from kraken.unified import UnifiedWSClient

from ..support import CLIENTS
from .support import GOLDEN, REPOSITORY, SPECS, documents

DOCS = REPOSITORY / "docs"
SOCKETS: dict[str, Any] = {"spot": SpotWSClient, "futures": FuturesWSClient, "unified": UnifiedWSClient}
ENDPOINTS = REPOSITORY.parent / "shared" / "kraken-api" / "rest-endpoints.csv"


def test_committed_pages_are_up_to_date() -> None:
    assert (DOCS / "spec-keys.md").read_text("utf-8") == keys_page()
    assert (DOCS / "conflicts.md").read_text("utf-8") == conflicts_page(load_documents(SPECS))
    assert (DOCS / "deprecations.md").read_text("utf-8") == deprecations_page(load_documents(SPECS))


def test_every_key_has_a_row() -> None:
    rows = [line.split(" | ") for line in keys_page().splitlines() if line.startswith("| `x-kraken-")]
    assert [row[0] for row in rows] == [f"| `{extension.key}`" for extension in EXTENSIONS]
    assert all(len(row) == 5 and all(row) for row in rows)


def test_every_conflict_has_an_entry() -> None:
    found = conflicts_page(load_documents(GOLDEN / "specs")).partition("\n## ")[2]
    assert found == (
        "specs/spot/rest/market_data.yaml\n"
        "\n"
        "- `Asset.status`: The page lists one value, captures have two. Both are known.\n"
        "\n"
        "## specs/spot/websocket/streams.yaml\n"
        "\n"
        "- `ticker`: The page says once a second, captures say on every change.\n"
    )
    written = sum(path.read_text("utf-8").count("x-kraken-conflict:") for path in SPECS.rglob("*.yaml"))
    assert (DOCS / "conflicts.md").read_text("utf-8").count("\n- `") == written


def test_what_ends_and_what_is_deprecated() -> None:
    found = deprecations_page(load_documents(GOLDEN / "specs")).partition("\n## ")[2]
    assert found == (
        "On a known day\n"
        "\n"
        "| Paths | End | Use instead |\n"
        "| --- | --- | --- |\n"
        "| `/orders/...` | 2030-01-02 | something new |\n"
        "\n"
        "## Call by call\n"
        "\n"
        "| Call | Use instead |\n"
        "| --- | --- |\n"
        "| `GET /0/public/Assets/{asset}` | get_candles |\n"
    )


# ---------------------------------------------------------------------------- the catalogue


@pytest.fixture(scope="module")
def catalogue() -> list[dict[str, Any]]:
    with redirect_stdout(StringIO()) as out:
        assert main(["catalogue", "-o", "json"]) == 0
    entries: list[dict[str, Any]] = json.loads(out.getvalue())
    return entries


def test_catalogue_has_what_the_specs_have(catalogue: list[dict[str, Any]]) -> None:
    """Compared with plain YAML, which knows nothing of our representation."""
    keys = {"kind", "product", "group", "name", "method", "path", "auth", "deprecated"}
    assert all(entry.keys() == keys for entry in catalogue)
    rest = [tuple(entry.values()) for entry in catalogue if entry["kind"] == "rest"]
    streams = [tuple(entry.values()) for entry in catalogue if entry["kind"] == "ws"]
    assert sorted((*entry[:3], *entry[4:]) for entry in rest) == sorted(
        ("rest", *_group(document), method.upper(), path, facts["x-kraken-auth"], facts.get("deprecated") == "true")
        for _, document in documents(SPECS)
        for path, item in document.get("paths", {}).items()
        for method, facts in item.items()
    )
    assert sorted(streams) == sorted(
        (
            "ws",
            *_group(document),
            facts["address"],
            "subscribe" if facts["x-kraken-kind"] == "channel" else facts["address"],
            document["servers"][facts["servers"][0]["$ref"].rpartition("/")[2]]["pathname"],
            facts["x-kraken-auth"],
            "x-kraken-replaced-by" in facts,
        )
        for name, document in documents(SPECS)
        for facts in document.get("channels", {}).values()
        # Where a protocol has a handshake of its own, the client makes it by itself.
        if facts["x-kraken-kind"] == "channel" or not (SPECS / name).with_name("protocol.yaml").is_file()
    )


def _group(document: dict[str, Any]) -> tuple[str, str]:
    return document["x-kraken-product"], document["x-kraken-group"]


def test_what_is_in_the_catalogue_can_be_called(catalogue: list[dict[str, Any]]) -> None:
    """By its name, in both colours, with types and a docstring; deprecated entries say what to use instead."""
    clients: dict[str, Any] = {product: [client() for client in both] for product, both in CLIENTS.items()}
    for entry in catalogue:
        owners = [SOCKETS[entry["product"]] if entry["kind"] == "ws" else None]
        if entry["kind"] == "rest":
            owners = [getattr(client, entry["group"]) for client in clients[entry["product"]]]
        for owner in owners:
            method = getattr(owner, entry["name"])
            signature = inspect.signature(method)
            assert signature.return_annotation is not signature.empty, entry
            parameters = [each for name, each in signature.parameters.items() if name != "self"]
            assert all(each.annotation is not each.empty for each in parameters), entry
            assert all(each.kind is each.KEYWORD_ONLY for each in parameters), entry
            text = inspect.getdoc(method) or ""
            assert all(f"{each.name}: " in text.partition("Args:")[2] for each in parameters), entry
            assert "Returns:" in text, entry
            assert "Kraken's page: https://" in text, entry
            assert bool(re.search("^Deprecated", text, re.MULTILINE)) is entry["deprecated"], entry


def test_deprecated_entries_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "-o", "json", "--specs", str(GOLDEN / "specs")]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in entries if entry["deprecated"]] == ["get_asset"]
    assert [entry["name"] for entry in entries if entry["kind"] == "ws"] == ["ticker", "amend_order"]


def test_catalogue_for_readers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "--specs", str(GOLDEN / "specs")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["futures", "rest", "orders", "send_order", "POST", "/orders/send"]
    assert lines[4].split() == ["spot", "rest", "market_data", "get_candles", "GET", "/0/public/Candles"]
    assert len(lines) == 14


@pytest.mark.skipif(not ENDPOINTS.is_file(), reason="the list of Kraken's endpoints is not beside the repository")
@pytest.mark.parametrize(("product", "count"), [("spot", 76), ("futures", 78)])
def test_every_endpoint_of_rest_is_there_once(catalogue: list[dict[str, Any]], product: str, count: int) -> None:
    with ENDPOINTS.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["product"] == product]
    found = [each for each in catalogue if (each["kind"], each["product"]) == ("rest", product)]
    assert len(found) == count
    assert sorted((each["group"], each["method"], each["path"], each["deprecated"]) for each in found) == sorted(
        (row["group"], row["method"], row["path"], row["deprecated"] == "yes") for row in rows
    )
