"""The generic request: any path, plain values in and out, lenient as its callers know it."""

from __future__ import annotations

import inspect
import json
from decimal import Decimal
from typing import Any

import pytest

from kraken.emulator import Emulator
from kraken.exceptions import InvalidRequest, KrakenInsufficientFundsError, KrakenUnknownMethodError
from kraken.runtime import Reply
from kraken.spot import SpotAsyncClient, SpotClient

from ..support import FakeTransport, Opener, pairs_of, refusal, reply


@pytest.fixture
def transport() -> FakeTransport:
    return FakeTransport(reply({"ok": True}))


def test_its_parameters_are_those_that_users_know() -> None:
    for client in (SpotClient, SpotAsyncClient):
        parameters = inspect.signature(client.request).parameters
        assert list(parameters) == [
            "self",
            "method",
            "uri",
            "params",
            "timeout",
            "auth",
            "do_json",
            "return_raw",
            "query_str",
            "extra_params",
        ]
        keyword_only = [name for name, each in parameters.items() if each.kind is each.KEYWORD_ONLY]
        assert keyword_only == ["auth", "do_json", "return_raw", "query_str", "extra_params"]
        assert [parameters[name].default for name in keyword_only] == [True, False, False, None, None]
        assert list(inspect.signature(client).parameters)[:4] == ["key", "secret", "url", "proxy"]


def test_public_and_private_paths(opener: Opener, emulator: Emulator) -> None:
    client = opener(emulator.key, emulator.secret, emulator.spot_url)
    time = client.request("GET", "/0/public/Time", auth=False)
    assert set(time) == {"unixtime", "rfc1123"}
    ticker = client.request("get", "0/public/Ticker", {"pair": "XBTUSD"}, auth=False)
    assert ticker["XXBTZUSD"]["a"][0] == "68012.80000"
    balances = client.request("POST", "/0/private/Balance")
    assert balances["XXBT"] == "2.5000000000"
    assert type(balances) is dict
    with pytest.raises(KrakenUnknownMethodError, match="POST /0/private/New: EGeneral:Unknown method"):
        client.request("POST", "/0/private/New")


def test_an_order_with_floats(opener: Opener, emulator: Emulator) -> None:
    client = opener(emulator.key, emulator.secret, emulator.spot_url)
    order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": 0.01, "price": 60000.0, "leverage": None}
    for as_json in (False, True):
        (txid,) = client.request("POST", "/0/private/AddOrder", order, do_json=as_json)["txid"]
        found = emulator.orders[txid]
        assert (found["vol"], found["descr"]["price"]) == ("0.01000000", "60000.0")
    assert "price" not in [name for name, value in emulator.requests[-1].arguments.items() if value is None]
    with pytest.raises(KrakenInsufficientFundsError):
        client.request("POST", "/0/private/AddOrder", {**order, "volume": 900})


def test_values_go_out_in_plain_notation(opener: Opener, transport: FakeTransport) -> None:
    params = {
        "float": 1e-8,
        "large": 1e22,
        "third": 0.1 + 0.2,
        "decimal": Decimal("1E-10"),
        "yes": True,
        "list": ["a", 1, 0.5],
        "nothing": None,
        "none of it": "",
    }
    client = opener(transport=transport, nonce=lambda: 1)
    client.request("POST", "/0/private/New", params)
    assert pairs_of(transport.last)[1:] == [
        ("float", "0.00000001"),
        ("large", "10000000000000000000000"),
        ("third", "0.30000000000000004"),
        ("decimal", "0.0000000001"),
        ("yes", "true"),
        ("list", "a%2C1%2C0.5"),
        ("none+of+it", ""),
    ]
    client.request("POST", "/0/private/New", {**params, "deep": {"x": [{"y": 1e-8}]}}, do_json=True)
    assert transport.last.body.decode() == (
        '{"nonce":1,"float":0.00000001,"large":10000000000000000000000,"third":0.30000000000000004,'
        '"decimal":0.0000000001,"yes":true,"list":["a",1,0.5],"none of it":"","deep":{"x":[{"y":0.00000001}]}}'
    )


def test_parameters_of_each_method(opener: Opener, transport: FakeTransport) -> None:
    client = opener(transport=transport, nonce=lambda: 1)
    for method in ("GET", "DELETE"):
        client.request(method, "/0/x?a=1", {"b": "2"}, query_str="c=3", extra_params={"d": 4}, auth=False)
        assert (transport.last.method, transport.last.target) == (method, "/0/x?a=1&c=3&b=2&d=4")
        assert transport.last.body == b""
    for method in ("POST", "PUT"):
        client.request(method, "/0/x?a=1", {"b": "2"}, query_str="c=3", extra_params={"d": 4})
        assert (transport.last.method, transport.last.target) == (method, "/0/x?a=1&c=3")
        assert transport.last.body == b"nonce=1&b=2&d=4"
    client.request("POST", "/0/x", {"b": "2"}, auth=False)
    assert transport.last.body == b"b=2"
    assert transport.last.headers["Content-Type"] == "application/x-www-form-urlencoded"
    client.request("POST", "/0/x", {"b": "2"}, auth=False, do_json=True)
    assert transport.last.body == b'{"b":"2"}'
    assert transport.last.headers["Content-Type"] == "application/json"
    assert "API-Sign" not in transport.last.headers


def test_further_parameters_as_json_text(opener: Opener, transport: FakeTransport) -> None:
    client = opener(transport=transport, nonce=lambda: 1)
    client.request("POST", "/0/private/New", {"a": "1"}, extra_params='{"b": 0.10, "a": "2"}')
    assert transport.last.body == b"nonce=1&a=2&b=0.10"
    for wrong in ("{", "[1]", "5", "null", "nothing"):
        with pytest.raises(InvalidRequest, match="extra_params: the text is not a JSON object"):
            client.request("POST", "/0/private/New", extra_params=wrong)
    assert len(transport.requests) == 1


def test_what_cannot_be_sent_is_refused(opener: Opener, transport: FakeTransport) -> None:
    client = opener(transport=transport)
    wrong: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
        ("method: 'GET /'", ("GET /", "/0/x"), {}),
        ("method: ''", ("", "/0/x"), {}),
        ("uri: '/0/ü' is not encoded", ("GET", "/0/ü"), {}),
        ("uri: '/0/x y' is not encoded", ("GET", "/0/x y"), {}),
        ("uri: .* is not encoded", ("GET", "/0/x HTTP/1.1\r\nX: y"), {}),
        ("query_str: 'ü' is not encoded", ("GET", "/0/x"), {"query_str": "ü"}),
        (r"a: '\\ud800'|a: .*surrogates", ("POST", "/0/x", {"a": "\ud800"}), {}),
        ("a: <object .* has no exact text", ("POST", "/0/x", {"a": object()}), {}),
        ("the parameters cannot be JSON: .*object", ("POST", "/0/x", {"a": object()}), {"do_json": True}),
    ]
    for words, arguments, options in wrong:
        with pytest.raises(InvalidRequest, match=words):
            client.request(*arguments, **options)
    assert transport.requests == []


def test_results_are_what_json_gives(opener: Opener) -> None:
    text = '{"a": 1.5, "b": 0.1, "c": "1.50", "d": [1, null, true], "e": 12345678901234567.12, "f": {}}'
    result = opener(transport=FakeTransport(reply(text))).request("GET", "/0/public/New", auth=False)
    expected = json.loads(text)
    assert {**result, "e": None} == {**expected, "e": None}
    assert [type(value) for value in result.values()] == [float, float, str, list, Decimal, dict]
    assert result["e"] == Decimal("12345678901234567.12")


def test_replies_without_a_result(opener: Opener) -> None:
    client = opener(transport=FakeTransport(Reply(200, {}, b'{"error":[]}')))
    assert client.request("POST", "/0/private/New") == {"error": []}
    client = opener(transport=FakeTransport(reply(True)))
    assert client.request("POST", "/0/private/Earn/Allocate") is True


def test_raw_replies(opener: Opener) -> None:
    file = Reply(200, {"content-type": "application/octet-stream"}, b"PK\x03\x04")
    answer = reply({"a": 1})
    transport = FakeTransport(
        file, answer, refusal("EGeneral:Permission denied"), refusal("EGeneral:Permission denied")
    )
    client = opener(transport=transport)
    assert client.request("POST", "/0/private/RetrieveExport", {"id": "X"}, return_raw=True) is file
    assert client.request("POST", "/0/private/RetrieveExport", {"id": "X"}, return_raw=True) is answer
    with pytest.raises(Exception, match="Permission denied"):
        client.request("POST", "/0/private/RetrieveExport", {"id": "X"}, return_raw=True)


def test_errors_as_data(opener: Opener) -> None:
    transport = FakeTransport(refusal("EGeneral:Permission denied"))
    client = opener(transport=transport, use_custom_exceptions=False)
    assert client.request("POST", "/0/private/New") == {"error": ["EGeneral:Permission denied"]}
    with pytest.raises(Exception, match="Permission denied"):
        client.account_data.get_account_balance()


def test_preparing_sends_nothing(opener: Opener, transport: FakeTransport) -> None:
    client = opener(transport=transport, nonce=lambda: 1)
    prepared = client.prepare("GET", "/0/public/Ticker", {"pair": "XBTUSD"}, auth=False)
    assert (prepared.method, prepared.target, prepared.body) == ("GET", "/0/public/Ticker?pair=XBTUSD", b"")
    prepared = client.prepare("POST", "/0/private/New", {"a": 0.5}, do_json=True)
    assert prepared.body == b'{"nonce":1,"a":0.5}'
    assert transport.requests == []
