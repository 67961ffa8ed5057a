"""The key about the state of an account: what it names is looked up, and must be there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .ir import Account, AccountLookup, BalanceState, FillState, Json, Operation, OrderState, Product, TakenField
from .places import channels, operations

if TYPE_CHECKING:
    from .build_ir import Builder
    from .load import Document, Pointer

KEY = "x-kraken-account"


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
        orders, fills, balances = (self._key[part] for part in ("orders", "fills", "balances"))
        order, balance = self._item("orders"), self._item("balances")
        if order is None or balance is None:
            return None
        self._expect(("orders",), order, [orders[each] for each in ("key", "client_key", "status", "event", "time")])
        self._expect(("fills",), order, [fills["key"]])
        self._expect(("balances",), balance, [balances[each] for each in ("key", "amount", "wallets")])
        self._expect(("balances", "wallet"), balance, balances["wallet"].values())
        wallet = self._items(balance, balances["wallets"])
        self._expect(("balances", "wallet"), wallet, [*balances["wallet"], balances["amount"]])
        self._expect_values(("orders", "closed"), order, orders["status"], orders["closed"])
        self._expect_values(("fills", "events"), order, orders["event"], fills["events"])
        ended = self._lookup(("orders", "ended"), orders["ended"], order)
        missed = self._lookup(("fills", "missed"), fills["missed"], order)
        self._state("orders", order)
        self._state("balances", balance)
        if ended is None or missed is None:
            return None
        return Account(
            OrderState(
                orders["channel"].upper(),
                orders["subscribe"],
                str(order.at[-1]),
                orders["state"]["name"],
                orders["key"],
                orders["client_key"],
                orders["status"],
                tuple(orders["closed"]),
                orders["event"],
                orders["time"],
                ended,
            ),
            FillState(tuple(fills["events"]), fills["key"], missed),
            BalanceState(
                balances["channel"].upper(),
                balances["subscribe"],
                str(balance.at[-1]),
                balances["state"]["name"],
                str(wallet.at[-1]),
                balances["key"],
                balances["amount"],
                balances["wallets"],
                tuple(balances["wallet"].items()),
            ),
            self._permissions(orders["channel"], balances["channel"], ended.operation, missed.operation),
            next(channel.url for channel in self._product.channels if channel.name == orders["channel"]),
        )

    def _permissions(self, *names: str) -> tuple[str, ...]:
        """All that a key must be allowed, for these channels and calls."""
        calls = {each.operation_id: each for group in self._product.groups for each in group.operations}
        known = {channel.name: channel.permissions for channel in self._product.channels}
        known |= {name: call.permissions for name, call in calls.items()}
        return tuple(dict.fromkeys(text for name in names for text in known[name]))

    # ------------------------------------------------------------------ channels

    def _item(self, part: str) -> _Schema | None:
        """The items of a channel."""
        name, wanted = self._key[part]["channel"], self._key[part]["subscribe"]
        channel = next((each for each in self._product.channels if each.name == name), None)
        if channel is None:
            known = (each.name for each in self._product.channels)
            self._problem((part, "channel"), f"no channel {name!r}", known)
            return None
        parameters = {field.name for field in channel.fields}
        for each in wanted:
            if each not in parameters:
                self._problem((part, "subscribe"), f"no parameter {each!r} of {name}", parameters)
        for document in self._builder.documents:
            for at, raw in channels(document):
                if raw["address"] == name and document.data["x-kraken-product"] == self._product.name:
                    frame_schema = _Schema(*self._builder._message(document, at, raw, "channel")[1:])
                    return self._items(frame_schema, "data")
        raise AssertionError("unreachable")

    def _items(self, schema: _Schema, name: str) -> _Schema:
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
        for name in (key["argument"], *key.get("arguments", ())):
            if name not in fields:
                self._problem((*where, "argument"), f"no argument {name!r} of {operation.name}", fields)
                return None
        row = self._row(operation)
        self._expect((*where, "fields"), item, key["fields"])
        self._expect((*where, "fields"), row, (each["field"] for each in key["fields"].values()), "@key")
        argument = fields[key["argument"]]
        model = self._product.modules[f"models.{operation.group}"].requests[operation.request]
        return AccountLookup(
            operation.operation_id,
            operation.group,
            operation.name if operation.pagination is None else operation.iterator,
            argument.name,
            tuple(self._taken(name, each, row) for name, each in key["fields"].items()),
            key.get("arguments", {}),
            model["properties"][argument.wire].get("maxItems", 0),
            self._builder.units(argument.unit) or 1,
        )

    def _taken(self, name: str, key: Json, row: _Schema) -> TakenField:
        unit = row.properties.get(key["field"], {}).get("x-kraken-unit", "")
        return TakenField(
            name, key["field"], key.get("values"), self._builder.units(unit), key.get("spelling") == "symbol"
        )

    def _row(self, operation: Operation) -> _Schema:
        """The entries of a result that has them by key."""
        document = next(each for each in self._builder.documents if each.name == operation.source)
        at, raw = next(found for found in operations(document) if found[1]["operationId"] == operation.operation_id)
        result = _Schema(*self._builder._result_schema(document, at, raw))
        if operation.pagination is not None:
            name = operation.pagination["items"]
            result = self._deref(result.document, (*result.at, "properties", name), result.properties.get(name, {}))
        return self._deref(
            result.document, (*result.at, "additionalProperties"), result.value.get("additionalProperties") or {}
        )

    # ------------------------------------------------------------------ checks

    def _deref(self, document: Document, at: Pointer, value: Json) -> _Schema:
        return _Schema(*self._builder._deref(document, at, value))

    def _expect(self, where: tuple[str, ...], schema: _Schema, names: Iterable[str], besides: str = "") -> None:
        for name in names:
            if name not in schema.properties and name != besides:
                self._problem(where, f"no field {name!r} of {schema.at[-1]}", schema.properties)

    def _expect_values(self, where: tuple[str, ...], schema: _Schema, name: str, values: Iterable[str]) -> None:
        known = schema.properties.get(name, {}).get("enum", ())
        for value in values:
            if value not in known:
                self._problem(where, f"{name}: no value {value!r}", known)

    def _problem(self, where: tuple[str, ...], what: str, allowed: Iterable[str]) -> None:
        self._builder._problem(self._document, (KEY, *where), f"{KEY}: {what}", ", ".join(map(str, allowed)))
