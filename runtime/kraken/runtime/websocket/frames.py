"""Frames as structs, and what is left when a frame is of an unknown kind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, get_args

import msgspec

from ..errors import DecodeError, Facts
from ..json import MALFORMED
from ..json import decode as decode_json

__all__ = ["UnknownFrame", "frame_decoder"]


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


def frame_decoder(message: Any, reply: Any) -> Callable[[bytes], Any]:
    """A decoder for two unions of structs: frames of channels, and replies to requests.

    It raises `DecodeError` for what is not a JSON object, and for a frame of a known channel that lacks what every
    frame of it has.
    """
    decode_message = msgspec.json.Decoder(message).decode
    decode_reply = msgspec.json.Decoder(reply).decode
    channels = {struct.__struct_config__.tag for struct in get_args(message) or (message,)}

    def decode(raw: bytes) -> Any:
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
        if not isinstance(content, dict) or content.get("channel") in channels:
            raise _malformed(raw) from unfit
        return UnknownFrame(content)

    return decode


def _malformed(raw: bytes) -> DecodeError:
    return DecodeError(
        "the frame does not have the documented form", Facts(body=raw, hint="the raw frame is in facts.body")
    )
