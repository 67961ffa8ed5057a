"""Names of pairs, assets and contracts, kept on disk so that the shell can complete them without asking Kraken."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from click.shell_completion import CompletionItem

from kraken.commands import PRODUCTS
from kraken.runtime.command import Command

__all__ = ["cache_file", "completions", "remember", "store"]


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
    known = _load().get(kind, [])
    return [CompletionItem(f"{before}{comma}{name}") for name in known if name.upper().startswith(typed.upper())]


def remember(endpoint: Command, result: Any) -> None:
    """Keep the names in the result of a call that lists all of them; a disk that cannot be written is no failure."""
    found: dict[str, list[str]] = {}
    if endpoint.lists == "contracts":
        ticks = PRODUCTS[endpoint.product].ticks
        if ticks is not None:
            found["contracts"] = sorted(getattr(row, ticks.name) for row in getattr(result, ticks.rows))
    elif endpoint.lists == "pairs":
        found["pairs"] = _names(result, "altname")
        found["symbols"] = _names(result, "wsname")
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
