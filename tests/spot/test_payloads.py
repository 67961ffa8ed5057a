"""Recorded payloads decode, and come back with the same keys and the same digits."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import reduce
from operator import getitem
from typing import Any
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
from kraken.runtime.encoding import _argument, codec
from kraken.runtime.forms import text as as_text
from kraken.runtime.websocket.frames import UnknownFrame
from kraken.spot import decode_message, decode_response
from kraken.spot.decode import find_operation

from ..payloads import Payload, load, needs_payloads
from ..support import KEY, SECRET, FakeTransport, Opener, numbers_as_text, pairs_of

# Requests that Kraken publishes beside schemas which they do not fit: what is left out of them.
NOT_OF_THE_DOCUMENTED_FORM: dict[str, tuple[tuple[str | int, ...], ...]] = {
    "spot/rest/post-private-CancelOrder/02-request-example.json": (("pair",),),  # no such parameter
    "spot/rest/post-private-QueryLedgers/03-request-example.json": (("trade",),),  # it is called `trades`
    "spot/rest/post-private-AddOrderBatch/02-request-example.json": (
        ("orders", 0, "price2"),  # the word "string"
        ("orders", 1, "starttm"),  # the word "string"
        ("orders", 1, "cl_ord_id"),  # 31 of 32 digits
    ),
}

# Replies that a docstring of another library puts below the wrong call: they are those of AddExport.
MISFILED = (
    "spot/rest/post-private-ExportStatus/03-doc-get_export_report_status.json",
    "spot/rest/post-private-RetrieveExport/02-doc-retrieve_export.json",
)

# A guide writes the numbers of a book as texts, where Kraken sends numbers; a fixture of another library writes the
# balances of BalanceEx as numbers, where Kraken sends texts. What comes back is what Kraken sends, with these digits.
OF_THE_OTHER_KIND = (
    "spot/ws/book/docs-09-snapshot-checksum-guide-strings.json",
    "spot/rest/post-private-BalanceEx/01-GetAvailableBalances.json",
)


PAYLOADS = load("spot")


def of_slice(payload: Payload) -> bool:
    """Whether this version has the operation of a payload."""
    return find_operation(payload.endpoint) is not None


def digits(text: str) -> Any:
    return json.loads(text, parse_float=str, parse_int=str)


REPLIES = [each for each in PAYLOADS if each.kind == "response" and each.transport == "rest" and of_slice(each)]
FRAMES = [each for each in PAYLOADS if each.kind != "request" and each.transport == "ws"]
REQUESTS = [each for each in PAYLOADS if each.kind == "request" and each.transport == "rest" and of_slice(each)]


@needs_payloads(REPLIES, 120)
def test_replies(payload: Payload) -> None:
    if payload.file in MISFILED:
        with pytest.raises(DecodeError):
            decode_response(payload.endpoint, payload.raw)
        payload = payload._replace(endpoint="POST /0/private/AddExport")
    result = decode_response(payload.endpoint, payload.raw)
    assert repr(result)
    read = digits if payload.file in OF_THE_OTHER_KIND else numbers_as_text
    assert read(to_json(result)) == read(payload.raw)["result"]


@needs_payloads(REPLIES, 120)
def test_replies_through_a_client(payload: Payload, opener: Opener) -> None:
    transport = FakeTransport(Reply(200, {}, payload.raw.encode()))
    client = opener(transport=transport)
    method, _, path = payload.endpoint.partition(" ")
    plain = client.request(method, path, auth="private" in path)
    assert plain == json.loads(payload.raw)["result"]


def test_every_payload_of_rest_is_tried() -> None:
    tried = len(REPLIES) + len(REQUESTS) + len(ODD)
    assert tried == sum(each.transport == "rest" for each in PAYLOADS)


@needs_payloads(FRAMES, 140)
def test_frames(payload: Payload) -> None:
    frame = decode_message(payload.raw)
    assert not isinstance(frame, UnknownFrame)
    assert repr(frame)
    if payload.file in OF_THE_OTHER_KIND:
        assert digits(to_json(frame)) == digits(payload.raw)
    else:
        assert numbers_as_text(to_json(frame)) == numbers_as_text(payload.raw)


@pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")
@needs_payloads(REQUESTS, 40)
def test_requests(payload: Payload, opener: Opener) -> None:
    """The arguments of a published request make that request again."""
    operation = find_operation(payload.endpoint)
    assert operation is not None
    content = json.loads(payload.raw)
    for *at, name in NOT_OF_THE_DOCUMENTED_FORM.get(payload.file, ()):
        reduce(getitem, at, content).pop(name)
    transport = FakeTransport()
    client = opener(KEY, SECRET, transport=transport, nonce=lambda: content["nonce"])
    names = {wire: _argument(name) for name, wire in codec(operation).wire_names.items()}
    arguments = {names[wire]: value for wire, value in content.items() if wire != "nonce"}
    made_up: list[str] = []
    method = getattr(getattr(client, operation.models.rpartition(".")[2]), operation.name)
    with suppress(DecodeError):
        method(**arguments, options=Options(on_client_order_id=made_up.append))
    sent = transport.last.body.decode("ascii")
    if operation.encoding == "json":
        rows = [row for row in content.get(operation.client_order_id_rows, ()) if "cl_ord_id" not in row]
        for row, own in zip(rows, made_up, strict=True):
            row["cl_ord_id"] = own
        assert json.loads(sent) == content
    else:
        expected = {**content, **dict.fromkeys(["cl_ord_id"] if made_up else [], "".join(made_up))}
        found = {name: unquote_plus(value) for name, value in pairs_of(transport.last)}
        assert found == {name: as_text(value) for name, value in expected.items()}


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
