"""Whatever comes back, or does not: a result or an error of our own, and never a second order."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kraken.exceptions import (
    DecodeError,
    ExchangeError,
    KrakenError,
    KrakenInsufficientFundsError,
    KrakenInvalidNonceError,
    KrakenWarning,
    NotSent,
    OrderStateUnknown,
    ReplyLost,
)
from kraken.runtime import Reply
from kraken.runtime.transport import Lost
from kraken.spot import SpotClient, decode_message, decode_response

from ..support import ADDED, KEY, ORDER, SECRET, FakeTransport, Opener, field, refusal, reply

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ENVELOPES = st.one_of(
    st.fixed_dictionaries(
        {"error": st.lists(JSON_VALUES, max_size=3) | JSON_VALUES}, optional={"result": JSON_VALUES, "x": JSON_VALUES}
    ),
    st.fixed_dictionaries({"errors": st.lists(JSON_VALUES, max_size=3)}),
    st.fixed_dictionaries({"value": st.fixed_dictionaries({"errors": st.lists(JSON_VALUES, max_size=3)})}),
    st.fixed_dictionaries({"error": st.just([]), "result": JSON_VALUES}),
)
BODIES = st.one_of(
    st.binary(max_size=40),
    JSON_VALUES.map(lambda value: json.dumps(value).encode()),
    ENVELOPES.map(lambda value: json.dumps(value).encode()),
    ENVELOPES.flatmap(lambda value: st.integers(0, 40).map(lambda cut: json.dumps(value).encode()[:-cut])),
)
HARD = [
    b"[" * 100_000,
    b'{"error":[],"result":' + b'{"a":' * 100_000,
    b'{"error":[],"result":{"count":1e99999999999999999999999}}',
    b'{"error":[],"result":{"count":' + b"9" * 5000 + b"}}",
    b'{"error":[],"result":{"count":NaN}}',
    b'{"error":[],"result":{"token":"\xff"}}',
    b'{"error":[],"result":{"\\ud800":1}}',
    b'\xef\xbb\xbf{"error":[],"result":{}}',
    b'{"errors":["x"]}',
    b"",
]

Call = Callable[[SpotClient], Any]
CALLS: dict[str, Call] = {
    "time": lambda client: client.market_data.get_server_time(),
    "trades": lambda client: client.market_data.get_recent_trades(pair="XBTUSD"),
    "assets": lambda client: client.market_data.get_asset_info(),
    "balance": lambda client: client.account_data.get_account_balance(),
    "orders": lambda client: client.account_data.get_open_orders(),
    "token": lambda client: client.trading.get_websockets_token(),
    "add": lambda client: client.trading.add_order(**ORDER),
    "amend": lambda client: client.trading.amend_order(txid="O1", limit_price="5"),
    "cancel": lambda client: client.trading.cancel_order(txid="O1"),
    "generic read": lambda client: client.request("GET", "/0/public/New", auth=False),
    "generic order": lambda client: client.request("POST", "/0/private/AddOrder", ORDER),
    "generic unknown": lambda client: client.request("POST", "/0/private/RetrieveExport", return_raw=True),
}
ORDERS = ("add", "amend", "cancel", "generic order")


def outcome_of(call: Call, *outcomes: Reply | Lost, **options: Any) -> tuple[Any, FakeTransport]:
    """What a call came to, be it an error, and what went out."""
    transport = FakeTransport(*outcomes)
    with SpotClient(KEY, SECRET, transport=transport, sleep=lambda _: None, **options) as client:
        try:
            return call(client), transport
        except KrakenError as error:
            return error, transport


@pytest.mark.filterwarnings("ignore::kraken.exceptions.KrakenWarning")
@settings(max_examples=40)
@given(body=BODIES, status=st.sampled_from([200, 200, 200, 201, 204, 301, 400, 403, 404, 429, 500, 502, 520, 599]))
@pytest.mark.parametrize("name", CALLS)
def test_any_reply_is_a_result_or_an_error_of_ours(name: str, body: bytes, status: int) -> None:
    result, transport = outcome_of(CALLS[name], Reply(status, {}, body))
    repr(result)
    if name in ORDERS:
        assert len(transport.requests) == 1
        assert not isinstance(result, ReplyLost)
        if status >= 500 and not isinstance(result, ExchangeError):
            assert isinstance(result, OrderStateUnknown)
    elif name != "generic unknown":
        assert not isinstance(result, OrderStateUnknown)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("body", HARD, ids=range(len(HARD)))
def test_replies_that_break_parsers(name: str, body: bytes) -> None:
    _, transport = outcome_of(CALLS[name], Reply(200, {}, body), retries=0)
    assert len(transport.requests) == 1


@pytest.mark.filterwarnings("ignore::kraken.exceptions.KrakenWarning")
@settings(max_examples=40)
@given(body=BODIES)
def test_any_recording_is_a_result_or_an_error_of_ours(body: bytes) -> None:
    for operation in ("GET /0/public/Time", "POST /0/private/QueryOrders", "add_order"):
        with suppress(KrakenError):
            decode_response(operation, body)
    with suppress(KrakenError):
        decode_message(body)


@pytest.mark.parametrize("body", HARD, ids=range(len(HARD)))
def test_recordings_that_break_parsers(body: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_response("cancel_order", body)
    assert caught.value.facts.body == body
    with suppress(DecodeError):
        decode_message(body)


# ---------------------------------------------------------------------- lost replies


@pytest.mark.parametrize("cause", [httpx.ReadTimeout("slow"), httpx.ReadError(""), OSError(5, "bad"), ValueError("x")])
def test_a_lost_reply_to_an_order_is_an_open_question(opener: Opener, cause: Exception) -> None:
    transport = FakeTransport(Lost(True, cause))
    client = opener(transport=transport)
    with pytest.raises(OrderStateUnknown) as caught:
        client.trading.add_order(**ORDER)
    (request,) = transport.requests
    error = caught.value
    assert error.cl_ord_id == field(request, "cl_ord_id")
    assert error.facts.ids == {"cl_ord_id": error.cl_ord_id}
    assert error.facts.sent is True
    assert error.__cause__ is cause
    assert str(error).startswith(f"add_order: no reply: {str(cause) or type(cause).__name__} (do not send it again")
    assert not error.retryable
    assert opener.waits == []


def test_the_ids_of_an_order_are_in_the_error(opener: Opener) -> None:
    transport = FakeTransport(Lost(True, OSError()))
    client = opener(transport=transport)
    calls: list[tuple[Callable[[], Any], dict[str, Any]]] = [
        (lambda: client.trading.add_order(**ORDER, userref=7), {"userref": 7}),
        (lambda: client.trading.add_order(**ORDER, cl_ord_id="mine"), {"cl_ord_id": "mine"}),
        (lambda: client.trading.amend_order(txid="O1", order_qty="1"), {"txid": "O1"}),
        (lambda: client.trading.amend_order(cl_ord_id="mine", order_qty="1"), {"cl_ord_id": "mine"}),
        (lambda: client.trading.cancel_order(txid=7), {"txid": 7}),
        (lambda: client.trading.cancel_order(cl_ord_id="mine"), {"cl_ord_id": "mine"}),
        (
            lambda: client.request("POST", "/0/private/AddOrder", {**ORDER, "cl_ord_id": "mine"}),
            {"cl_ord_id": "mine"},
        ),
        (lambda: client.request("POST", "/0/private/New", {"id": 7, "otp": "1234"}), {"id": 7}),
    ]
    for call, ids in calls:
        with pytest.raises(OrderStateUnknown) as caught:
            call()
        assert caught.value.facts.ids == ids
        assert caught.value.cl_ord_id == ids.get("cl_ord_id")
    assert len(transport.requests) == len(calls)


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_that_never_left_is_not_repeated_either(name: str) -> None:
    result, transport = outcome_of(CALLS[name], Lost(False, OSError("refused")))
    assert isinstance(result, NotSent)
    assert result.facts.sent is False
    assert result.retryable
    assert len(transport.requests) == 1


def test_reads_are_repeated_with_growing_waits(opener: Opener) -> None:
    lost = Lost(True, OSError("gone"))
    transport = FakeTransport(lost, Reply(502, {}, b"<html>"), reply({"ZUSD": "1.50"}))
    client = opener(transport=transport)
    assert str(client.account_data.get_account_balance()["ZUSD"]) == "1.50"
    nonces = [int(field(request, "nonce")) for request in transport.requests]
    assert nonces == sorted(set(nonces))
    assert len(nonces) == 3
    first, second = opener.waits
    assert 0.125 <= first < 0.375
    assert 0.25 <= second < 0.75


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_reads_are_given_up_in_the_end(opener: Opener, retries: int) -> None:
    cause = OSError("gone")
    for lost, kind in ((Lost(True, cause), ReplyLost), (Lost(False, cause), NotSent)):
        transport = FakeTransport(lost)
        with pytest.raises(kind, match="gone") as caught:
            opener(transport=transport, retries=retries).market_data.get_server_time()
        assert len(transport.requests) == retries + 1
        assert caught.value.__cause__ is cause
        assert caught.value.facts.sent is lost.sent


def test_the_generic_request_is_not_repeated(opener: Opener) -> None:
    for uri, kind in (("/0/private/Balance", ReplyLost), ("/0/private/Something", OrderStateUnknown)):
        transport = FakeTransport(Lost(True, OSError()))
        with pytest.raises(kind):
            opener(transport=transport).request("POST", uri)
        assert len(transport.requests) == 1


def test_a_page_in_place_of_a_reply_is_kept(opener: Opener) -> None:
    page = b"<!DOCTYPE html><h1>502 Bad Gateway</h1>"
    transport = FakeTransport(Reply(502, {}, page))
    client = opener(transport=transport, retries=0)
    calls: list[tuple[Callable[[], Any], type[KrakenError]]] = [
        (lambda: client.trading.add_order(**ORDER), OrderStateUnknown),
        (lambda: client.market_data.get_server_time(), ReplyLost),
        (lambda: client.request("POST", "/0/private/AddOrder", ORDER, return_raw=True), OrderStateUnknown),
    ]
    for call, kind in calls:
        with pytest.raises(kind, match="HTTP 502 with a body that is not Kraken's JSON") as caught:
            call()
        assert caught.value.facts.body == page
        assert caught.value.__cause__ is not None


def test_a_good_reply_behind_a_bad_status_is_no_good_reply(opener: Opener) -> None:
    transport = FakeTransport(ADDED._replace(status=502))
    with pytest.raises(OrderStateUnknown, match="HTTP 502"):
        opener(transport=transport).trading.add_order(**ORDER)


# ---------------------------------------------------------------------- what Kraken answers


def test_a_refusal_counts_whatever_the_status(opener: Opener) -> None:
    for status in (200, 400, 500, 503):
        transport = FakeTransport(refusal("EOrder:Insufficient funds")._replace(status=status))
        with pytest.raises(KrakenInsufficientFundsError) as caught:
            opener(transport=transport).trading.add_order(**ORDER)
        assert caught.value.code == "EOrder:Insufficient funds"
        assert caught.value.cl_ord_id == field(transport.last, "cl_ord_id")
        assert len(transport.requests) == 1


def test_an_invalid_nonce_is_tried_once_more_but_not_for_orders(opener: Opener) -> None:
    transport = FakeTransport(refusal("EAPI:Invalid nonce"), reply({"ZUSD": "1"}))
    assert opener(transport=transport).account_data.get_account_balance()
    first, second = (int(field(request, "nonce")) for request in transport.requests)
    assert second > first
    assert opener.waits == []
    for call, sent in ((CALLS["balance"], 2), (CALLS["add"], 1), (CALLS["cancel"], 1)):
        result, transport = outcome_of(call, refusal("EAPI:Invalid nonce"))
        assert isinstance(result, KrakenInvalidNonceError)
        assert "key of its own" in str(result)
        assert len(transport.requests) == sent


@pytest.mark.parametrize(
    "code", ["EAPI:Invalid key", "EGeneral:Temporary lockout", "EOrder:Insufficient funds", "EX:y"]
)
def test_other_refusals_are_not_repeated(code: str) -> None:
    for call in (CALLS["balance"], CALLS["add"]):
        result, transport = outcome_of(call, refusal(code))
        assert isinstance(result, ExchangeError)
        assert result.code == code
        assert len(transport.requests) == 1


@pytest.mark.parametrize("code", ["EAPI:Rate limit exceeded", "EOrder:Rate limit exceeded", "EService:Unavailable"])
def test_refusals_that_pass_are_repeated_but_not_for_orders(code: str) -> None:
    for call, sent in ((CALLS["balance"], 3), (CALLS["add"], 1), (CALLS["cancel"], 1), (CALLS["generic order"], 1)):
        result, transport = outcome_of(call, refusal(code))
        assert isinstance(result, ExchangeError)
        assert result.code == code
        assert len(transport.requests) == sent


def test_warnings_come_beside_the_result(opener: Opener) -> None:
    transport = FakeTransport(reply({"ZUSD": "1.0"}, "WGeneral:Danger"))
    client = opener(transport=transport)
    with pytest.warns(KrakenWarning, match="get_account_balance: WGeneral:Danger"):
        assert client.account_data.get_account_balance()
    with pytest.warns(KrakenWarning, match="WGeneral:Danger"):
        assert client.request("POST", "/0/private/Balance") == {"ZUSD": "1.0"}


def test_warnings_beside_an_error_do_not_hide_it(opener: Opener) -> None:
    transport = FakeTransport(refusal("WGeneral:Danger", "EOrder:Insufficient funds", "EAPI:Invalid nonce"))
    with pytest.raises(KrakenInsufficientFundsError) as caught:
        opener(transport=transport).trading.add_order(**ORDER)
    assert "EOrder:Insufficient funds; EAPI:Invalid nonce" in str(caught.value)
    assert caught.value.code == "EOrder:Insufficient funds"


def test_an_unexpected_form_of_a_result(opener: Opener) -> None:
    transport = FakeTransport(reply({"descr": 5}))
    with pytest.raises(DecodeError, match="Kraken carried the request out") as caught:
        opener(transport=transport).trading.add_order(**ORDER)
    assert caught.value.facts.body == b'{"error":[],"result":{"descr": 5}}'
    assert caught.value.cl_ord_id == field(transport.last, "cl_ord_id")
    with pytest.raises(DecodeError):
        opener(transport=FakeTransport(Reply(200, {}, b'{"error":[]}'))).market_data.get_server_time()
