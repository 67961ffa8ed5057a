"""Faults over real sockets: a Futures order is sent once, a read again, and a lost order is found wherever it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kraken.emulator import Emulator
from kraken.exceptions import OrderStateUnknown, ReplyLost
from kraken.futures import FuturesClient
from kraken.runtime import Options

from ..support import FuturesOpener
from .replies import ORDER

ACCEPTED = ("accept-then-502", "accept-then-hang", "accept-then-garbage", "accept-then-reset")
REFUSED = ("html", "error-500", "reset-before", "hang-before")

Call = Callable[[FuturesClient, str, Options], Any]
ORDERS: dict[str, Call] = {
    "sendOrder": lambda client, own, options: client.order_management.send_order(
        **ORDER, cliOrdId=own, options=options
    ),
    "editOrderSpring": lambda client, own, options: client.order_management.edit_order(
        cliOrdId=own, limitPrice="59000", options=options
    ),
    "cancelOrder": lambda client, own, options: client.order_management.cancel_order(cliOrdId=own, options=options),
}
CARRIED_OUT = {
    "sendOrder": ("ENTERED_BOOK", 67500),
    "editOrderSpring": ("ENTERED_BOOK", 59000),
    "cancelOrder": ("CANCELLED", 67500),
}
"""How the order stands afterwards, and its price."""


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(market_interval=None) as running:
        yield running


@pytest.fixture
def client(emulator: Emulator, opener: FuturesOpener) -> FuturesClient:
    return opener(emulator.futures_key, emulator.futures_secret, emulator.futures_url, retries=1)


def patience(fault: str) -> Options:
    """Little where nothing will come."""
    return Options(timeout=0.05 if "hang" in fault else 10)


def arrived(emulator: Emulator, path: str, at_least: int = 0) -> int:
    """How many requests there were; a late one is waited for."""
    for _ in range(10_000):
        count = sum(each.path == f"/derivatives/api/v3/{path}" for each in emulator.requests)
        if count >= at_least:
            break
    return count


def state(emulator: Emulator, own: str) -> tuple[str, Any] | None:
    """How an order stands, and its price, by the client order id."""
    found = [each for each in emulator.futures_orders.values() if each["order"].get("cliOrdId") == own]
    assert len(found) <= 1
    return (found[0]["status"], found[0]["order"]["limitPrice"]) if found else None


@pytest.mark.parametrize(
    ("name", "path"), [("sendOrder", "sendorder"), ("editOrderSpring", "editorder"), ("cancelOrder", "cancelorder")]
)
def test_orders(emulator: Emulator, client: FuturesClient, opener: FuturesOpener, name: str, path: str) -> None:
    for fault in (*ACCEPTED, *REFUSED):
        own = f"{fault} [1]: a"
        if name != "sendOrder":
            client.order_management.send_order(**ORDER, cliOrdId=own)
        before, sent_before = state(emulator, own), arrived(emulator, path)
        emulator.faults.add(name, fault)  # type: ignore[arg-type]
        with pytest.raises(OrderStateUnknown) as caught:
            ORDERS[name](client, own, patience(fault))
        assert arrived(emulator, path, sent_before + 1) == sent_before + 1, fault
        assert state(emulator, own) == (CARRIED_OUT[name] if fault in ACCEPTED else before), fault
        assert caught.value.facts.ids == {"cliOrdId": own}
        assert caught.value.facts.sent is True
        assert caught.value.__cause__ is not None
    assert opener.waits == []


@pytest.mark.parametrize("end", ["open", "filled", "cancelled"])
@pytest.mark.parametrize("kind", ["lmt", "stp"])
def test_a_lost_order_is_found(emulator: Emulator, client: FuturesClient, end: str, kind: str) -> None:
    """While it is open, and when it is long gone: then only history knows it."""
    order = {**ORDER, "limitPrice": "60000"} if kind == "lmt" else {**ORDER, "orderType": "stp", "stopPrice": "80000"}
    emulator.faults.add("sendOrder", "accept-then-502")
    with pytest.raises(OrderStateUnknown) as caught:
        client.order_management.send_order(**order)
    own = caught.value.facts.ids["cliOrdId"]
    (number,) = emulator.futures_orders
    if end == "filled":
        emulator.set_price("PF_XBTUSD", "59000" if kind == "lmt" else "81000")
    elif end == "cancelled":
        client.order_management.cancel_order(cliOrdId=own)
    found = client.reconcile(own)
    assert found is not None
    assert found[0] == number


def test_an_order_that_never_arrived(emulator: Emulator, client: FuturesClient) -> None:
    emulator.faults.add("sendOrder", "reset-before")
    with pytest.raises(OrderStateUnknown) as caught:
        client.order_management.send_order(**ORDER)
    assert client.reconcile(caught.value.facts.ids["cliOrdId"], patience=0) is None


def test_reads(emulator: Emulator, opener: FuturesOpener) -> None:
    for fault in (*ACCEPTED, *REFUSED):
        client = opener(emulator.futures_key, emulator.futures_secret, emulator.futures_url, retries=1)
        sent_before = arrived(emulator, "openorders")
        emulator.faults.add("getOpenOrders", fault, times=3)  # type: ignore[arg-type]
        with pytest.raises(ReplyLost) as caught:
            client.order_management.get_open_orders(options=patience(fault))
        assert arrived(emulator, "openorders", sent_before + 2) == sent_before + 2, fault
        assert caught.value.retryable
        assert client.order_management.get_open_orders(options=patience(fault)).openOrders == [], fault
    assert len(opener.waits) == 2 * len((*ACCEPTED, *REFUSED))
