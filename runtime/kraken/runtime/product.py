"""What a client knows about the product that it calls: a constant, generated from the specs."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["End", "Product"]


class End(NamedTuple):
    """The day on which Kraken switches something off."""

    paths: str
    """How the paths begin that end."""
    date: str
    replaced_by: str


class Product(NamedTuple):
    """One product of Kraken."""

    name: str
    """Its package below `kraken`."""
    url: str
    groups: tuple[str, ...]
    """The sections of its documentation."""
    scheme: str
    """How its requests are signed and its replies wrapped, where nothing else is known of a call."""
    sandbox_url: str = ""
    """Address of the test environment; empty where there is none that is open to all."""
    tier: str | None = None
    """The tier of all accounts, where there is only one."""
    own_id: str = ""
    """Argument that takes a client order id."""
    repeats_lists: bool = False
    """Whether the elements of a list travel as parameters of their own where nothing else is known of a call."""
    end: End | None = None
    """What of it Kraken switches off."""
