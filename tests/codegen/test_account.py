"""The keys about the state of an account and the dead man's switch: what they name must be there."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kraken.codegen.account import KEY
from kraken.codegen.build_ir import Builder
from kraken.codegen.load import Document, SpecError, load_documents

from .support import SPECS

SWITCH = "x-kraken-dead-mans-switch"
USER_DATA, TRADING = "spot/websocket/user_data.yaml", "spot/websocket/user_trading.yaml"
FUTURES = "futures/websocket/user_data.yaml"


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    return load_documents(SPECS)


def told(documents: list[Document], name: str, at: tuple[str, ...], value: Any) -> list[str]:
    """What is said when one value of a document is another."""
    document = next(each for each in documents if each.name == name)
    before = copy.deepcopy(document.data)
    holder = document.data
    for part in at[:-1]:
        holder = holder[part]
    holder[at[-1]] = value
    try:
        Builder(documents).build()
    except SpecError as error:
        return [f"{problem.what}; allowed: {problem.allowed}" for problem in error.problems]
    finally:
        document.data.clear()
        document.data.update(before)
    return []


MISTAKES: list[tuple[tuple[str, ...], Any, str]] = [
    (("orders", "channel"), "orders", "no channel 'orders'; allowed: "),
    (("orders", "subscribe"), {"snap": True}, "no parameter 'snap' of executions; allowed: "),
    (("orders", "key"), "id", "no field 'id' of Execution; allowed: order_id, "),
    (("orders", "event"), "what", "no field 'what' of Execution; allowed: "),
    (("orders", "closed"), ["done"], "order_status: no value 'done'; allowed: pending_new, new, "),
    (("orders", "state", "without"), ["nothing"], "no field 'nothing' of Execution; allowed: "),
    (("orders", "state", "descriptions"), {"nothing": "A."}, "no field 'nothing' of Execution; allowed: "),
    (("orders", "ended", "operation"), "getNothing", "no operation 'getNothing'; allowed: "),
    (("orders", "ended", "argument"), "id", "no argument 'id' of get_orders_info; allowed: "),
    (("orders", "ended", "fields"), {"order_status": {"field": "state"}}, "no field 'state' of OrderInfo; allowed: "),
    (("fills", "key"), "fill", "no field 'fill' of Execution; allowed: "),
    (("fills", "events"), ["filling"], "exec_type: no value 'filling'; allowed: "),
    (("fills", "missed", "fields"), {"what": {"field": "vol"}}, "no field 'what' of Execution; allowed: "),
    (("fills", "missed", "arguments"), {"loud": True}, "no argument 'loud' of get_trade_history; allowed: "),
    (("balances", "channel"), "wallets", "no channel 'wallets'; allowed: "),
    (("balances", "amount"), "total", "no field 'total' of Balance; allowed: asset, "),
    (("balances", "wallet"), {"name": "wallet_id"}, "no field 'name' of BalanceWallet; allowed: type, id, balance"),
    (("balances", "wallet"), {"id": "wallet"}, "no field 'wallet' of Balance; allowed: "),
]


@pytest.mark.parametrize(("at", "value", "says"), MISTAKES)
def test_mistakes(documents: list[Document], at: tuple[str, ...], value: Any, says: str) -> None:
    assert any(said.startswith(f"{KEY}: {says}") for said in told(documents, USER_DATA, (KEY, *at), value))


OF_FUTURES: list[tuple[tuple[str, ...], Any, str]] = [
    (("orders", "inside"), "row", "no field 'row' of OpenOrdersMessage; allowed: "),
    (("orders", "closed"), ["true"], "is_cancel: no value 'true'; allowed: True, False"),
    (("orders", "unknown"), ["why"], "no field 'why' of OpenOrder; allowed: "),
    (("orders", "ended", "key"), "event.OrderCancelled.id", "no field 'id' of CancelledOrder; allowed: order, reason"),
    (("orders", "ended", "told"), {"gone": True}, "no field 'gone' of OpenOrder; allowed: "),
    (("orders", "further"), [{"operation": "getNothing"}], "no operation 'getNothing'; allowed: "),
    (("fills", "time"), "at", "no field 'at' of Fill; allowed: instrument, "),
    (("fills", "missed", "key"), "id", "no field 'id' of Fill; allowed: fill_id, "),
    (("positions", "channel"), "positions", "no channel 'positions'; allowed: "),
    (("positions", "key"), "product", "no field 'product' of OpenPosition; allowed: instrument, "),
    (("balances", "maps"), ["cash"], "no field 'cash' of BalancesSnapshotMessage; allowed: "),
]


@pytest.mark.parametrize(("at", "value", "says"), OF_FUTURES)
def test_mistakes_with_positions(documents: list[Document], at: tuple[str, ...], value: Any, says: str) -> None:
    assert any(said.startswith(f"{KEY}: {says}") for said in told(documents, FUTURES, (KEY, *at), value))


def test_what_the_specs_say_of_futures(documents: list[Document]) -> None:
    product = next(each for each in Builder(documents).build() if each.name == "futures")
    assert product.account is not None
    assert product.account.classes == ("AccountOrder", "Fill", "AccountBalances", "OpenPosition")
    ended, fills = product.account.orders.ended, product.account.fills
    assert (ended.call, ended.per_second, ended.most) == ("iter_order_events", 1000, 0)
    assert [each.told for each in product.account.orders.further] == [{"is_cancel": True}, {"is_cancel": True}]
    assert (fills.missed.call, fills.missed.argument, fills.missed.key) == ("iter_fills", "", "fill_id")
    assert fills.per_second == 1000
    units = {field.name: (field.per_second, field.told_per_second) for field in fills.missed.fields}
    assert (units["time"], units["qty"]) == ((0, 1000), (0, 0))
    states = product.modules["messages"].responses
    assert states["AccountOrder"]["required"] == ["order_id"]
    assert {"is_cancel", "reason", "limit_price"} <= set(states["AccountOrder"]["properties"])
    assert not {"feed", "order"} & set(states["AccountOrder"]["properties"])
    assert set(states["AccountBalances"]["properties"]) == {"holding", "futures", "flex_futures"}


def test_the_switch(documents: list[Document]) -> None:
    at = ("channels", "cancel_all_orders_after", SWITCH)
    (said,) = told(documents, TRADING, (*at, "argument"), "timeout")
    assert said == f"{SWITCH}: no request field 'timeout'; allowed: seconds"
    (said,) = told(documents, TRADING, (*at, "moment"), "triggerTime")
    assert said == f"{SWITCH}: no field 'triggerTime' in the result; allowed: current_time, trigger_time"


def test_what_the_specs_say(documents: list[Document]) -> None:
    assert told(documents, USER_DATA, ("info", "title"), "Another") == []
    product = next(each for each in Builder(documents).build() if each.name == "spot")
    assert product.account is not None
    assert product.switch is not None
    ended, missed = product.account.orders.ended, product.account.fills.missed
    assert (ended.group, ended.call, ended.most) == ("account_data", "get_orders_info", 50)
    assert (missed.call, missed.per_second) == ("iter_trade_history", 1)
    units = {field.name: field.per_second for field in missed.fields}
    assert (units["timestamp"], units["last_qty"]) == (1, 0)
    states = product.modules["messages"].responses
    assert "exec_id" in states["Execution"]["properties"]
    assert "exec_id" not in states["AccountOrder"]["properties"]
    assert set(states["AccountBalance"]["properties"]) == {"asset", "asset_class", "balance", "wallets"}


def test_without_the_keys(documents: list[Document]) -> None:
    """Products without such channels have neither."""
    user_data = next(each for each in documents if each.name == USER_DATA)
    key = user_data.data.pop(KEY)
    try:
        product = next(each for each in Builder(documents).build() if each.name == "spot")
    finally:
        user_data.data[KEY] = key
    assert product.account is None
    assert "AccountOrder" not in product.modules["messages"].responses
