"""Large tables of numbers inside of a JSON text, left as text until somebody looks at them."""

from __future__ import annotations

from collections.abc import Iterable
from random import getrandbits

__all__ = ["Tables", "lift"]

_DIGITS = b"0123456789.,[]-+eE"


class Tables:
    """The texts that were taken out of a body. In their places stand numbers that no sender can have meant."""

    def __init__(self) -> None:
        self._base = getrandbits(62)
        self._texts: list[bytes] = []

    def put(self, text: bytes) -> bytes:
        """Keep a text, and return the number that stands for it."""
        self._texts.append(text)
        return b"%d" % (self._base + len(self._texts) - 1)

    def get(self, number: object) -> bytes | None:
        """The text that a number stands for; None for any other value."""
        if type(number) is int and 0 <= number - self._base < len(self._texts):
            return self._texts[number - self._base]
        return None


def lift(body: bytes, names: Iterable[str]) -> tuple[bytes, Tables]:
    """Take lists of lists of numbers out of a JSON text, by the names of their members.

    Only what can be nothing else is taken: a quote inside of a JSON text is always escaped, so that an unescaped
    `"name":[[` is a member, and numbers, commas and brackets up to the next `]]` are its whole value.
    """
    tables = Tables()
    pieces: list[bytes] = []
    done = 0
    for start in sorted(start for name in names for start in _members(body, b'"%b":[[' % name.encode())):
        opening = body.index(b"[[", start)
        end = body.find(b"]]", opening) + 2
        table = body[opening:end]
        if end < 2 or table.translate(None, _DIGITS) or table.count(b"[") != table.count(b"]"):
            continue  # it holds spaces, texts or something deeper, and is decoded with the rest
        pieces += (body[done:opening], tables.put(table))
        done = end
    return b"".join([*pieces, body[done:]]), tables


def _members(body: bytes, name: bytes) -> Iterable[int]:
    start = body.find(name)
    while start >= 0:
        if body[start - 1 : start] != b"\\":
            yield start
        start = body.find(name, start + len(name))
