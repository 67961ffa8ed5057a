"""Refusals where replies are not wrapped: an HTTP status and a problem object."""

from __future__ import annotations

import re
from typing import Any

from kraken.emulator.errors import Refusal, Words

MEDIA = "application/problem+json"

_STATUSES = {
    Words.BAD_REQUEST: 400,
    Words.UNKNOWN_FUNDING_ASSET: 404,
    Words.UNKNOWN_WITHDRAW_KEY: 404,
    Words.DUPLICATE_WITHDRAW_KEY: 409,
    Words.TOO_MANY_DEPOSIT_ADDRESSES: 409,
    Words.INTERNAL_ERROR: 500,
    Words.UNAVAILABLE: 503,
}
_SOURCES = {"API": "Gateway", "General": "Gateway"}


def problem(refusal: Refusal) -> dict[str, Any]:
    """The problem object of a refusal, with the HTTP status to send in its ``status``."""
    category, _, words = refusal.words.rpartition(":")
    severity, category = category[:1], category[1:]
    assert severity in ("", "E")
    if not category:
        category, words = "Funding", _spaced(words)
        title = words
    else:
        title = f"{category}: {words}"
    return {
        "type": f"tag:kraken.com,2025:{''.join(map(_capitalized, words.split()))}",
        "status": _STATUSES.get(refusal.words, 401 if category == "API" else 400),
        "title": f"{title}:{refusal.detail}" if refusal.detail else title,
        "data": None,
        "source": _SOURCES.get(category, category),
    }


def _spaced(name: str) -> str:
    """``TooManyThings`` as ``Too many things``."""
    return re.sub(r"(?<!^)[A-Z]", lambda letter: f" {letter[0].lower()}", name)


def _capitalized(word: str) -> str:
    return word[:1].upper() + word[1:]
