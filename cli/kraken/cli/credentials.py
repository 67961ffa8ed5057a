"""Where the API key of a command comes from."""

from __future__ import annotations

import os
from typing import NamedTuple

from .commands import Refused
from .settings import Settings

__all__ = ["Credentials", "find_credentials"]


class Credentials(NamedTuple):
    """An API key; both fields are empty when there is none."""

    key: str = ""
    secret: str = ""

    def __repr__(self) -> str:
        return "Credentials(<hidden>)"


def find_credentials(product: str, settings: Settings) -> Credentials:
    """The key for a product.

    It is looked for in this order: `--api-key` and `--secret-key`, `--api-key-file`, `--profile`, the environment
    (`KRAKEN_SPOT_API_KEY`, `KRAKEN_SPOT_SECRET_KEY`), the stored profile `default`.

    Args:
        product: `spot` or `futures`; the Unified WebSocket takes Spot keys.
        settings: What the command was given.

    Returns:
        The key; empty when none was given anywhere.

    Raises:
        Refused: Half a key was given, the file or profile is not there, or others can read the file.
    """
    prefix = f"KRAKEN_{product.upper()}"
    key = settings.api_key or os.environ.get(f"{prefix}_API_KEY", "")
    secret = settings.secret_key or os.environ.get(f"{prefix}_SECRET_KEY", "")
    if bool(key) != bool(secret):
        missing = "the secret" if key else "the key"
        raise Refused(f"{missing} is missing; give both, or set {prefix}_API_KEY and {prefix}_SECRET_KEY")
    return Credentials(key, secret)
