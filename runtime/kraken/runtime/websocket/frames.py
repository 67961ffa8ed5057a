"""Frames as structs, and what is left when a frame is of an unknown kind."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, get_args

import msgspec

from ..errors import DecodeError, Facts
from ..json import MALFORMED
from ..json import decode as decode_json

__all__ = ["UnknownFrame", "frame_decoder"]

log = logging.getLogger("kraken.runtime.websocket")

MISFITS = 20
"""Fields that one frame may be freed of before it is taken for malformed."""


class UnknownFrame:
    """A frame of a channel or method that this version does not know, with everything that it holds.

    Members can be read as attributes; those that the frame lacks are None.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        """The frame; numbers with a fraction are `Decimal`."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.content.get(name)

    def __wire__(self) -> dict[str, Any]:
        """The frame as it was on the wire."""
        return self.content

    def __repr__(self) -> str:
        return f"UnknownFrame({self.content!r})"


def frame_decoder(
    message: Any, reply: Any, *, lenient: bool = False, mark: str = "channel", verb: str = ""
) -> Callable[[bytes], Any]:
    """A decoder for two unions of structs: frames of channels, and replies to requests.

    It raises `DecodeError` for what is not a JSON object, and for a frame of a known channel that lacks what every
    frame of it has.

    Args:
        message: The union of frames.
        reply: The union of replies.
        mark: The member that says what channel a frame is of.
        verb: The member that all replies have, where they name a channel too.
        lenient: Whether a field that may be absent is left out where its value is not of the expected form: for
            frames that are in part only guessed. It is in the raw frame, and a warning is logged once.
    """
    decode_message = msgspec.json.Decoder(message).decode
    decode_reply = msgspec.json.Decoder(reply).decode
    channels = {struct.__struct_config__.tag for struct in get_args(message) or (message,)}

    replies = f'"{verb}"'.encode() if verb else b""

    def decode(raw: bytes) -> Any:
        if replies and replies in raw:
            with suppress(*MALFORMED):
                frame = decode_reply(raw)
                frame.__dict__["raw"] = raw
                return frame
        try:
            frame = decode_message(raw)
            frame.__dict__["raw"] = raw
            return frame
        except msgspec.ValidationError as error:
            unfit = error
        except MALFORMED as error:
            raise _malformed(raw) from error
        try:
            if b'"params"' not in raw:  # the mark of a request, which a recording may hold
                with suppress(msgspec.ValidationError):
                    frame = decode_reply(raw)
                    frame.__dict__["raw"] = raw
                    return frame
            content = decode_json(raw)
        except MALFORMED as error:
            raise _malformed(raw) from error
        if not isinstance(content, dict) or content.get(mark) in channels:
            frame = _without_misfits(content, message, unfit) if lenient else None
            if frame is None:
                raise _malformed(raw) from unfit
            frame.__dict__["raw"] = raw
            return frame
        return UnknownFrame(content)

    return decode


def _without_misfits(content: Any, message: Any, error: msgspec.ValidationError) -> Any:
    """The frame without the fields that are not of the expected form; None when that does not help."""
    for _ in range(MISFITS):
        # Of a list the message names the first element that does not fit; the others are taken to be alike.
        words = re.sub(r"\[\d+\]", "[...]", str(error))
        found = re.search(r"at `\$(.*)\.([^.\[\]`]+)`$", words)
        if found is None:
            return None
        path, name = found.groups()
        _log_misfit(str(content.get("channel")), words)
        for holder in _holders(content, re.findall(r"[^.\[\]]+|\[\.\.\.\]", path)):
            holder.pop(name, None)
        try:
            return msgspec.convert(content, message)
        except msgspec.ValidationError as further:
            error = further
    return None


def _holders(value: Any, path: list[str]) -> list[dict[str, Any]]:
    """The objects at a path, in which `[...]` stands for every element or value."""
    if not path:
        return [value] if isinstance(value, dict) else []
    if path[0] == "[...]":
        inside = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
        return [holder for each in inside for holder in _holders(each, path[1:])]
    return _holders(value.get(path[0]), path[1:]) if isinstance(value, dict) else []


@cache
def _log_misfit(channel: str, words: str) -> None:
    """Once per field, because every frame of a channel may have it."""
    log.warning("%s: a field is left out, because it is not of the expected form: %s", channel, words)


def _malformed(raw: bytes) -> DecodeError:
    return DecodeError(
        "the frame does not have the documented form", Facts(body=raw, hint="the raw frame is in facts.body")
    )
