"""Recorded payloads decode, and come back with the same keys and the same digits."""

from __future__ import annotations

import csv
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

import pytest

from kraken.exceptions import (
    DecodeError,
    ExchangeError,
    KrakenInvalidAPIKeyError,
    KrakenInvalidNonceError,
    KrakenInvalidSignatureError,
    ServiceError,
)
from kraken.runtime import Options, Reply, to_json
from kraken.runtime.websocket.frames import UnknownFrame
from kraken.spot import decode_message, decode_response, messages
from kraken.spot.decode import find_operation

from ..support import KEY, SECRET, FakeTransport, Opener, numbers_as_text, pairs_of, without

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "payloads"
NOT_OF_THE_DOCUMENTED_FORM = {
    # The published request has a parameter that the published schema beside it does not have.
    "spot/rest/post-private-CancelOrder/02-request-example.json": ("pair",),
}


# A guide writes the numbers of a book as texts. Kraken sends numbers, and numbers come back.
NUMBERS_WRITTEN_AS_TEXTS = ("spot/ws/book/docs-09-snapshot-checksum-guide-strings.json",)


class Payload(NamedTuple):
    """One recorded text."""

    file: str
    kind: str
    transport: str
    endpoint: str
    raw: str


def load() -> list[Payload]:
    if not FOLDER.is_dir():
        return []
    with (FOLDER / "index.csv").open(encoding="utf-8") as rows:
        found = [row for row in csv.DictReader(rows) if row["product"] == "spot"]
    payloads = []
    for row in found:
        content = json.loads((FOLDER / row["file"]).read_text(encoding="utf-8"))
        payloads.append(Payload(row["file"], content["kind"], row["transport"], row["endpoint"], content["raw"]))
    return payloads


PAYLOADS = load()
KNOWN_FRAMES = {
    getattr(messages, name).__struct_config__.tag
    for name in dir(messages)
    if name.endswith(("Message", "Reply")) and hasattr(getattr(messages, name), "__struct_config__")
}


def needs_payloads(payloads: list[Payload], at_least: int) -> pytest.MarkDecorator:
    """One test per payload; a skipped one where there are none, a failing one where most of them are gone."""
    if not PAYLOADS:
        return pytest.mark.parametrize("payload", [pytest.param(None, marks=pytest.mark.skip(f"no {FOLDER}"))])
    assert len(payloads) >= at_least
    return pytest.mark.parametrize("payload", payloads, ids=lambda payload: payload.file)


def of_slice(payload: Payload) -> bool:
    """Whether this version has the operation, channel or method of a payload."""
    if payload.transport == "rest":
        return find_operation(payload.endpoint) is not None
    frame = json.loads(payload.raw)
    if "channel" in frame:
        return frame["channel"] in KNOWN_FRAMES
    channel = (frame.get("result") or {}).get("channel") if frame["method"] in ("subscribe", "unsubscribe") else None
    return frame["method"] in KNOWN_FRAMES and (channel is None or channel in KNOWN_FRAMES)


def digits(text: str) -> Any:
    return json.loads(text, parse_float=str, parse_int=str)


REPLIES = [each for each in PAYLOADS if each.kind == "response" and each.transport == "rest" and of_slice(each)]
FRAMES = [each for each in PAYLOADS if each.kind != "request" and each.transport == "ws"]
REQUESTS = [each for each in PAYLOADS if each.kind == "request" and each.transport == "rest" and of_slice(each)]


@needs_payloads(REPLIES, 45)
def test_replies(payload: Payload) -> None:
    result = decode_response(payload.endpoint, payload.raw)
    assert repr(result)
    assert numbers_as_text(to_json(result)) == numbers_as_text(payload.raw)["result"]


@needs_payloads(REPLIES, 45)
def test_replies_through_a_client(payload: Payload, opener: Opener) -> None:
    transport = FakeTransport(Reply(200, {}, payload.raw.encode()))
    client = opener(transport=transport)
    method, _, path = payload.endpoint.partition(" ")
    plain = client.request(method, path, auth="private" in path)
    assert plain == json.loads(payload.raw)["result"]


@needs_payloads([each for each in FRAMES if of_slice(each)], 130)
def test_frames(payload: Payload) -> None:
    frame = decode_message(payload.raw)
    assert not isinstance(frame, UnknownFrame)
    assert repr(frame)
    if payload.file in NUMBERS_WRITTEN_AS_TEXTS:
        assert digits(to_json(frame)) == digits(payload.raw)
    else:
        assert numbers_as_text(to_json(frame)) == numbers_as_text(payload.raw)


@needs_payloads([each for each in FRAMES if not of_slice(each)], 10)
def test_frames_of_what_is_not_known_lose_nothing(payload: Payload) -> None:
    frame = decode_message(payload.raw)
    assert isinstance(frame, UnknownFrame)
    assert numbers_as_text(to_json(frame)) == numbers_as_text(payload.raw)


@needs_payloads(REQUESTS, 5)
def test_requests(payload: Payload, opener: Opener) -> None:
    operation = find_operation(payload.endpoint)
    assert operation is not None
    transport = FakeTransport()
    client = opener(KEY, SECRET, transport=transport, nonce=lambda: 1)
    left_out = NOT_OF_THE_DOCUMENTED_FORM.get(payload.file, ())
    content = json.loads(payload.raw)
    extra = {name: content[name] for name in left_out}
    group = getattr(client, operation.models.rpartition(".")[2])
    arguments = without(["nonce", *left_out], content)
    with suppress(DecodeError):
        getattr(group, operation.name)(**arguments, options=Options(extra=extra))
    expected = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in content.items()}
    found = {name: unquote_plus(value) for name, value in pairs_of(transport.last)}
    assert without(["nonce"], found) == without(["nonce"], expected)


ODD = [each for each in PAYLOADS if each.endpoint == "POST /0/private/*"]
ODD_CLASSES = {
    "General:Internal error": ServiceError,
    "API:Invalid key": KrakenInvalidAPIKeyError,
    "API:Invalid nonce": KrakenInvalidNonceError,
    "API:Invalid signature": KrakenInvalidSignatureError,
}


@needs_payloads(ODD, 4)
def test_errors_in_the_older_form(payload: Payload) -> None:
    with pytest.raises(ExchangeError) as caught:
        decode_response("POST /0/private/Balance", payload.raw)
    (code,) = [code for code in ODD_CLASSES if caught.value.code.lower() == f"E{code}".lower()]
    assert type(caught.value) is ODD_CLASSES[code]
