"""Names of pairs, assets and contracts, kept on disk so that the shell can complete them without asking Kraken."""

from __future__ import annotations

import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any

from click.shell_completion import CompletionItem

from kraken.commands import PRODUCTS
from kraken.runtime.command import Command

__all__ = ["cache_file", "completions", "remember", "store"]

_ALSO = {"pairs": ("pairs", "symbols")}
"""Where a short name is wanted, the name with a slash is understood, too; offered where no short one begins like that."""


def cache_file() -> Path:
    """Where the names are kept: `names.json` in `KRAKEN_CACHE_DIR`, or in the user's folder for caches."""
    own = os.environ.get("KRAKEN_CACHE_DIR")
    if own:
        return Path(own) / "names.json"
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or str(Path.home() / ".cache")
    return Path(base) / "kraken" / "names.json"


def completions(kind: str, incomplete: str) -> list[CompletionItem]:
    """What a name may go on to be, whatever its case; nothing while no names are kept.

    Args:
        kind: `pairs`, `symbols`, `assets` or `contracts`.
        incomplete: What was typed; behind the last comma, where several names stand in one word.
    """
    before, comma, typed = incomplete.rpartition(",")
    known = _load()
    for each in _ALSO.get(kind, (kind,)):
        if found := [name for name in known.get(each, []) if name.upper().startswith(typed.upper())]:
            return [CompletionItem(f"{before}{comma}{name}") for name in found]
    return []


def remember(endpoint: Command, result: Any) -> None:
    """Keep the names in the result of a call that lists all of them; a disk that cannot be written is no failure."""
    found: dict[str, list[str]] = {}
    if endpoint.lists == "contracts":
        ticks = PRODUCTS[endpoint.product].ticks
        if ticks is not None:
            found["contracts"] = sorted(getattr(row, ticks.name) for row in getattr(result, ticks.rows))
    elif endpoint.lists == "pairs":
        found["pairs"] = _names(result, "altname")
        # Streams take the names of the WebSocket: BTC, where the REST API says XBT.
        known = import_module(f"kraken.{endpoint.product}.limits").SYMBOLS
        names = [name.split("/") for name in _names(result, "wsname")]
        found["symbols"] = sorted("/".join(known.get(part, part) for part in parts) for parts in names)
    elif endpoint.lists == "assets":
        found["assets"] = _names(result, "altname")
    store(found)


def store(found: dict[str, list[str]]) -> None:
    """Keep names by their kinds, beside those of other kinds."""
    file = cache_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        draft.write_text(json.dumps({**_load(), **found}), encoding="utf-8")
        draft.replace(file)
    except OSError:
        return


def _names(entries: dict[str, Any], field: str) -> list[str]:
    return sorted({name for each in entries.values() if (name := getattr(each, field, None))})


def _load() -> dict[str, list[str]]:
    try:
        found: Any = json.loads(cache_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
