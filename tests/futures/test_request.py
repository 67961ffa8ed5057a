"""The generic request: any path, plain values in and out, with the parameters that users of python-kraken-sdk know."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import pytest

from kraken.exceptions import (
    ExchangeError,
    InvalidRequest,
    KrakenInsufficientAvailableFundsError,
    OrderStateUnknown,
    ReplyLost,
)
from kraken.futures import FuturesAsyncClient, FuturesClient
from kraken.runtime import Reply
from kraken.runtime.transport import Lost

from ..support import FakeTransport, FuturesOpener
from .replies import refusal, reply, sent

V3 = "/derivatives/api/v3"


def test_its_parameters_are_those_that_users_know() -> None:
    for client in (FuturesClient, FuturesAsyncClient):
        parameters = inspect.signature(client.request).parameters
        assert list(parameters) == [
            "self",
            "method",
            "uri",
            "post_params",
            "query_params",
            "timeout",
            "auth",
            "return_raw",
            "extra_params",
        ]
        keyword_only = [name for name, each in parameters.items() if each.kind is each.KEYWORD_ONLY]
        assert keyword_only == ["auth", "return_raw", "extra_params"]
        constructor = inspect.signature(client).parameters
        assert list(constructor)[:6] == ["key", "secret", "url", "proxy", "sandbox", "use_custom_exceptions"]
        assert [constructor[name].default for name in ("sandbox", "use_custom_exceptions")] == [False, True]


@pytest.mark.parametrize(
    ("method", "arguments", "query", "body"),
    [
        ("GET", {"query_params": {"lastFillTime": "a:b"}}, [("lastFillTime", "a:b")], []),
        ("GET", {"post_params": {"a": 1}}, [("a", "1")], []),
        ("DELETE", {"query_params": {"a": [1, 2]}}, [("a", "1"), ("a", "2")], []),
        ("POST", {"post_params": {"size": 0.1, "no": None, "x": True}}, [], [("size", "0.1"), ("x", "true")]),
        ("POST", {"post_params": {"ids": ["a", "b c"]}}, [], [("ids", "a"), ("ids", "b c")]),
        ("POST", {"post_params": {"a": 1}, "query_params": {"b": 2}}, [("b", "2")], [("a", "1")]),
        ("PUT", {"post_params": {"a": 1}, "extra_params": '{"b":2}'}, [], [("a", "1"), ("b", "2")]),
        ("POST", {"extra_params": {"json": '{"batchOrder":[]}'}}, [], [("json", '{"batchOrder":[]}')]),
        (
            "POST",
            {"post_params": {"json": {"batchOrder": [{"size": 1}]}}},
            [],
            [("json", '{"batchOrder":[{"size":1}]}')],
        ),
    ],
)
def test_where_parameters_travel(
    opener: FuturesOpener, method: str, arguments: Mapping[str, Any], query: list[Any], body: list[Any]
) -> None:
    transport = FakeTransport(reply())
    opener(transport=transport).request(method, f"{V3}/anything", **arguments)
    assert parse_qsl(transport.last.target.partition("?")[2]) == query
    assert parse_qsl(transport.last.body.decode()) == body
    content_type = transport.last.headers.get("Content-Type")
    assert content_type == ("application/x-www-form-urlencoded" if body else None)


def test_replies_come_whole(opener: FuturesOpener) -> None:
    answer = reply(accounts={"cash": {"balances": {"xbt": 0.5}}}, numbers=[1, 2.5])
    client = opener(transport=FakeTransport(answer))
    assert client.request("GET", f"{V3}/accounts") == json.loads(answer.body)
    raw = client.request("GET", f"{V3}/accounts", return_raw=True)
    assert isinstance(raw, Reply)
    assert raw.body == answer.body
    csv = Reply(200, {"content-type": "text/csv"}, b"a,b\n")
    client = opener(transport=FakeTransport(csv))
    assert client.request("GET", "/api/history/v3/accountlogcsv", return_raw=True).body == b"a,b\n"
    client = opener(transport=FakeTransport(Reply(200, {}, b'["spot","mark","trade"]')))
    assert client.request("GET", "/api/charts/v1/", auth=False) == ["spot", "mark", "trade"]


def test_refusals_raise_unless_that_is_not_wanted(opener: FuturesOpener) -> None:
    batch = reply(batchStatus=[{"status": "placed"}, {"status": "insufficientAvailableFunds"}])
    for path, answer in (
        ("sendorder", sent("insufficientAvailableFunds")),
        ("batchorder", batch),
        ("sendorder", refusal("insufficientAvailableFunds")),
    ):
        with pytest.raises(KrakenInsufficientAvailableFundsError) as caught:
            opener(transport=FakeTransport(answer)).request("POST", f"{V3}/{path}", {"cliOrdId": "mine"})
        assert caught.value.facts.ids == {"cliOrdId": "mine"}
        client = opener(transport=FakeTransport(answer), use_custom_exceptions=False)
        assert client.request("POST", f"{V3}/{path}") == json.loads(answer.body)
    with pytest.raises(KrakenInsufficientAvailableFundsError) as caught:
        opener(transport=FakeTransport(batch)).request("POST", f"{V3}/batchorder")
    assert caught.value.facts.body == batch.body


def test_lost_replies(opener: FuturesOpener) -> None:
    client = opener(transport=FakeTransport(Lost(True, OSError("gone"))))
    with pytest.raises(OrderStateUnknown) as caught:
        client.request("POST", f"{V3}/sendorder", {"cliOrdId": "mine", "size": 1})
    assert caught.value.facts.ids == {"cliOrdId": "mine"}
    with pytest.raises(OrderStateUnknown):
        client.request("PUT", f"{V3}/something/new")
    for method, path in (("GET", f"{V3}/accounts"), ("POST", f"{V3}/orders/status"), ("GET", "/api/new")):
        with pytest.raises(ReplyLost):
            client.request(method, path)


def test_what_cannot_be_sent(opener: FuturesOpener) -> None:
    transport = FakeTransport(reply())
    client = opener(transport=transport)
    for arguments in ({"post_params": {"a": object()}}, {"extra_params": "[]"}):
        with pytest.raises(InvalidRequest):
            client.request("POST", f"{V3}/sendorder", **arguments)
    with pytest.raises(InvalidRequest, match="uri: "):
        client.request("GET", f"{V3}/with blank")
    assert transport.requests == []


def test_unknown_paths_have_errors_too(opener: FuturesOpener) -> None:
    with pytest.raises(ExchangeError, match="GET /api/new: apiLimitExceeded"):
        opener(transport=FakeTransport(refusal("apiLimitExceeded"))).request("GET", "/api/new")
