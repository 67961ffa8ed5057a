"""Options: each one of each client reaches the transport, and what makes no sense is refused when it is given."""

from __future__ import annotations

import math
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

import kraken.runtime.httpx_transport as default_transport
from kraken.exceptions import InvalidRequest, KrakenError, NotSent, ReplyLost
from kraken.runtime import Options, Reply, async_client
from kraken.runtime.transport import Lost, Request

from ..support import ADDED, ORDER, FakeTransport, Opener, field, refusal, reply

TIME = reply({"unixtime": 1, "rfc1123": "x"})
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


# ---------------------------------------------------------------------- of a call


def test_timeouts(opener: Opener) -> None:
    transport = FakeTransport(TIME)
    client = opener(transport=transport, timeout=3)
    client.market_data.get_server_time()
    client.market_data.get_server_time(options=Options(timeout=0.5))
    client.request("GET", "/0/public/Time", auth=False)
    client.request("GET", "/0/public/Time", None, 7, auth=False)
    assert [request.timeout for request in transport.requests] == [3, 0.5, 3, 7]


@pytest.mark.parametrize("timeout", [0, -1, math.nan, math.inf, 1e300, "5", True])
def test_timeouts_that_are_none(opener: Opener, timeout: Any) -> None:
    transport = FakeTransport(TIME)
    client = opener(transport=transport)
    with pytest.raises(InvalidRequest, match=r"timeout: .* is not a time to wait; allowed: seconds above 0"):
        opener(timeout=timeout)
    with pytest.raises(InvalidRequest, match="timeout: "):
        client.market_data.get_server_time(options=Options(timeout=timeout))
    with pytest.raises(InvalidRequest, match="timeout: "):
        client.request("GET", "/0/public/Time", timeout=timeout, auth=False)
    assert transport.requests == []


def test_headers(opener: Opener) -> None:
    transport = FakeTransport(TIME, ADDED)
    client = opener(transport=transport)
    client.market_data.get_server_time(options=Options(headers={"X-Mine": "1", "User-Agent": "me"}))
    assert transport.last.headers["X-Mine"] == "1"
    assert transport.last.headers["User-Agent"] == "me"
    client.trading.add_order(**ORDER, options=Options(headers={"X-Mine": "2", "API-Key": "not mine"}))
    assert transport.last.headers["X-Mine"] == "2"
    assert transport.last.headers["API-Key"] != "not mine"
    client.trading.add_order(**ORDER)
    assert "X-Mine" not in transport.last.headers
    assert transport.last.headers["User-Agent"].startswith("kraken-typed-sdk/")


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"X": "é"}, "the value of 'X' is not a line"),
        ({"X": "a\r\nY: b"}, "the value of 'X' is not a line"),
        ({"X": 1}, "the value of 'X' is not a line"),
        ({"": "x"}, "'' is not the name of a header"),
        ({"X:Y": "x"}, "'X:Y' is not the name of a header"),
        ({1: "x"}, "1 is not the name of a header"),
    ],
)
def test_headers_that_cannot_be_sent(opener: Opener, headers: Any, words: str) -> None:
    transport = FakeTransport(TIME)
    with pytest.raises(InvalidRequest, match=words) as caught:
        opener(transport=transport).market_data.get_server_time(options=Options(headers=headers))
    assert "Y: b" not in str(caught.value)
    assert transport.requests == []


def test_raw_replies_are_shown_before_they_are_decoded(opener: Opener) -> None:
    seen: list[Reply] = []
    options = Options(on_reply=seen.append)
    page = Reply(502, {"server": "x"}, b"<html>")
    transport = FakeTransport(TIME, refusal("EGeneral:Internal error"), page, TIME)
    client = opener(transport=transport, retries=0)
    client.market_data.get_server_time(options=options)
    for _ in range(2):
        with pytest.raises(KrakenError):
            client.market_data.get_server_time(options=options)
    assert seen == [TIME, refusal("EGeneral:Internal error"), page]
    with pytest.raises(ReplyLost):
        opener(transport=FakeTransport(Lost(True, OSError()))).market_data.get_server_time(options=options)
    assert len(seen) == 3


def test_every_attempt_is_shown(opener: Opener) -> None:
    seen: list[Reply] = []
    transport = FakeTransport(Reply(500, {}, b""), TIME)
    opener(transport=transport).market_data.get_server_time(options=Options(on_reply=seen.append))
    assert [each.status for each in seen] == [500, 200]


# ---------------------------------------------------------------------- of a client


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1",
        "ftp://host",
        "http://",
        "http://[::1",
        "http://host:x",
        "http://host:99999",
        "http://a b",
        "https://h?q",
    ],
)
def test_addresses_that_are_none(opener: Opener, url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"url: .* is not an address; allowed: https://host"):
        opener(url=url)


@pytest.mark.parametrize("proxy", ["127.0.0.1:80", "bogus://user:hush@host", "http://", "http://user:hush@host:x"])
def test_proxies_that_are_none(opener: Opener, proxy: str) -> None:
    with pytest.raises(InvalidRequest, match="proxy: not an address; allowed: http://host:port") as caught:
        opener(proxy=proxy)
    assert "hush" not in repr(caught.value)


def test_the_slash_behind_an_address_does_not_matter(opener: Opener) -> None:
    assert repr(opener(url="https://example.test/")).count("https://example.test'") == 1


class Spy:
    """Takes the place of httpx's transports: keeps their options, and answers."""

    made: list[dict[str, Any]]
    sent: list[httpx.Request]

    def __init__(self, **settings: Any) -> None:
        self.made.append(settings)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        return httpx.Response(200, content=TIME.body)

    def close(self) -> None:
        pass

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.handle_request(request)

    async def aclose(self) -> None:
        pass


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> type[Spy]:
    Spy.made, Spy.sent = [], []
    monkeypatch.setattr(async_client, "_has_aiohttp", lambda: False)
    monkeypatch.setattr(httpx, "HTTPTransport", Spy)
    monkeypatch.setattr(httpx, "AsyncHTTPTransport", Spy)
    return Spy


def test_what_the_http_library_is_told(opener: Opener, spy: type[Spy]) -> None:
    context = ssl.create_default_context()
    client = opener(url="https://host:8443", proxy="http://user:hush@proxy:1", verify=context)
    client.market_data.get_server_time(options=Options(timeout=7, headers={"X-Mine": "1"}, extra={"new": "a b"}))
    (settings,), (request,) = spy.made, spy.sent
    assert settings["verify"] is context
    assert settings["proxy"] == "http://user:hush@proxy:1"
    assert settings["retries"] == 0
    assert request.extensions["timeout"] == {"connect": 7, "read": 7, "write": 7, "pool": 7}
    assert request.headers["X-Mine"] == "1"
    assert request.headers["Host"] == "host:8443"
    assert request.url.raw_path == b"/0/public/Time?new=a+b"
    assert "hush" not in repr(client)


@pytest.mark.parametrize("verify", [True, False])
def test_certificates(opener: Opener, spy: type[Spy], verify: bool) -> None:
    opener(url="https://host", verify=verify).market_data.get_server_time()
    assert spy.made[0]["verify"] is verify


def test_proxies_of_the_environment(opener: Opener, spy: type[Spy], monkeypatch: pytest.MonkeyPatch) -> None:
    def used(url: str, proxy: str | None = None) -> Any:
        opener(url=url, proxy=proxy).market_data.get_server_time()
        return spy.made[-1]["proxy"]

    assert used("https://host") is None
    monkeypatch.setenv("all_proxy", "https://everything:1")
    monkeypatch.setenv("http_proxy", "plain:2")
    monkeypatch.setenv("no_proxy", "near,127.0.0.1")
    assert used("https://host") == "https://everything:1"
    assert used("http://host") == "http://plain:2"
    assert used("http://near") is None
    assert used("https://host", "http://mine:3") == "http://mine:3"
    monkeypatch.setenv("http_proxy", "bogus://user:hush@host")
    with pytest.raises(InvalidRequest, match="proxy: not an address") as caught:
        used("http://host")
    assert "hush" not in repr(caught.value)


def test_socks_without_its_package(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default_transport, "find_spec", lambda _: None)
    with pytest.raises(InvalidRequest, match="proxy: SOCKS needs the package socksio"):
        opener(proxy="socks5://127.0.0.1:1").market_data.get_server_time()


def test_retries(opener: Opener) -> None:
    for retries in (0, 2):
        transport = FakeTransport(Lost(False, OSError("no")))
        with pytest.raises(NotSent):
            opener(transport=transport, retries=retries).market_data.get_server_time()
        assert len(transport.requests) == retries + 1


def test_signed_requests_go_where_they_should(opener: Opener) -> None:
    transport = FakeTransport(ADDED)
    opener(transport=transport).trading.add_order(**ORDER)
    request: Request = transport.last
    assert (request.method, request.target) == ("POST", "/0/private/AddOrder")
    assert field(request, "pair") == ORDER["pair"]


# ---------------------------------------------------------------------- a real proxy


@contextmanager
def proxy_stub(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Takes one connection, remembers what comes first, and answers it."""
    heads: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(10)
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536)
            heads.append(data)
            connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}", heads
        thread.join(10)


def test_through_a_proxy(opener: Opener) -> None:
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(TIME.body), TIME.body)
    with proxy_stub(answer) as (address, heads):
        client = opener(url="http://kraken.invalid", proxy=f"http://user:hush@{address}")
        assert client.market_data.get_server_time(options=Options(extra={"a": "b c"})).unixtime == 1
    lines = heads[0].decode("ascii").split("\r\n")
    assert lines[0] == "GET http://kraken.invalid/0/public/Time?a=b+c HTTP/1.1"
    assert "Host: kraken.invalid" in lines
    assert "Proxy-Authorization: Basic dXNlcjpodXNo" in lines


def test_a_tunnel_through_a_proxy(opener: Opener) -> None:
    with proxy_stub(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n") as (address, heads):
        client = opener(url="https://kraken.invalid", proxy=f"http://{address}")
        with pytest.raises(NotSent, match="403 Forbidden"):
            client.trading.add_order(**ORDER)
    assert heads[0].startswith(b"CONNECT kraken.invalid:443 HTTP/1.1\r\n")
    assert b"API-Sign" not in heads[0]
