"""Base of the generated structs for what streams in from Kraken."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

__all__ = ["Frame", "Struct", "repr_without"]


# Without garbage collection: an immutable tree decoded from JSON has no cycles, and streams make many.
class Struct(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, gc=False):
    """A message, or part of one: immutable, with exact decimals.

    A field that the message does not have is None. The few that Kraken also sends as null are
    `msgspec.UNSET` when absent. Fields that are new to this version are in the raw frame.
    """


class Frame(Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, gc=True, dict=True):
    """A whole frame, which keeps the text that it came in."""

    @property
    def raw(self) -> bytes:
        """The frame exactly as it was on the wire, with what this version does not know; empty for one made by hand."""
        raw: bytes = self.__dict__.get("raw", b"")
        return raw


def repr_without(struct: msgspec.Struct, secrets: Iterable[str]) -> str:
    """What a struct shows of itself: the fields that it has, but no secrets."""
    shown = ", ".join(
        f"{each.name}={getattr(struct, each.name)!r}"
        for each in msgspec.structs.fields(struct)
        if each.name not in secrets and getattr(struct, each.name) is not each.default
    )
    return f"{type(struct).__name__}({shown})"
