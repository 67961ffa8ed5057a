"""Faults over real sockets: an order is sent once, a read again, and every error is one of ours."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from kraken.emulator import Emulator
from kraken.exceptions import NotSent, OrderStateUnknown, ReplyLost
from kraken.runtime import Options
from kraken.spot import SpotClient

from ..support import ORDER, Opener, read_request

ACCEPTED = ("accept-then-502", "accept-then-hang", "accept-then-garbage", "accept-then-reset")
REFUSED = ("html", "error-500", "reset-before", "hang-before")

Call = Callable[[SpotClient, str, float], Any]
ORDERS: dict[str, Call] = {
    "AddOrder": lambda client, own, timeout: client.trading.add_order(
        **ORDER, cl_ord_id=own, options=Options(timeout=timeout)
    ),
    "AmendOrder": lambda client, own, timeout: client.trading.amend_order(
        cl_ord_id=own, limit_price="59000", options=Options(timeout=timeout)
    ),
    "CancelOrder": lambda client, own, timeout: client.trading.cancel_order(
        cl_ord_id=own, options=Options(timeout=timeout)
    ),
}
GENERIC: dict[str, Call] = {
    "AddOrder": lambda client, own, timeout: post(client, timeout, "AddOrder", **ORDER, cl_ord_id=own),
    "AmendOrder": lambda client, own, timeout: post(client, timeout, "AmendOrder", cl_ord_id=own, limit_price="59000"),
    "CancelOrder": lambda client, own, timeout: post(client, timeout, "CancelOrder", cl_ord_id=own),
}
READS: dict[str, Call] = {
    "Ticker": lambda client, _, timeout: client.market_data.get_ticker_information(
        pair="BTC/USD", options=Options(timeout=timeout)
    ),
    "Balance": lambda client, _, timeout: client.account_data.get_account_balance(options=Options(timeout=timeout)),
    "GetWebSocketsToken": lambda client, _, timeout: client.trading.get_websockets_token(
        options=Options(timeout=timeout)
    ),
}


def post(client: SpotClient, timeout: float, name: str, **params: Any) -> Any:
    return client.request("POST", f"/0/private/{name}", params, timeout=timeout)


def patience(fault: str) -> float:
    """Seconds: little where nothing will come."""
    return 0.05 if "hang" in fault else 10


def arrived(emulator: Emulator, name: str, at_least: int = 0) -> int:
    """How many requests there were; a late one is waited for."""
    for _ in range(10_000):
        count = sum(each.path.endswith(f"/{name}") for each in emulator.requests)
        if count >= at_least:
            break
    return count


@pytest.fixture
def client(emulator: Emulator, opener: Opener) -> SpotClient:
    return opener(emulator.key, emulator.secret, emulator.spot_url, retries=1)


def state(emulator: Emulator, own: str) -> tuple[str, str] | None:
    """Status and price of an order, by the client order id."""
    found = [each for each in emulator.orders.values() if each["cl_ord_id"] == own]
    assert len(found) <= 1
    return (found[0]["status"], found[0]["descr"]["price"]) if found else None


CARRIED_OUT = {
    "AddOrder": ("open", "60000.0"),
    "AmendOrder": ("open", "59000.0"),
    "CancelOrder": ("canceled", "60000.0"),
}


@pytest.mark.parametrize("calls", [ORDERS, GENERIC], ids=["typed", "generic"])
@pytest.mark.parametrize("name", ORDERS)
def test_orders(emulator: Emulator, client: SpotClient, opener: Opener, name: str, calls: dict[str, Call]) -> None:
    for fault in (*ACCEPTED, *REFUSED):
        own = fault[-18:]
        if name != "AddOrder":
            client.trading.add_order(**ORDER, cl_ord_id=own)
        before, sent_before = state(emulator, own), arrived(emulator, name)
        emulator.faults.add(name, fault)  # type: ignore[arg-type]
        with pytest.raises(OrderStateUnknown) as caught:
            calls[name](client, own, patience(fault))
        assert arrived(emulator, name, sent_before + 1) == sent_before + 1, fault
        assert state(emulator, own) == (CARRIED_OUT[name] if fault in ACCEPTED else before), fault
        error = caught.value
        assert error.facts.ids == {"cl_ord_id": own}
        assert error.cl_ord_id == own
        assert error.facts.sent is True
        assert error.__cause__ is not None
        # What the error tells is enough to find out, and the client goes on working.
        found = client.account_data.get_open_orders(cl_ord_id=error.cl_ord_id).open
        assert bool(found) is (name != "CancelOrder" if fault in ACCEPTED else name != "AddOrder"), fault
    assert opener.waits == []


def test_the_id_that_was_made_up_finds_the_order(emulator: Emulator, client: SpotClient) -> None:
    emulator.faults.add("AddOrder", "accept-then-502")
    with pytest.raises(OrderStateUnknown) as caught:
        client.trading.add_order(**ORDER)
    (order,) = client.account_data.get_open_orders(cl_ord_id=caught.value.cl_ord_id).open.values()
    assert order.cl_ord_id == caught.value.cl_ord_id
    assert arrived(emulator, "AddOrder") == 1


@pytest.mark.parametrize("name", READS)
def test_reads(emulator: Emulator, opener: Opener, name: str) -> None:
    for fault in (*ACCEPTED, *REFUSED):
        client = opener(emulator.key, emulator.secret, emulator.spot_url, retries=1)
        sent_before = arrived(emulator, name)
        emulator.faults.add(name, fault, times=3)  # type: ignore[arg-type]
        with pytest.raises(ReplyLost) as caught:
            READS[name](client, "", patience(fault))
        assert arrived(emulator, name, sent_before + 2) == sent_before + 2, fault
        assert caught.value.__cause__ is not None
        assert caught.value.retryable
        assert READS[name](client, "", patience(fault)), fault
        assert arrived(emulator, name) == sent_before + 4, fault
    assert len(opener.waits) == 2 * len((*ACCEPTED, *REFUSED))


def test_nothing_listens(opener: Opener) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    client = opener(url=f"http://127.0.0.1:{port}")
    for name, call in {**ORDERS, **GENERIC, **READS}.items():
        with pytest.raises(NotSent) as caught:
            call(client, "mine", 10)
        assert caught.value.facts.sent is False, name
        assert isinstance(caught.value.__cause__, httpx.ConnectError | ConnectionRefusedError)
        assert f"could not connect to http://127.0.0.1:{port}" in str(caught.value)
    assert len(opener.waits) == 2 * len(READS)


def test_a_name_that_is_not_known(opener: Opener) -> None:
    client = opener(url="http://name.invalid", retries=0)
    with pytest.raises(NotSent, match=r"could not connect to http://name\.invalid"):
        client.market_data.get_server_time()


# ---------------------------------------------------------------------- below HTTP


@contextmanager
def server(*answers: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Takes a connection per answer, reads a request, sends these bytes and closes."""
    got: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(10)
                got.append(read_request(connection))
                connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", got
        thread.join(10)


BROKEN = {
    "nothing": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "half a status line": b"HTTP/1.1 2",
    "half a head": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Le",
    "half a body": b'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 50\r\n\r\n{"error":[],"res',
    "half a chunk": b'HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{"error"',
    "no gzip": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
    "another encoding": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: rot13\r\nContent-Length: 4\r\n\r\nabcd",
    "a redirect": b"HTTP/1.1 307 Go\r\nConnection: close\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "an empty body": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    "a page": b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 13\r\n\r\n<h1>Ray</h1>\r\n",
}


@pytest.mark.parametrize("answer", BROKEN)
def test_broken_answers(opener: Opener, answer: str) -> None:
    with server(BROKEN[answer]) as (url, got):
        with pytest.raises(OrderStateUnknown) as caught:
            opener(url=url).trading.add_order(**ORDER)
        assert caught.value.__cause__ is not None
        assert len(got) == 1
    with server(*[BROKEN[answer]] * 2) as (url, got):
        with pytest.raises(ReplyLost):
            opener(url=url, retries=1).market_data.get_server_time()
        assert len(got) == 2


def test_what_is_signed_is_what_arrives(opener: Opener) -> None:
    body = b'{"error":[],"result":{"ok":1}}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with server(answer) as (url, got):
        client = opener(url=url, nonce=lambda: 5)
        prepared = client.prepare("POST", "/0/private/New", {"a": "x y", "b": 0.1})
        assert client.request("POST", "/0/private/New", {"a": "x y", "b": 0.1}) == {"ok": 1}
    head, _, sent = got[0].partition(b"\r\n\r\n")
    assert sent == prepared.body == b"nonce=5&a=x+y&b=0.1"
    lines = head.decode("ascii").split("\r\n")
    assert lines[0] == "POST /0/private/New HTTP/1.1"
    assert f"API-Sign: {prepared.headers['API-Sign']}" in lines
    assert lines.count(f"Content-Length: {len(sent)}") == 1


def test_a_base_address_with_a_path(opener: Opener) -> None:
    body = b'{"error":[],"result":{"unixtime":1,"rfc1123":""}}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with server(answer) as (url, got):
        assert opener(url=f"{url}/behind/").market_data.get_server_time().unixtime == 1
    assert got[0].startswith(b"GET /behind/0/public/Time HTTP/1.1\r\n")
