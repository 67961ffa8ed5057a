"""Fields of results by their paths: `order.cliOrdId`."""

from __future__ import annotations

from typing import Any

__all__ = ["inside"]


def inside(value: Any, path: str) -> Any:
    """The field of a model or mapping that a path names; None where something on the way is missing."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
    return value
