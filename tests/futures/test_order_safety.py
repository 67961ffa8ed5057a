"""Whatever is lost on the way: it was sent once, and what the error tells is enough to find out what became of it."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

from kraken.exceptions import NotSent, OrderStateUnknown, ReplyLost
from kraken.futures import FuturesClient
from kraken.runtime import Options, Reply
from kraken.runtime.transport import Lost

from ..specs import operations, rest_exchanges
from ..support import FakeTransport, FuturesOpener
from .replies import ORDER, reply

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")

NOTHING_TOLD: dict[str, Lost | Reply] = {
    "lost": Lost(True, TimeoutError("slow")),
    "a page": Reply(502, {}, b"<html>Bad gateway</html>"),
    "half a reply": Reply(200, {"content-type": "application/json"}, b'{"result":"success","sendSta'),
    "a server error": Reply(503, {}, b"{}"),
    "nothing": Reply(200, {}, b""),
}
DANGEROUS = {each.name for each in operations("futures").values() if each.danger != "none"}
FIRST = {each.known.name: each for each in reversed(list(rest_exchanges("futures")))}
"""An example of each call."""


def test_what_is_dangerous() -> None:
    assert {
        "send_order",
        "edit_order",
        "cancel_order",
        "send_batch_order",
        "cancel_all_orders",
        "cancel_all_orders_after",
        "transfer",
        "sub_account_transfer",
        "withdrawal",
    } <= DANGEROUS
    assert not any(each.retry for each in operations("futures").values() if each.danger != "none")


@pytest.mark.parametrize("outcome", NOTHING_TOLD)
@pytest.mark.parametrize("name", sorted(DANGEROUS))
def test_it_is_sent_once_and_the_error_has_its_ids(opener: FuturesOpener, name: str, outcome: str) -> None:
    exchange = FIRST[name]
    transport = FakeTransport(NOTHING_TOLD[outcome])
    with pytest.raises(OrderStateUnknown, match=f"^{name}: ") as caught:
        exchange.call(opener(transport=transport, retries=5))
    assert len(transport.requests) == 1
    assert opener.waits == []
    error = caught.value
    named = exchange.known.order_ids or tuple(exchange.arguments)
    assert set(error.facts.ids) == set(named) & set(exchange.arguments)
    assert error.cl_ord_id == exchange.arguments.get("cliOrdId")
    assert error.facts.sent is True
    twin = pickle.loads(pickle.dumps(error))
    assert (twin.facts, str(twin)) == (error.facts, str(error))


@pytest.mark.parametrize("name", sorted(DANGEROUS))
def test_what_never_left_was_not_carried_out(opener: FuturesOpener, name: str) -> None:
    transport = FakeTransport(Lost(False, OSError("refused")))
    with pytest.raises(NotSent):
        FIRST[name].call(opener(transport=transport, retries=5))
    assert len(transport.requests) == 1


def test_settings_are_sent_once_too(opener: FuturesOpener) -> None:
    transport = FakeTransport(Lost(True, OSError("gone")))
    with pytest.raises(ReplyLost, match="it may have been carried out"):
        opener(transport=transport, retries=5).multi_collateral.set_leverage_setting(symbol="PF_XBTUSD", maxLeverage=2)
    assert len(transport.requests) == 1


# ---------------------------------------------------------------------- ids before sending


def test_the_id_is_told_before_the_order_leaves(opener: FuturesOpener) -> None:
    transport = FakeTransport(Lost(True, OSError()))
    told: list[str] = []

    def keep(own: str) -> None:
        assert transport.requests == []
        told.append(own)

    with pytest.raises(OrderStateUnknown) as caught:
        opener(transport=transport).order_management.send_order(**ORDER, options=Options(on_client_order_id=keep))
    assert told == [caught.value.cl_ord_id]
    assert parse_qs(transport.last.body.decode())["cliOrdId"] == told


def test_orders_in_a_batch_get_ids_and_other_rows_none(opener: FuturesOpener) -> None:
    transport = FakeTransport(Lost(True, OSError()))
    told: list[str] = []
    rows: list[dict[str, Any]] = [
        {"order": "send", "order_tag": "1", **ORDER},
        {"order": "send", "order_tag": "2", **ORDER, "cliOrdId": "mine"},
        {"order": "edit", "order_id": "a", "size": "1"},
        {"order": "cancel", "order_id": "b"},
    ]
    with pytest.raises(OrderStateUnknown) as caught:
        opener(transport=transport).order_management.send_batch_order(
            batchOrder=rows, options=Options(on_client_order_id=told.append)
        )
    (text,) = parse_qs(transport.last.body.decode())["json"]
    (made,) = told
    assert [row.get("cliOrdId") for row in json.loads(text)["batchOrder"]] == [made, "mine", None, None]
    assert [row.cliOrdId for row in caught.value.facts.ids["batchOrder"]] == [made, "mine", None, None]


# ---------------------------------------------------------------------- what became of it

STATUS = {"order": {"orderId": "a", "cliOrdId": "mine"}, "status": "ENTERED_BOOK", "updateReason": None, "error": None}
OPEN = [{"order_id": "x", "cliOrdId": "other"}, {"order_id": "y"}, {"order_id": "a", "cliOrdId": "mine"}]


def event(kind: str, place: str, **fields: str) -> dict[str, Any]:
    other = {"uid": "e1", "timestamp": 1, "event": {kind: {place: {"uid": "x", "clientId": "other"}, "reason": ""}}}
    own = {
        "uid": "e2",
        "timestamp": 2,
        "event": {kind: {place: {"uid": "a", "clientId": "mine"}, "reason": "", **fields}},
    }
    return {"accountUid": "u", "len": 2, "elements": [other, own]}


def bare(body: dict[str, Any]) -> Reply:
    return Reply(200, {}, json.dumps(body).encode())


NOTHING = [reply(orders=[]), reply(openOrders=[]), bare({"accountUid": "u", "len": 0, "elements": []})]


@pytest.mark.parametrize("place", range(4))
def test_an_order_is_found_wherever_it_is(opener: FuturesOpener, place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [
        reply(orders=[STATUS]),
        reply(openOrders=OPEN),
        bare(loosened(event("OrderCancelled", "order"))),
        bare(loosened(event("OrderTriggerPlaced", "order"))),
    ]
    transport = FakeTransport(*[*NOTHING, NOTHING[2]][:place], answers[place])
    found = opener(transport=transport).reconcile("mine")
    assert found is not None
    assert found[0] == "a"
    assert len(transport.requests) == place + 1
    assert transport.requests[0].body == b"cliOrdIds=mine"


def loosened(body: dict[str, Any]) -> dict[str, Any]:
    """With the fields that an order in a history must have."""
    template = next(each for each in rest_exchanges("futures") if each.known.name == "get_order_events")
    order = json.loads(template.response)["elements"][0]["event"]["OrderPlaced"]["order"]
    trigger = next(each for each in rest_exchanges("futures") if each.known.name == "get_trigger_events")
    text = json.loads(trigger.response)["elements"][0]["event"]
    waiting = next(iter(next(iter(text.values())).values()))
    for element in body["elements"]:
        for kind, inner in element["event"].items():
            whole = waiting if "Trigger" in kind else order
            inner["order"] = {**whole, **inner["order"]}
    return body


def test_an_order_that_is_nowhere(opener: FuturesOpener) -> None:
    transport = FakeTransport(*[*NOTHING, NOTHING[2]] * 9)
    assert opener(transport=transport).reconcile("mine", patience=0) is None
    assert len(transport.requests) == 4


def test_looking_can_fail_too(opener: FuturesOpener) -> None:
    with pytest.raises(ReplyLost):
        opener(transport=FakeTransport(Lost(True, OSError("gone"))), retries=0).reconcile("mine")


def test_calls_that_only_read_are_repeated(opener: FuturesOpener) -> None:
    """Also the one that asks with POST."""
    calls: list[Callable[[FuturesClient], Any]] = [
        lambda client: client.order_management.get_order_status(orderIds="a"),
        lambda client: client.order_management.get_open_orders(),
    ]
    for call in calls:
        transport = FakeTransport(Lost(True, OSError("gone")), reply(orders=[], openOrders=[]))
        assert call(opener(transport=transport))
        assert len(transport.requests) == 2
