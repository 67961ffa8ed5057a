"""The key about the state of an account: what it names is looked up, and must be there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .ir import (
    Account,
    AccountLookup,
    BalanceState,
    FillState,
    Json,
    MarginState,
    Operation,
    OrderState,
    PositionState,
    Product,
    TakenField,
)
from .places import channels, operations

if TYPE_CHECKING:
    from .build_ir import Builder
    from .load import Document, Pointer

KEY = "x-kraken-account"
KEYED = "@key"
"""Stands for the key that an entry of a result stands under."""


@dataclass(frozen=True)
class _Schema:
    """A schema and where it stands."""

    document: Document
    at: Pointer
    value: Json

    @property
    def properties(self) -> Json:
        found: Json = self.value.get("properties", {})
        return found

    @property
    def name(self) -> str:
        """What it is called; a frame by its message."""
        return str(self.at[-2] if self.at[-1] == "payload" else self.at[-1])


def _without(properties: Json, names: Iterable[str]) -> Json:
    return {name: value for name, value in properties.items() if name not in names and "const" not in value}


class AccountBuilder:
    """Builds what the clients need to know of the key, once all documents were read.

    Args:
        builder: Resolves references, and takes the structs and the problems.
        document: The document with the key.
        product: What was read of its product.
    """

    def __init__(self, builder: Builder, document: Document, product: Product) -> None:
        self._builder = builder
        self._document = document
        self._product = product
        self._key: Json = document.data[KEY]

    def build(self) -> Account | None:
        """What the key says; None when it has a mistake, which the builder was told."""
        orders, fills = self._orders(), self._fills()
        balances, positions = self._balances(), self._positions()
        if orders is None or fills is None or balances is None:
            return None
        channels = [part["channel"] for part in self._key.values() if "channel" in part]
        return Account(
            orders,
            fills,
            balances,
            positions,
            self._permissions(*channels, orders.ended.operation, fills.missed.operation),
            next(channel.url for channel in self._product.channels if channel.name == channels[0]),
        )

    def _orders(self) -> OrderState | None:
        key, items = self._key["orders"], self._items("orders")
        if not items:
            return None
        shown, inside = items[0], key.get("inside", "")
        if inside:
            self._expect(("orders", "inside"), items[-1], [inside])
        told = {**(items[-1].properties if inside else {}), **shown.properties}
        order = _Schema(shown.document, shown.at, {**shown.value, "properties": _without(told, [inside])})
        names = [key[each] for each in ("key", "client_key", "status", "event", "time")]
        self._expect(("orders",), order, [*names, *key.get("unknown", ())])
        self._expect_values(("orders", "closed"), order, key["status"], key["closed"])
        ended = self._lookup(("orders", "ended"), key["ended"], order)
        self._state("orders", order)
        if ended is None:
            return None
        return OrderState(
            *self._subscription("orders"),
            key["state"]["name"],
            key["key"],
            key["client_key"],
            key["status"],
            tuple(key["closed"]),
            key["event"],
            key["time"],
            inside,
            key.get("open"),
            tuple(key.get("unknown", ())),
            ended,
        )

    def _fills(self) -> FillState | None:
        """The fills; what the key does not say of them is as of orders, whose channel they then come in."""
        orders, key = self._key["orders"], self._key["fills"]
        part = "fills" if "channel" in key else "orders"
        items = self._items(part)
        if not items:
            return None
        fill, order, time = items[0], key.get("order", orders["key"]), key.get("time", orders["time"])
        events = key.get("events", ())
        self._expect(("fills",), fill, [key["key"], order, time])
        self._expect_values(("fills", "events"), fill, orders["event"], events)
        missed = self._lookup(("fills", "missed"), key["missed"], fill)
        if missed is None:
            return None
        unit = fill.properties.get(time, {}).get("x-kraken-unit", "")
        return FillState(
            *self._subscription(part),
            fill.name,
            key["key"],
            order,
            time,
            self._builder.units(unit),
            tuple(events),
            missed,
        )

    def _balances(self) -> BalanceState | MarginState | None:
        key, items = self._key["balances"], self._items("balances")
        if not items:
            return None
        balance = items[0]
        if "maps" in key:
            self._expect(("balances", "maps"), balance, key["maps"])
            shown = {**balance.value, "properties": _without(balance.properties, ()), "required": key["maps"]}
            self._state("balances", _Schema(balance.document, balance.at, shown))
            return MarginState(*self._subscription("balances"), key["state"]["name"], tuple(key["maps"]))
        self._expect(("balances",), balance, [key[each] for each in ("key", "amount", "wallets")])
        self._expect(("balances", "wallet"), balance, key["wallet"].values())
        wallet = self._listed(balance, key["wallets"])
        self._expect(("balances", "wallet"), wallet, [*key["wallet"], key["amount"]])
        self._state("balances", balance)
        return BalanceState(
            *self._subscription("balances"),
            balance.name,
            key["state"]["name"],
            wallet.name,
            key["key"],
            key["amount"],
            key["wallets"],
            tuple(key["wallet"].items()),
        )

    def _positions(self) -> PositionState | None:
        if "positions" not in self._key:
            return None
        key, items = self._key["positions"], self._items("positions")
        if not items:
            return None
        self._expect(("positions",), items[0], [key["key"]])
        return PositionState(*self._subscription("positions"), items[0].name, key["key"])

    def _subscription(self, part: str) -> tuple[str, Json]:
        """Name of a channel's constant, and what it is subscribed with."""
        return self._key[part]["channel"].upper(), self._key[part]["subscribe"]

    def _permissions(self, *names: str) -> tuple[str, ...]:
        """All that a key must be allowed, for these channels and calls."""
        calls = {each.operation_id: each for group in self._product.groups for each in group.operations}
        known = {channel.name: channel.permissions for channel in self._product.channels}
        known |= {name: call.permissions for name, call in calls.items()}
        return tuple(dict.fromkeys(text for name in names for text in known[name]))

    # ------------------------------------------------------------------ channels

    def _items(self, part: str) -> list[_Schema]:
        """What the kinds of frames of a channel hold, those of a snapshot first; nothing when there is a mistake."""
        name, wanted = self._key[part]["channel"], self._key[part]["subscribe"]
        channel = next((each for each in self._product.channels if each.name == name), None)
        if channel is None:
            known = (each.name for each in self._product.channels)
            self._problem((part, "channel"), f"no channel {name!r}", known)
            return []
        parameters = {field.name for field in channel.fields}
        for each in wanted:
            if each not in parameters:
                self._problem((part, "subscribe"), f"no parameter {each!r} of {name}", parameters)
        for document in self._builder.documents:
            for at, raw in channels(document):
                if raw["address"] == name and document.data["x-kraken-product"] == self._product.name:
                    return [
                        self._held(document, (*at, "messages", each), raw["messages"][each])
                        for each in raw["messages"]
                        if each.endswith("Message")
                    ]
        raise AssertionError("unreachable")

    def _held(self, document: Document, at: Pointer, message: Json) -> _Schema:
        """What a frame holds: the items of its list, or its own fields."""
        holder = self._deref(document, at, message)
        frame = self._deref(holder.document, (*holder.at, "payload"), holder.value["payload"])
        listed = frame.value.get("x-kraken-items", "data")
        return self._listed(frame, listed) if listed in frame.properties else frame

    def _listed(self, schema: _Schema, name: str) -> _Schema:
        """What stands in a list of a schema."""
        listed = schema.properties.get(name, {})
        return self._deref(schema.document, (*schema.at, "properties", name, "items"), listed.get("items", {}))

    def _state(self, part: str, item: _Schema) -> None:
        """The struct of a state: that of an item without some fields."""
        state = self._key[part]["state"]
        self._expect((part, "state", "without"), item, state["without"])
        told = state.get("descriptions", {})
        self._expect((part, "state", "descriptions"), item, told)
        kept = {
            name: {**value, "description": told[name]} if name in told else value
            for name, value in item.properties.items()
            if name not in state["without"]
        }
        schema = {**item.value, "description": state["description"], "properties": kept}
        self._builder._add_class(item.document, item.at, state["name"], schema, "stream")

    # ------------------------------------------------------------------ calls

    def _lookup(self, where: tuple[str, ...], key: Json, item: _Schema) -> AccountLookup | None:
        """A call that tells what the stream did not."""
        known = {each.operation_id: each for group in self._product.groups for each in group.operations}
        operation = known.get(key["operation"])
        if operation is None:
            self._problem((*where, "operation"), f"no operation {key['operation']!r}", known)
            return None
        fields = {field.name: field for field in operation.fields}
        wanted = key.get("argument", "")
        for name in filter(None, (wanted, *key.get("arguments", ()))):
            if name not in fields:
                self._problem((*where, "argument"), f"no argument {name!r} of {operation.name}", fields)
                return None
        row = self._row(operation, key.get("rows", ""))
        self._expect((*where, "fields"), item, key["fields"])
        for path in (key.get("key", KEYED), *(each["field"] for each in key["fields"].values())):
            self._inside((*where, "fields"), row, path)
        most, per_second = 0, 1
        if wanted:
            model = self._product.modules[f"models.{operation.group}"].requests[operation.request]
            most = model["properties"][fields[wanted].wire].get("maxItems", 0)
            per_second = self._builder.units(fields[wanted].unit) or 1
        return AccountLookup(
            operation.operation_id,
            operation.group,
            operation.name if operation.pagination is None else operation.iterator,
            wanted,
            tuple(self._taken(name, each, row, item) for name, each in key["fields"].items()),
            key.get("arguments", {}),
            most,
            per_second,
            key.get("rows", ""),
            key.get("key", KEYED),
            key.get("forgets", False),
        )

    def _taken(self, name: str, key: Json, row: _Schema, item: _Schema) -> TakenField:
        source, told = self._inside((), row, key["field"]), item.properties.get(name, {})
        words = key.get("values") and {word.lower(): value for word, value in key["values"].items()}
        per_second, told_per_second = (self._builder.units(each.get("x-kraken-unit", "")) for each in (source, told))
        is_pair = key.get("spelling") == "symbol"
        return TakenField(name, key["field"], words, per_second, told_per_second, is_pair)

    def _row(self, operation: Operation, rows: str) -> _Schema:
        """The entries of a result, which has them by key or in a list."""
        document = next(each for each in self._builder.documents if each.name == operation.source)
        at, raw = next(found for found in operations(document) if found[1]["operationId"] == operation.operation_id)
        result = _Schema(*self._builder._result_schema(document, at, raw))
        name = rows if operation.pagination is None else operation.pagination["items"]
        if name:
            result = self._deref(result.document, (*result.at, "properties", name), result.properties.get(name, {}))
        inside = "items" if "items" in result.value else "additionalProperties"
        return self._deref(result.document, (*result.at, inside), result.value.get(inside) or {})

    def _inside(self, where: tuple[str, ...], row: _Schema, path: str) -> Json:
        """The field of an entry, which may be inside of others; the key that it stands under is none."""
        schema = row
        for name in path.split(".") if path != KEYED else ():
            self._expect(where, schema, [name])
            schema = self._deref(schema.document, (*schema.at, "properties", name), schema.properties.get(name, {}))
        return {} if path == KEYED else schema.value

    # ------------------------------------------------------------------ checks

    def _deref(self, document: Document, at: Pointer, value: Json) -> _Schema:
        return _Schema(*self._builder._deref(document, at, value))

    def _expect(self, where: tuple[str, ...], schema: _Schema, names: Iterable[str]) -> None:
        for name in names:
            if name not in schema.properties:
                self._problem(where, f"no field {name!r} of {schema.name}", schema.properties)

    def _expect_values(self, where: tuple[str, ...], schema: _Schema, name: str, values: Iterable[Any]) -> None:
        told = schema.properties.get(name, {})
        known = (True, False) if told.get("type") == "boolean" else told.get("enum", ())
        for value in values:
            if value not in known:
                self._problem(where, f"{name}: no value {value!r}", known)

    def _problem(self, where: tuple[str, ...], what: str, allowed: Iterable[Any]) -> None:
        self._builder._problem(self._document, (KEY, *where), f"{KEY}: {what}", ", ".join(map(str, allowed)))
