"""Recorded payloads decode, and come back with the same keys and the same digits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kraken import exceptions
from kraken.exceptions import ExchangeError, InvalidRequest
from kraken.futures import decode_message, decode_response
from kraken.futures.decode import find_operation
from kraken.runtime import Reply, to_json
from kraken.runtime.websocket.frames import UnknownFrame

from ..payloads import Payload, load, needs_payloads
from ..support import FakeTransport, FuturesOpener, numbers_as_text

EVERYTHING = load("futures")
PAYLOADS = [each for each in EVERYTHING if each.transport == "rest"]
FRAMES = [each for each in EVERYTHING if each.transport == "ws"]
REFUSALS = {
    "get-notifications/03-200-failure": "KrakenApiLimitExceededError",
    "get-openpositions/04-200-failure": "KrakenApiLimitExceededError",
    "post-cancelallordersafter/04-200-failure": "KrakenApiLimitExceededError",
    "post-cancelorder/04-doc-cancel_order": "KrakenNotFoundError",
    "post-cancelorder/roq-03-json_cancel_order_not_found": "KrakenNotFoundError",
    "post-editorder/04-doc-edit_order": "KrakenOrderForEditNotFoundError",
    "post-editorder/roq-02-json_edit_order_authentication_error": "KrakenAuthenticationError",
    "post-sendorder/04-200-rejected": "OrderError",
    "post-sendorder/roq-04-json_rest_error_error_400": "BadRequestError",
    "post-sendorder/roq-05-json_rest_error_error_404": "BadRequestError",
    "post-transfer-subaccount/02-200-failure": "KrakenInvalidUnitError",
    "post-withdrawal/02-200-failure": "KrakenUnavailableError",
}
"""Replies that are errors, and what they raise."""


def refusal_of(payload: Payload) -> str:
    return REFUSALS.get(payload.file.removeprefix("futures/rest/").removesuffix(".json"), "")


REPLIES = [each for each in PAYLOADS if each.kind == "response" and not refusal_of(each)]
REFUSED = [each for each in PAYLOADS if refusal_of(each)]
REQUESTS = [each for each in PAYLOADS if each.kind == "request"]


def without_envelope(payload: Payload, decoded: Any) -> Any:
    """What a typed call returns of a reply: `result` is the envelope's own where it says no more than `success`."""
    is_wrapped = isinstance(decoded, dict) and decoded.get("result") == "success"
    return {name: value for name, value in decoded.items() if name != "result"} if is_wrapped else decoded


def test_every_payload_is_tried() -> None:
    assert len(REPLIES) + len(REFUSED) + len(REQUESTS) == len(PAYLOADS)
    assert not PAYLOADS or len(REFUSED) == len(REFUSALS)


@needs_payloads(REPLIES, 100)
def test_replies(payload: Payload) -> None:
    result = decode_response(payload.endpoint, payload.raw)
    assert repr(result)
    assert numbers_as_text(to_json(result)) == without_envelope(payload, numbers_as_text(payload.raw))


@needs_payloads(REPLIES, 100)
def test_replies_through_a_client(payload: Payload, opener: FuturesOpener) -> None:
    method, _, path = payload.endpoint.partition(" ")
    client = opener(transport=FakeTransport(Reply(200, {}, payload.raw.encode())))
    if "batchStatus" in payload.raw and '"notFound"' in payload.raw:
        with pytest.raises(ExchangeError) as caught:
            client.request(method, path)
        assert caught.value.facts.body == payload.raw.encode()
        client = opener(transport=FakeTransport(Reply(200, {}, payload.raw.encode())), use_custom_exceptions=False)
    assert client.request(method, path) == json.loads(payload.raw)


@needs_payloads(REFUSED, 12)
def test_refusals(payload: Payload, opener: FuturesOpener) -> None:
    """Also with the status that the body tells of itself; generic calls raise the same."""
    method, _, path = payload.endpoint.partition(" ")
    status = {"BAD_REQUEST": 400, 404: 404}.get(json.loads(payload.raw).get("status"), 200)
    client = opener(transport=FakeTransport(Reply(status, {}, payload.raw.encode())))
    with pytest.raises(ExchangeError) as caught:
        client.request(method, path)
    assert type(caught.value) is getattr(exceptions, refusal_of(payload))
    assert caught.value.code in payload.raw or caught.value.code.split(": ")[1] in payload.raw


@needs_payloads(REQUESTS, 2)
def test_requests(payload: Payload, opener: FuturesOpener) -> None:
    """Requests of calls that Kraken took back: of their fields, those that are known travel as they were published."""
    operation = find_operation(payload.endpoint)
    assert operation is not None
    transport = FakeTransport(Reply(200, {}, b'{"result":"success"}'))
    client = opener(transport=transport)
    method = getattr(getattr(client, operation.models.rpartition(".")[2]), operation.name)
    given = {name: str(value) for name, value in json.loads(payload.raw).items()}
    with pytest.warns(DeprecationWarning, match="is deprecated; use"):
        method(rfqUid="5e1f0c2a-0001-4d7b-9a31-0c4d5e6f7a81", **given)
    assert json.loads(transport.last.body) == json.loads(payload.raw)


def test_unknown_operations() -> None:
    with pytest.raises(InvalidRequest, match="'GET /derivatives/api/v3/nothing' is unknown"):
        decode_response("GET /derivatives/api/v3/nothing", "{}")


@needs_payloads(FRAMES, 40)
def test_frames(payload: Payload) -> None:
    frame = decode_message(payload.raw)
    assert not isinstance(frame, UnknownFrame)
    assert repr(frame)
    assert numbers_as_text(to_json(frame)) == numbers_as_text(payload.raw)
