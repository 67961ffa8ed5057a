"""Arguments: money keeps its digits, and what cannot be right is refused by name before anything is sent."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kraken.exceptions import InvalidRequest
from kraken.runtime import Options
from kraken.runtime.encoding import encode_arguments
from kraken.spot import SpotClient
from kraken.spot.decode import find_operation

from ..support import ADDED, KEY, ORDER, SECRET, FakeTransport, Opener, field, pairs_of, reply, without

MONEY = ("volume", "displayvol", "price", "price2", "close_price", "close_price2")


def sent(transport: FakeTransport) -> dict[str, list[str]]:
    """The form of the last request, decoded."""
    return parse_qs(transport.last.body.decode("ascii"), keep_blank_values=True)


def place(**arguments: Any) -> FakeTransport:
    """Place an order without a network."""
    transport = FakeTransport(ADDED)
    with SpotClient(KEY, SECRET, transport=transport) as client:
        client.trading.add_order(**{**ORDER, **arguments})
    return transport


def refused(**arguments: Any) -> str:
    """Why an order is refused; nothing was sent, and Python's own error classes fit too."""
    transport = FakeTransport(ADDED)
    with SpotClient(KEY, SECRET, transport=transport) as client, pytest.raises(InvalidRequest) as caught:
        client.trading.add_order(**{**ORDER, **arguments})
    assert transport.requests == []
    assert caught.value.facts.sent is False
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, TypeError)
    return str(caught.value)


# ---------------------------------------------------------------------- money

AMOUNTS = st.one_of(
    st.builds(lambda digits, places: Decimal(digits).scaleb(-places), st.integers(1, 10**24), st.integers(0, 12)),
    st.integers(0, 12).map(lambda places: Decimal(1).scaleb(places)),
    st.integers(0, 12).map(lambda places: Decimal(1).scaleb(-places)),
)


@settings(max_examples=60)
@given(AMOUNTS)
def test_amounts_go_out_in_plain_notation_with_every_digit(amount: Decimal) -> None:
    for given_as in (amount, str(amount), format(amount, "f")):
        transport = place(volume=given_as, price=given_as, close_ordertype="limit", close_price=given_as)
        for name in ("volume", "price", "close%5Bprice%5D"):
            text = field(transport.last, name)
            assert set(text) <= set("0123456789.")
            assert Decimal(text).as_tuple() == Decimal(format(amount, "f")).as_tuple()


def test_small_and_large_amounts() -> None:
    cases: dict[Any, str] = {
        Decimal("0.00000001"): "0.00000001",
        Decimal("1E-8"): "0.00000001",
        Decimal("1E+3"): "1000",
        Decimal("9.7e-07"): "0.00000097",
        "45283.50": "45283.50",
        "1e-8": "0.00000001",
        7: "7",
        10**20: "100000000000000000000",
    }
    for amount, text in cases.items():
        assert field(place(volume=amount).last, "volume") == text
        assert field(place(price=amount).last, "price") == text


@pytest.mark.parametrize("name", MONEY)
@pytest.mark.parametrize("value", [0.1, 1.0, 1e-8, True, False])
def test_floats_and_bools_are_no_money(name: str, value: Any) -> None:
    words = refused(**{name: value})
    assert f"{name}: {value!r} is a {type(value).__name__}, which does not hold every digit" in words
    assert "pass a str, an int or a Decimal" in words


@pytest.mark.parametrize("name", MONEY)
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-inf", Decimal("NaN"), Decimal("Infinity"), "one", "", None, []])
def test_what_is_no_number_is_no_money(name: str, value: Any) -> None:
    if value is None:
        assert "volume: missing" in refused(volume=None)
    else:
        assert f"add_order: {name}: " in refused(**{name: value})


@pytest.mark.parametrize("name", ["price", "price2", "close_price", "close_price2"])
def test_relative_prices(name: str) -> None:
    wire = {"close_price": "close[price]", "close_price2": "close[price2]"}.get(name, name)
    for price in ("+5", "-0.5%", "#10%", "2%", "1.5"):
        assert sent(place(**{name: price}))[wire] == [price]
    for price in ("5%%", "++5", "%5", "#", "5 %", "1,5", "5\n"):
        assert f"{name}: {price!r} is not a" in refused(**{name: price})


# ---------------------------------------------------------------------- other arguments


def test_unknown_arguments_are_refused_by_name() -> None:
    with SpotClient(KEY, SECRET, transport=FakeTransport()) as client:
        with pytest.raises(TypeError, match="pricee"):
            client.trading.add_order(**{**ORDER, "pricee": "1"})
        with pytest.raises(TypeError, match="unexpected keyword argument 'pairs'"):
            client.market_data.get_ticker_information(pairs="XBTUSD")  # type: ignore[call-arg]
    operation = find_operation("POST /0/private/CancelOrder")
    assert operation is not None
    with pytest.raises(InvalidRequest, match="cancel_order: txids: unknown argument; allowed: txid, cl_ord_id"):
        encode_arguments(operation, {"txid": "O1", "txids": "O2"}, None)


def test_missing_arguments_are_named() -> None:
    with SpotClient(KEY, SECRET, transport=FakeTransport()) as client, pytest.raises(TypeError, match="'volume'"):
        client.trading.add_order(**without(["volume"], ORDER))
    assert refused(pair=None, type=None) == "add_order: pair: missing; type: missing"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("type", "Buy", "'buy' or 'sell'"),
        ("ordertype", "limt", "'market', 'limit'"),
        ("timeinforce", "gtc", "'GTC', 'IOC', 'GTD' or 'FOK'"),
        ("oflags", ["post", "psot"], "'post', 'fcib'"),
        ("oflags", "post,psot", "'post', 'fcib'"),
        ("trigger", 1, "'index' or 'last'"),
        ("stptype", "cancel_newest", "'cancel-newest'"),
        ("close_ordertype", "market", "'limit', 'iceberg'"),
    ],
)
def test_enums_of_requests_are_closed(name: str, value: Any, allowed: str) -> None:
    words = refused(**{name: value})
    assert f"add_order: {name}" in words
    assert f"allowed: {allowed}" in words


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pair", 5),
        ("pair", b"XBTUSD"),
        ("reduce_only", "true"),
        ("reduce_only", 1),
        ("validate", 0),
        ("userref", "7"),
        ("userref", True),
        ("userref", 2**31),
        ("userref", 1.0),
        ("leverage", 5),
        ("starttm", "now"),
        ("expiretm", 30),
    ],
)
def test_types_are_not_guessed(name: str, value: Any) -> None:
    arguments = {name: value}
    assert f"add_order: {name}: {value!r}" in refused(**arguments)


@pytest.mark.parametrize(
    "value",
    [
        "6d1b345e-2821-40e2-ad83-4ecb18a06876",
        "6d1b345e282140e2ad834ecb18a06876",
        "arb-2024:strat#001",
        "x",
    ],
)
def test_the_three_forms_of_client_order_ids(value: str) -> None:
    assert sent(place(cl_ord_id=value))["cl_ord_id"] == [value]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a-client-order-id-22ch",
        "6d1b345e282140e2ad834ecb18a0687",
        "zd1b345e282140e2ad834ecb18a06876",
        "ä",
        "a b",
        7,
    ],
)
def test_other_client_order_ids(value: Any) -> None:
    words = refused(cl_ord_id=value)
    assert f"cl_ord_id: {value!r} is none of: a UUID with dashes, 32 hexadecimal digits, up to 18" in words


def test_a_client_order_id_is_made_up_once_unless_there_is_a_reference() -> None:
    first, second = (field(place().last, "cl_ord_id") for _ in range(2))
    assert first != second
    assert len(first) == 36
    assert "cl_ord_id" not in sent(place(userref=7))
    assert "cl_ord_id and userref exclude one another" in refused(cl_ord_id="mine", userref=7)


def test_nothing_that_was_not_asked_for_is_sent() -> None:
    assert [name for name, _ in pairs_of(place(cl_ord_id="mine").last)] == ["nonce", *ORDER, "cl_ord_id"]


def test_one_of_several_ids_is_needed(opener: Opener) -> None:
    transport = FakeTransport()
    trading = opener(transport=transport).trading
    calls: list[Callable[..., Any]] = [trading.cancel_order, trading.amend_order]
    for call in calls:
        with pytest.raises(InvalidRequest, match="one of txid, cl_ord_id is needed"):
            call()
        with pytest.raises(
            InvalidRequest, match="txid and cl_ord_id exclude one another; allowed: one of txid, cl_ord_id"
        ):
            call(txid="O1", cl_ord_id="mine")
    assert transport.requests == []


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ("post", "post"),
        ("post,fciq", "post,fciq"),
        (["post", "fciq"], "post,fciq"),
        (("post",), "post"),
    ],
)
def test_lists_as_one_text_or_as_a_sequence(flags: Any, text: str) -> None:
    assert sent(place(oflags=flags))["oflags"] == [text]


def test_lists_in_a_query(opener: Opener) -> None:
    transport = FakeTransport()
    market_data = opener(transport=transport).market_data
    for pair in ("XBTUSD,ETHUSD", ["XBTUSD", "ETHUSD"], ("XBTUSD", "ETHUSD")):
        market_data.get_ticker_information(pair=pair)
        assert transport.last.target == "/0/public/Ticker?pair=XBTUSD%2CETHUSD"
    market_data.get_ticker_information()
    assert transport.last.target == "/0/public/Ticker"
    with pytest.raises(InvalidRequest, match=r"pair\.1: 5: Input should be a valid string"):
        market_data.get_ticker_information(pair=["XBTUSD", 5])  # type: ignore[list-item]


@pytest.mark.parametrize("ids", [[], ["O"] * 51])
def test_lists_that_are_too_short_or_too_long(opener: Opener, ids: list[str]) -> None:
    with pytest.raises(InvalidRequest, match=r"get_orders_info: txid: .*List should have at"):
        opener(transport=FakeTransport()).account_data.get_orders_info(txid=ids)


def test_booleans_and_whole_numbers(opener: Opener) -> None:
    transport = FakeTransport(reply({"open": {}}))
    client = opener(transport=transport)
    client.account_data.get_open_orders(trades=True, userref=-5)
    assert pairs_of(transport.last)[1:] == [("trades", "true"), ("userref", "-5")]
    client.account_data.get_open_orders(trades=False)
    assert pairs_of(transport.last)[1:] == [("trades", "false")]
    with pytest.raises(InvalidRequest, match="count: 501: Input should be less than or equal to 500"):
        client.market_data.get_order_book(pair="XBTUSD", count=501)
    with pytest.raises(InvalidRequest, match="depth: 11: allowed: 10, 25, 100, 250 or 1000"):
        client.market_data.get_grouped_order_book(pair="XBTUSD", depth=11)  # type: ignore[arg-type]


def test_moments() -> None:
    moment = datetime(2026, 11, 22, 10, 0, 0, 5000, timezone(timedelta(hours=2)))
    assert sent(place(deadline=moment))["deadline"] == ["2026-11-22T08:00:00.005000Z"]
    assert sent(place(deadline="2026-11-22T08:00:00Z"))["deadline"] == ["2026-11-22T08:00:00Z"]
    assert moment.astimezone(UTC).hour == 8
    assert "deadline: " in refused(deadline=moment.replace(tzinfo=None))
    assert "pass an RFC 3339 text or a datetime" in refused(deadline=5)


def test_text_goes_out_as_it_is() -> None:
    for pair in ("BTC/USD", "a&b=c", "ü €", "%2F+", "x;y#z?"):
        body = place(pair=pair).last.body.decode("ascii")
        (part,) = [part for part in body.split("&") if part.startswith("pair=")]
        assert unquote_plus(part.removeprefix("pair=")) == pair


# ---------------------------------------------------------------------- what is passed in stays as it is


def test_arguments_are_never_changed(opener: Opener) -> None:
    transport = FakeTransport(ADDED)
    client = opener(transport=transport)
    flags, extra, headers = ["post", "fciq"], {"broker": "x"}, {"X-Mine": "1"}
    order: dict[str, Any] = {**ORDER, "oflags": flags, "options": Options(extra=extra, headers=headers)}
    params: dict[str, Any] = {"pair": "XBTUSD", "orders": [{"volume": 0.1, "price": None}], "nothing": None}
    before = copy.deepcopy((order, flags, extra, headers, params))
    client.trading.add_order(**order)
    client.request("POST", "/0/private/AddOrderBatch", params, do_json=True, extra_params=extra)
    client.request("POST", "/0/private/AddOrder", ORDER, extra_params=extra)
    client.request("POST", "/0/private/AddOrder", ORDER)
    assert (order, flags, extra, headers, params) == before
    nonces = {field(request, "nonce") for request in transport.requests if request.body.startswith(b"nonce=")}
    assert len(nonces) == 3


# ---------------------------------------------------------------------- further parameters


def test_further_parameters_travel_like_the_others(opener: Opener) -> None:
    transport = FakeTransport(reply({"token": "x", "expires": 900}))
    client = opener(transport=transport)
    client.trading.get_websockets_token(options=Options(extra={"new": Decimal("1E-8")}))
    assert transport.last.target == "/0/private/GetWebSocketsToken"
    assert pairs_of(transport.last)[1:] == [("new", "0.00000001")]
    transport.outcomes = [reply({"unixtime": 1, "rfc1123": "x"})]
    client.market_data.get_server_time(options=Options(extra={"new": [1, True]}))
    assert transport.last.target == "/0/public/Time?new=1%2Ctrue"
    with pytest.raises(InvalidRequest, match=r"new: 1\.5: a float has no exact text"):
        client.market_data.get_server_time(options=Options(extra={"new": 1.5}))


@pytest.mark.parametrize("number", [math.nan, math.inf, Decimal("-Infinity"), Decimal("NaN")])
@pytest.mark.parametrize("as_json", [False, True])
def test_the_generic_request_takes_only_numbers(opener: Opener, number: Any, as_json: bool) -> None:
    transport = FakeTransport()
    with pytest.raises(InvalidRequest, match="is not a finite number"):
        opener(transport=transport).request("POST", "/0/private/AddOrder", {"volume": number}, do_json=as_json)
    assert transport.requests == []
