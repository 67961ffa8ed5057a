"""Documents -> intermediate representation: references resolved, names and types decided."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from .account import KEY as ACCOUNT
from .account import AccountBuilder
from .check import document_kind, find_reference
from .ir import (
    CERTAIN,
    Alias,
    Certainty,
    Channel,
    Example,
    Field,
    Group,
    Json,
    Lookup,
    Method,
    ModelModule,
    Operation,
    Product,
    PyType,
    Row,
    Socket,
    attribute,
    pascal,
)
from .load import Document, Pointer, Problem, SpecError
from .places import channels, operations

REQUEST, RESPONSE, STREAM = "request", "response", "stream"

SCALARS = {
    "string": "str",
    "integer": "int",
    "boolean": "bool",
    "number": "Decimal",
    "null": "None",
    "object": "dict[str, Any]",
}

SIGNATURES = {"decimal": "Amount", "relative-price": "RelativePrice", "date-time": "str | datetime"}
"""What callers may pass, by format."""

MODELS = {
    (REQUEST, "string", "decimal"): "kraken.runtime.types.AmountText",
    (REQUEST, "number", "decimal"): "kraken.runtime.types.AmountNumber",
    (REQUEST, "string", "relative-price"): "kraken.runtime.types.RelativePriceText",
    (REQUEST, "string", "client-order-id"): "kraken.runtime.types.ClientOrderId",
    (REQUEST, "string", "date-time"): "kraken.runtime.types.TimestampText",
    (RESPONSE, "string", "decimal"): "kraken.runtime.types.DecimalText",
    (RESPONSE, "string", "signed-decimal"): "kraken.runtime.types.SignedDecimalText",
    (RESPONSE, "number", "decimal"): "kraken.runtime.types.DecimalNumber",
    (RESPONSE, "number|string", "decimal"): "kraken.runtime.types.DecimalAsSent",
}
"""What models hold, by side, type and format; the rest is the model generator's own choice."""


OPTIONS = {
    ("boolean", ""): "boolean",
    ("integer", ""): "integer",
    ("number", "decimal"): "decimal",
    ("string", "decimal"): "decimal",
    ("string", "signed-decimal"): "decimal",
    ("string", "relative-price"): "price",
    ("string", "date-time"): "time",
    ("object", ""): "json",
}
"""What a command line takes, by type and format; text for the rest."""

IMPLIED = " Experimental."
"""Said of what is only implied."""

DIALECT = "x-kraken-dialect"

TIMES = {
    "Unix seconds": 1,
    "Unix milliseconds": 1000,
    "Unix microseconds": 1_000_000,
    "Unix nanoseconds": 1_000_000_000,
}
"""Units of moments, with how many make a second."""


def snake(name: str) -> str:
    """`getOHLCData` -> `get_ohlc_data`."""
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def python_name(wire: str, chosen: str | None = None) -> str:
    """The Python name of a wire name: its own, with an underscore behind a keyword."""
    name = chosen or wire
    return name + "_" if keyword.iskeyword(name) else name


class Builder:
    """Builds the representation of all products from checked documents."""

    def __init__(self, documents: list[Document]) -> None:
        self.documents = documents
        self.by_path: dict[Path, Document] = {document.path.resolve(): document for document in documents}
        self.products: dict[str, Product] = {}
        self._rows: dict[tuple[str, str, str], tuple[Document, Pointer, Json]] = {}
        """What the maps and lists of results hold: by product, operation and field."""
        self.problems: list[Problem] = []
        self.sides: dict[tuple[str, str, str], str] = {}
        self.origins: dict[tuple[str, str, str], tuple[str, Pointer]] = {}
        """Where the classes of each module come from."""
        self._home = ""
        """The product whose streams are being built: what it shares with another product becomes a class of its own."""
        self._certainty = ""
        """How sure we are of schemas that do not say it themselves; empty where all is certain."""

    def build(self) -> list[Product]:
        for document in self.documents:
            if any(operations(document)):
                self._rest(document)
            elif any(channels(document)):
                self._websocket(document)
        for document in self.documents:
            if any(channels(document)):
                self._check_websocket(document)
            product = self.products.get(_product_name(document), Product(""))
            if "x-kraken-tiers" in document.data:
                product.tiers = document.data["x-kraken-tiers"]
                product.limits_sources.append(document.name)
            product.completes |= document.data.get("x-kraken-completes", {})
            if "x-kraken-end" in document.data:
                product.end, product.lifecycle_source = document.data["x-kraken-end"], document.name
        for product in self.products.values():
            self._lookups(product)
        if self.problems:
            raise SpecError(self.problems)
        return list(self.products.values())

    def _lookups(self, product: Product) -> None:
        """How orders are found again after a lost reply."""
        operations_by_id = {
            operation.operation_id: operation for group in product.groups for operation in group.operations
        }
        for operation in operations_by_id.values():
            document = next(each for each in self.documents if each.name == operation.source)
            for step in operation.found_by:
                target = operations_by_id.get(step["operation"])
                if target is None:
                    what = f"x-kraken-found-by: no operation {step['operation']!r}"
                    self._problem(document, ("paths", operation.path), what, ", ".join(operations_by_id))
                    continue
                rows = self._rows.get((product.name, step["operation"], step["rows"]))
                name = step.get("argument", "")
                argument = next((field for field in target.fields if field.name == name), None)
                if (name and argument is None) or rows is None:
                    what = (
                        f"x-kraken-found-by: {target.name} has no argument {name!r} or no result field {step['rows']!r}"
                    )
                    self._problem(document, ("paths", operation.path), what)
                    continue
                self._check_paths(document, operation, step, rows)
                is_list = argument is not None and argument.is_list
                fields = step.get("id", ""), step.get("own", ""), tuple(step.get("within", ()))
                lookup = Lookup(
                    target.group, target.name, name, is_list, step["rows"], *fields, self._hint(*rows, RESPONSE)
                )
                if lookup not in product.lookups:
                    product.lookups.append(lookup)

    def _check_paths(
        self, document: Document, operation: Operation, step: Json, rows: tuple[Document, Pointer, Json]
    ) -> None:
        """The fields by which an order is told from others must exist."""
        for within in step.get("within", [""]):
            for name in (step[key] for key in ("id", "own") if key in step):
                path = f"{within}.{name}".strip(".")
                where, source, schema = self._deref(*rows)
                for part in path.split("."):
                    properties = schema.get("properties", {})
                    if part not in properties:
                        what = f"x-kraken-found-by: the rows of {step['rows']!r} have no {path!r}"
                        self._problem(document, ("paths", operation.path), what, ", ".join(properties))
                        break
                    where, source, schema = self._deref(where, (*source, "properties", part), properties[part])

    def _check_websocket(self, document: Document) -> None:
        """What only shows when all documents were read."""
        product = self.products[document.data["x-kraken-product"]]
        for name, server in document.data["servers"].items():
            token = server.get("x-kraken-token", "")
            owner, slash, _ = token.rpartition("/")
            owning = self.products.get(owner, Product(owner)) if slash else product
            known = [f"{owner}{slash}{each.operation_id}" for group in owning.groups for each in group.operations]
            if token and token not in known:
                what = f"x-kraken-token: no operation {token!r}"
                self._problem(document, ("servers", name, "x-kraken-token"), what, ", ".join(known))
        if not product.channels:
            self._problem(document, ("channels",), f"{product.name}: only methods", "at least one channel")
        if ACCOUNT in document.data:
            product.account = AccountBuilder(self, document, product).build()

    # ------------------------------------------------------------------ REST

    def _product(self, document: Document) -> Product:
        name = document.data["x-kraken-product"]
        return self.products.setdefault(name, Product(name))

    def _rest(self, document: Document) -> None:
        product = self._product(document)
        servers = document.data["servers"]
        product.url = servers[0]["url"]
        product.sandbox_url = next((each["url"] for each in servers if each.get("x-kraken-sandbox")), "")
        if symbols := document.data.get("x-kraken-symbols"):
            product.symbols |= symbols
            product.limits_sources.append(document.name)
        group = Group(
            product.name, document.data["x-kraken-group"], document.data["info"]["description"], document.name
        )
        for at, operation in operations(document):
            built = self._operation(document, product, group, at, operation)
            if any(other.name == built.name for other in group.operations):
                self._problem(
                    document, at, f"{built.name}: another operation has this name", "x-kraken-name with another name"
                )
            else:
                self._claim(document, at, self._module(document), built.request)
            group.operations.append(built)
        module = self._module(document)
        if group.class_name in {**module.requests, **module.responses, **module.rows}:
            what = f"{group.class_name}: the group's own class has this name"
            self._problem(document, ("components", "schemas", group.class_name), what, "another name")
        product.groups.append(group)

    def _operation(self, document: Document, product: Product, group: Group, at: Pointer, raw: Json) -> Operation:
        name = raw.get("x-kraken-name") or snake(raw["operationId"])
        module = self._module(document)
        encoding, fields, request = self._request(document, at, raw, pascal(name) + "Request")
        request["description"] = f"Arguments of `{name}`."
        client_id, cost = raw.get("x-kraken-client-order-id", {}), raw["x-kraken-cost"]
        result, result_model, result_description = self._result(document, at, raw)
        built = Operation(
            product=product.name,
            group=group.name,
            name=name,
            operation_id=raw["operationId"],
            method=str(at[2]).upper(),
            path=str(at[1]),
            envelope=document.data["x-kraken-envelope"],
            auth=raw["x-kraken-auth"],
            permissions=tuple(raw["x-kraken-permissions"]),
            retry=raw["x-kraken-retry"],
            counter=cost["counter"],
            cost=cost["cost"],
            pagination=_pagination(raw, fields),
            danger=raw["x-kraken-danger"],
            encoding=encoding,
            summary=raw["summary"],
            description=raw["description"],
            url=raw["externalDocs"]["url"],
            fields=tuple(fields),
            result=result,
            result_model=result_model,
            result_description=result_description,
            examples=tuple(Example(**example) for example in raw["x-kraken-examples"]),
            client_order_id=client_id.get("field", ""),
            client_order_id_unless=_names(client_id.get("unless", ())),
            client_order_id_rows=client_id.get("rows", ""),
            client_order_id_where=next(iter(client_id.get("where", {}).items()), ()),
            order_ids=_names(raw.get("x-kraken-order-ids", ())),
            exclusive=_groups(raw, "x-kraken-exclusive"),
            one_of=_groups(raw, "x-kraken-one-of"),
            deprecated=raw.get("deprecated", False),
            replaced_by=raw.get("x-kraken-replaced-by", ""),
            page_item=self._page_item(document, at, raw),
            ages=tuple((below, further) for below, further in cost.get("ages", ())),
            per=python_name(cost["per"]) if "per" in cost else "",
            pair=python_name(cost["pair"]) if "pair" in cost else "",
            base=cost.get("base", 0),
            prices=_prices(cost, fields),
            placed=tuple(cost.get("placed", ())),
            signing=document.data.get("x-kraken-signing", "spot"),
            binary=result.text == "bytes",
            found_by=tuple(raw.get("x-kraken-found-by", ())),
            amount=raw.get("x-kraken-amount", ""),
            lists=raw.get("x-kraken-lists", ""),
            aliases=_aliases(raw),
            rehearsal=raw.get("x-kraken-rehearsal", ""),
            source=document.name,
        )
        if rows := raw.get("x-kraken-row-errors"):
            in_list = self._row_errors(document, at, rows, self._result_schema(document, at, raw), RESPONSE)
            if "unless" in rows or not in_list:
                outcome = {
                    "field": rows.get("rows", ""),
                    "error": rows["error"],
                    "unless": tuple(rows.get("unless", ())),
                }
                built = replace(built, outcome=outcome)
        if kind := raw.get("x-kraken-lists"):
            product.lists[kind] = (group.name, name)
        if ticks := raw.get("x-kraken-ticks"):
            product.ticks = {"group": group.name, "call": name, **ticks}
        if built.danger == "withdraws" and not built.amount:
            self._problem(
                document, at, f"{name}: withdraws, without x-kraken-amount", "the request field with the amount"
            )
        self._remember_rows(document, at, raw)
        self._check_names(document, at, raw, fields)
        self._check_arguments(document, at, fields, "options")
        module.requests[built.request] = request
        return built

    def _check_arguments(self, document: Document, at: Pointer, fields: list[Field], own: str) -> None:
        """Each argument of a method has a name of its own; `own` is one that every method has."""
        seen = {own}
        for field in fields:
            if field.name in seen:
                self._problem(
                    document, at, f"{field.name}: two arguments have this name", "x-kraken-name with another name"
                )
            seen.add(field.name)

    def _claim(self, document: Document, at: Pointer, module: ModelModule, name: str) -> None:
        """A class comes from one place; another one of the same name would silently take its place."""
        origin = self.origins.setdefault((module.product, module.module, name), (document.name, at))
        if origin != (document.name, at):
            line = next(each.line(origin[1]) for each in self.documents if each.name == origin[0])
            self._problem(
                document, at, f"{name}: specs/{origin[0]}:{line} has a class of this name too", "another name"
            )

    def _check_names(self, document: Document, at: Pointer, raw: Json, fields: list[Field]) -> None:
        """Keys that name request fields must name ones that exist."""
        known = {field.name for field in fields}
        on_the_wire = {field.wire for field in fields}
        named = {
            "x-kraken-order-ids": raw.get("x-kraken-order-ids", []),
            "x-kraken-client-order-id": _client_id_fields(raw.get("x-kraken-client-order-id")),
            "x-kraken-exclusive": [name for group in raw.get("x-kraken-exclusive", []) for name in group],
            "x-kraken-one-of": [name for group in raw.get("x-kraken-one-of", []) for name in group],
            "x-kraken-unsubscribe": raw.get("x-kraken-unsubscribe", []),
            "x-kraken-replies": raw.get("x-kraken-replies", {}).get("per", []),
            "x-kraken-dead-mans-switch": [switch["argument"]]
            if (switch := raw.get("x-kraken-dead-mans-switch"))
            else [],
            "x-kraken-pagination": _paging_arguments(raw.get("x-kraken-pagination")),
            "x-kraken-cost": [
                cost[key] for key in ("per", "pair", "parameter") if key in (cost := raw.get("x-kraken-cost", {}))
            ],
            "x-kraken-charged-as": list(raw.get("x-kraken-charged-as", {}).get("arguments", {})),
            "x-kraken-alias": [name for alias in raw.get("x-kraken-alias", []) for name in _alias_arguments(alias)],
            "x-kraken-rehearsal": [raw["x-kraken-rehearsal"]] if "x-kraken-rehearsal" in raw else [],
            "x-kraken-amount": [raw["x-kraken-amount"].partition(".")[0]] if "x-kraken-amount" in raw else [],
        }
        for key, names in named.items():
            allowed = known | on_the_wire if key in ("x-kraken-cost", "x-kraken-pagination") else known
            for name in names:
                if name not in allowed:
                    self._problem(document, (*at, key), f"{key}: no request field {name!r}", ", ".join(sorted(known)))

    def _request(self, document: Document, at: Pointer, raw: Json, class_name: str) -> tuple[str, list[Field], Json]:
        """How arguments travel, the fields, and the schema of the model that checks them."""
        properties: Json = {}
        required: list[str] = []
        fields: list[Field] = []
        for index, parameter in enumerate(raw.get("parameters", [])):
            where, source, parameter = self._deref(document, (*at, "parameters", index), parameter)
            if "content" in parameter:
                fields += self._packed(where, (*source, "content"), parameter, properties, required)
                continue
            schema = {**parameter["schema"], "description": parameter["description"]}
            for key in ("x-kraken-name", "x-kraken-unit", "deprecated"):
                if key in parameter:
                    schema[key] = parameter[key]
            if parameter["in"] == "path":
                schema.setdefault("minLength", 1)
            wire, is_required = parameter["name"], parameter.get("required", False)
            field = self._field(where, source, wire, schema, is_required, parameter["in"])
            is_repeated = field.is_list and parameter.get("explode", False)
            fields.append(replace(field, is_deep=parameter.get("style") == "deepObject", is_repeated=is_repeated))
            properties[wire] = self._model_schema(where, source, schema, REQUEST)
            required += [wire] if is_required else []
        encoding = "query"
        for media, content in raw.get("requestBody", {}).get("content", {}).items():
            encoding = "json" if media == "application/json" else "form"
            where, source, schema = self._deref(document, (*at, "requestBody"), content["schema"])
            for wire, item in schema.get("properties", {}).items():
                is_required = wire in schema.get("required", [])
                pointer = (*source, "properties", wire)
                if wire in properties:
                    self._problem(where, pointer, f"{wire}: stands in the query and in the body")
                style = content.get("encoding", {}).get(wire, {})
                in_json = style.get("contentType") == "application/json"
                if in_json and "properties" in self._deref(where, pointer, item)[2]:
                    packing = {"name": wire, "in": "body", "required": is_required, "content": {"": {"schema": item}}}
                    fields += self._packed(where, pointer, packing, properties, required)
                    continue
                field = self._field(where, pointer, wire, item, is_required, "body")
                is_repeated = field.is_list and encoding == "form" and not in_json and style.get("explode", False)
                fields.append(replace(field, is_repeated=is_repeated, is_json=in_json))
                properties[wire] = self._model_schema(where, pointer, item, REQUEST)
                required += [wire] if is_required else []
        self._alias(self._module(document), class_name, fields)
        return (
            encoding,
            fields,
            {"type": "object", "properties": properties, **({"required": required} if required else {})},
        )

    def _packed(
        self, document: Document, at: Pointer, parameter: Json, properties: Json, required: list[str]
    ) -> list[Field]:
        """The members of an object that travels as JSON text in one parameter; they are arguments of their own."""
        content = next(iter(parameter["content"].values()))
        where, source, schema = self._deref(document, at, content["schema"])
        fields = []
        for wire, item in schema.get("properties", {}).items():
            pointer = (*source, "properties", wire)
            is_required = bool(parameter.get("required")) and wire in schema.get("required", [])
            field = self._field(where, pointer, wire, item, is_required, parameter["in"])
            fields.append(replace(field, packed=parameter["name"]))
            properties[wire] = self._model_schema(where, pointer, item, REQUEST)
            required += [wire] if is_required else []
        return fields

    def _field(self, document: Document, at: Pointer, wire: str, schema: Json, required: bool, place: str) -> Field:
        _, _, resolved = self._deref(document, at, schema)
        kind, choices = self._taken(document, at, schema)
        return Field(
            name=python_name(wire, schema.get("x-kraken-name") or resolved.get("x-kraken-name")),
            wire=wire,
            type=self._hint(document, at, schema, REQUEST),
            required=required,
            description=schema.get("description") or resolved.get("description", ""),
            unit=schema.get("x-kraken-unit") or resolved.get("x-kraken-unit", ""),
            deprecated=bool(schema.get("deprecated")),
            is_list=resolved.get("type") == "array",
            place=place,
            kind=kind,
            choices=choices,
        )

    def _taken(self, document: Document, at: Pointer, schema: Json) -> tuple[str, tuple[str, ...]]:
        """What a command line takes for a request field, or for one element of it, and the values that are allowed."""
        where, source, resolved = self._deref(document, at, schema)
        if "items" in resolved:
            inner = self._deref(where, (*source, "items"), resolved["items"])
            return ("json", ()) if "items" in inner[2] else self._taken(*inner)
        for key in ("anyOf", "oneOf"):
            if key in resolved:
                found = [self._taken(where, (*source, key, i), item) for i, item in enumerate(resolved[key])]
                kinds = list(dict.fromkeys(kind for kind, _ in found))
                choices = tuple(dict.fromkeys(choice for _, each in found for choice in each))
                order = ("boolean", "integer", "json")  # what can be told from the rest stands before it
                kinds.sort(key=lambda kind: order.index(kind) if kind in order else len(order))
                return " or ".join(kinds), choices if all(each for _, each in found) else ()
        values = [resolved["const"]] if "const" in resolved else resolved.get("enum", [])
        kind = next((kind for kind in _kinds(resolved) if kind != "null"), "any")
        kind = OPTIONS.get((kind, resolved.get("format", "")), OPTIONS.get((kind, ""), "text"))
        return kind, tuple(str(value) for value in values if value is not None)

    def _alias(self, module: ModelModule, class_name: str, fields: list[Field]) -> None:
        for field in fields:
            if field.attribute != field.wire:
                module.aliases[f"{class_name}.{field.wire}"] = field.attribute

    def _row_errors(
        self, document: Document, at: Pointer, key: Json, result: tuple[Document, Pointer, Json], side: str
    ) -> bool:
        """Rows of a batch show their error as an exception. Returns whether there are several, in a list."""
        where, source, schema = result
        name = key.get("rows")
        if name is not None:
            source, schema = (*source, "properties", name), schema.get("properties", {}).get(name, {})
            where, source, schema = self._deref(where, source, schema)
        is_list = "items" in schema
        home, pointer, row = (
            self._deref(where, (*source, "items"), schema["items"]) if is_list else (where, source, schema)
        )
        if key["error"] not in row.get("properties", {}):
            rows = "the rows of the result" if name is None else f"the rows of {name!r}"
            what = f"x-kraken-row-errors: {rows} have no {key['error']!r}"
            self._problem(document, (*at, "x-kraken-row-errors"), what, ", ".join(row.get("properties", {})))
        elif is_list:
            module = self._messages_module(home) if side == STREAM else self._module(home)
            shown = module.template_data.setdefault(str(pointer[-1]), {})
            shown.update(row_error=key["error"], row_unless=tuple(key.get("unless", ())))
        return is_list

    def _remember_rows(self, document: Document, at: Pointer, raw: Json) -> None:
        """Remember what the maps and lists of a result hold, for looking orders up in them."""
        where, source, schema = self._result_schema(document, at, raw)
        for name, item in schema.get("properties", {}).items():
            home, pointer, found = self._deref(where, (*source, "properties", name), item)
            key = next((key for key in ("additionalProperties", "items") if isinstance(found.get(key), dict)), None)
            if key is not None and ("$ref" in found[key] or _is_class(found[key])):
                self._rows[_product_name(document), raw["operationId"], name] = home, (*pointer, key), found[key]

    def _page_item(self, document: Document, at: Pointer, raw: Json) -> PyType | None:
        """Type of one item of a paginated result; entries of a map are pairs of key and value."""
        pagination = raw["x-kraken-pagination"]
        if pagination == "none":
            return None
        where, source, schema = self._result_schema(document, at, raw)
        for key in ("anyOf", "oneOf"):
            for index, option in enumerate(schema.get(key, ())):  # the form that pages have
                found = self._deref(where, (*source, key, index), option)
                if pagination["items"] in found[2].get("properties", {}):
                    where, source, schema = found
        name = pagination["items"]
        if name == "@page":
            return self._hint(where, source, schema, RESPONSE)
        if name == "*":
            where, source, schema = self._deref(
                where, (*source, "additionalProperties"), schema.get("additionalProperties", {})
            )
        for part in name.split(".") if name not in ("", "*") else ():
            if part not in schema.get("properties", {}):
                self._problem(
                    document,
                    (*at, "x-kraken-pagination"),
                    f"x-kraken-pagination: the result has no {name!r}",
                    ", ".join(schema.get("properties", {})),
                )
                return None
            where, source, schema = self._deref(where, (*source, "properties", part), schema["properties"][part])
        if isinstance(schema.get("additionalProperties"), dict):
            value = self._hint(where, (*source, "additionalProperties"), schema["additionalProperties"], RESPONSE)
            return PyType(f"tuple[str, {value}]", value.classes)
        return self._hint(where, (*source, "items"), schema.get("items", {}), RESPONSE)

    def _result_schema(self, document: Document, at: Pointer, raw: Json) -> tuple[Document, Pointer, Json]:
        """The schema of what a call returns, without the envelope."""
        status, response = next(iter(raw["responses"].items()))
        pointer: Pointer = (*at, "responses", status)
        content: Json = response.get("content", {})
        schema: Json = next(iter(content.values())).get("schema", {}) if content else {}
        if document.data["x-kraken-envelope"] == "spot":
            schema = schema.get("properties", {}).get("result", {})
        return self._deref(document, pointer, schema)

    def _result(self, document: Document, at: Pointer, raw: Json) -> tuple[PyType, str, str]:
        """Type of what a call returns, what it is checked against, and its description."""
        responses = raw["responses"]
        status = next((code for code in ("200", "201", "202") if code in responses), None)
        content: Json = responses.get(status, {}).get("content", {}) if status else {}
        pointer: Pointer = (*at, "responses", status or "")
        media = next(iter(content), "")
        schema = content[media].get("schema") if content else None
        if schema is None:
            self._problem(
                document, pointer, f"{raw['operationId']}: no content for status 200", "application/json with a schema"
            )
            return PyType("None"), "None", ""
        if media != "application/json":
            return PyType("bytes"), "bytes", responses[status]["description"]
        if document.data["x-kraken-envelope"] == "spot":
            schema = schema.get("properties", {}).get("result")
            if schema is None:
                self._problem(
                    document,
                    pointer,
                    f"{raw['operationId']}: no `result` in the envelope",
                    "an object with error and result",
                )
                return PyType("None"), "None", ""
        where, source, resolved = self._deref(document, pointer, schema)
        description = resolved.get("description") or responses[status]["description"]
        result = self._hint(where, source, resolved, RESPONSE)
        values = resolved.get("additionalProperties")
        is_text_map = isinstance(values, dict) and (values.get("type"), values.get("format")) == ("string", "decimal")
        return result, "TextDecimals" if is_text_map else result.text, description

    # ------------------------------------------------------------------ WebSocket

    def _dialect(self, product: Product) -> None:
        """How the product's WebSocket speaks, with the struct of what belongs to no channel."""
        for document in self.documents:
            if DIALECT in document.data and _product_name(document) == product.name and product.dialect is None:
                product.dialect = document.data[DIALECT]
                product.websocket_sources.append(document.name)
                at: Pointer = ("components", "schemas", "Event")
                self._add_class(document, at, "Event", document.data["components"]["schemas"]["Event"], STREAM)

    def _websocket(self, document: Document) -> None:
        product = self._product(document)
        product.websocket_sources.append(document.name)
        self._dialect(product)
        for name, server in document.data["servers"].items():
            if server.get("x-kraken-sandbox"):
                product.sandbox_sockets[name.rpartition("_")[0]] = f"{server['protocol']}://{server['host']}"
                continue
            budget = server.get("x-kraken-connect-budget", {})
            socket = Socket(
                f"{server['protocol']}://{server['host']}",
                server.get("pathname", ""),
                server.get("x-kraken-token", ""),
                budget.get("attempts", 0),
                budget.get("seconds", 0),
                server.get("x-kraken-on-demand", False),
            )
            if product.sockets.setdefault(name, socket) != socket:
                self._problem(
                    document,
                    ("servers", name),
                    f"{name}: differs from the server of the same name elsewhere",
                    str(product.sockets[name]),
                )
        for name, raw in document.data["channels"].items():
            at: Pointer = ("channels", name)
            server = _server(raw)
            if server not in document.data["servers"]:
                what = f"{name}: {server} is no server"
                self._problem(document, (*at, "servers"), what, ", ".join(document.data["servers"]))
                continue
            has_challenge = product.dialect is not None and "challenge" in product.dialect
            if raw["x-kraken-auth"] == "required" and not (product.sockets[server].token or has_challenge):
                self._problem(
                    document, (*at, "servers"), f"{name}: {server} has no token", "a server with x-kraken-token"
                )
            self._home = product.name
            if raw["x-kraken-kind"] == "channel":
                product.channels.append(self._channel(document, product, at, raw))
            elif product.dialect is None:  # the requests of others are the business of those who speak them
                product.methods.append(self._method(document, product, at, raw))
            self._home = self._certainty = ""

    def _common(self, document: Document, product: Product, raw: Json) -> Json:
        return {
            "product": product.name,
            "group": document.data["x-kraken-group"],
            "name": raw["address"],
            "socket": _server(raw),
            "auth": raw["x-kraken-auth"],
            "permissions": tuple(raw["x-kraken-permissions"]),
            "danger": raw["x-kraken-danger"],
            "title": raw["title"],
            "description": raw["description"],
            "url": raw["externalDocs"]["url"],
            "examples": tuple(raw["x-kraken-wire-examples"]),
            "deprecated": "x-kraken-replaced-by" in raw,  # AsyncAPI has no word for it
            "replaced_by": raw.get("x-kraken-replaced-by", ""),
            "exclusive": _groups(raw, "x-kraken-exclusive"),
            "one_of": _groups(raw, "x-kraken-one-of"),
            "aliases": _aliases(raw),
            "rehearsal": raw.get("x-kraken-rehearsal", ""),
            "certainty": Certainty(**{**CERTAIN._asdict(), **raw.get("x-kraken-certainty", {})}),
        }

    def _feed(self, document: Document, product: Product, dialect: Json, at: Pointer, raw: Json) -> Channel:
        """A channel of several kinds of frames, each of which is tagged by its own name."""
        mark, names, items = dialect["channel"], [], []
        for name, value in raw["messages"].items():
            if not name.endswith("Message"):
                continue
            where, source, message = self._deref(document, (*at, "messages", name), value)
            home, frame_at, schema = self._deref(where, (*source, "payload"), message["payload"])
            tag = schema["properties"][mark]["const"]
            shown = {
                "description": f"A frame of feed `{tag}`.",
                **schema,
                "properties": {wire: item for wire, item in schema["properties"].items() if wire != mark},
                "required": [wire for wire in schema.get("required", ()) if wire != mark],
            }
            module = self._add_class(home, frame_at, name, shown, STREAM)
            holder = schema.get("x-kraken-items", "")
            kind = PyType(name, frozenset({(module.module, name)}))
            is_list = False
            if holder:
                held = schema["properties"][holder]
                is_list = held.get("type") == "array"
                kind = self._hint(home, (*frame_at, "properties", holder), held["items"] if is_list else held, STREAM)
            snapshot = bool(dialect.get("snapshot")) and tag.endswith(dialect["snapshot"])
            module.template_data.setdefault(name, {}).update(
                tag_field=mark,
                tag=tag,
                frame=raw["address"],
                snapshot=snapshot,
                holder=holder,
                item=str(kind),
                is_list=is_list,
            )
            names.append(name)
            items.append(kind)
        overflow = raw.get("x-kraken-overflow", {"policy": "keep-latest"})
        subscription, fields = self._parameters(document, (*at, "x-kraken-subscribe"), raw["x-kraken-subscribe"])
        self._check_names(document, at, raw, fields)
        numbered = raw.get("x-kraken-sequence", {})
        return Channel(
            **self._common(document, product, raw),
            message=" | ".join(names),
            item=_union(items),
            data=None,
            frame_fields=(),
            frames=tuple(names),
            policy=overflow["policy"],
            key=tuple(overflow.get("key", ())),
            subscription=subscription,
            fields=tuple(fields),
            unsubscribe=_names(raw.get("x-kraken-unsubscribe", ())),
            # Numbers that count for each element of the list apart are the business of those who keep its state.
            sequence="" if "per" in numbered else numbered.get("field", ""),
            first_number=numbered.get("first", 1),
            reports_gaps=numbered.get("gap") == "report",
        )

    def _channel(self, document: Document, product: Product, at: Pointer, raw: Json) -> Channel:
        if product.dialect is not None:
            return self._feed(document, product, product.dialect, at, raw)
        certainty = raw.get("x-kraken-certainty", {})
        self._certainty = certainty.get("received", "")
        message, home, frame_at, frame = self._message(document, at, raw, "channel")
        data = frame["properties"].get("data")
        subscribed = next((name for name in raw["messages"] if name.endswith("Subscribed")), "")
        overflow = raw.get("x-kraken-overflow", {"policy": "keep-latest"})
        fields: list[Field] = []
        subscription = ""
        if "x-kraken-subscribe" in raw:
            self._certainty = certainty.get("sent", "")
            subscription, fields = self._parameters(document, (*at, "x-kraken-subscribe"), raw["x-kraken-subscribe"])
            self._certainty = certainty.get("received", "")
            found = self._deref(document, (*at, "messages", subscribed), raw["messages"].get(subscribed, {}))
            payload = found[2].get("payload", {})
            if not subscribed or not str(payload.get("$ref", "")).endswith(f"/schemas/{subscribed}"):
                what = f"{at[-1]}: no message that acknowledges a subscription"
                allowed = "<Name>Subscribed, its payload a $ref to the schema of the same name"
                self._problem(document, (*at, "messages"), what, allowed)
            else:
                self._hint(found[0], (*found[1], "payload"), payload, STREAM)
                self._messages_module(document).template_data[subscribed] = {
                    "tag_field": "channel",
                    "tag": raw["address"],
                }
        self._check_names(document, at, raw, fields)
        if data is None:
            item, kind = PyType(message), None
        else:
            kind = self._hint(home, (*frame_at, "properties", "data"), data, STREAM)
            item = self._hint(home, frame_at, data["items"], STREAM) if data.get("type") == "array" else kind
            self._check_key(document, at, overflow, self._deref(home, frame_at, data.get("items", data))[2])
        return Channel(
            **self._common(document, product, raw),
            message=message,
            item=item,
            data=kind,
            frame_fields=self._frame_fields(home, frame_at, frame, ("channel", "data")),
            policy=overflow["policy"],
            key=tuple(overflow.get("key", ())),
            subscription=subscription,
            subscribed=subscribed,
            fields=tuple(fields),
            unsubscribe=_names(raw.get("x-kraken-unsubscribe", ())),
            pace=self._pace(document, at, raw, fields),
            rate_counter=raw.get("x-kraken-rate-counter"),
            reports_gaps=raw.get("x-kraken-sequence", {}).get("gap") == "report",
            sequence="sequence" if "sequence" in frame["properties"] else "",
        )

    def _method(self, document: Document, product: Product, at: Pointer, raw: Json) -> Method:
        certainty = raw.get("x-kraken-certainty", {})
        self._certainty = certainty.get("sent", "")
        reply_class, home, frame_at, frame = self._message(document, at, raw, "reply")
        request = next((name for name in raw["messages"] if name.endswith("Request")), "")
        fields: list[Field] = []
        params = ""
        where, source, message = self._deref(document, (*at, "messages", request), raw["messages"].get(request, {}))
        schema = message.get("payload", {}).get("properties", {}).get("params")
        if schema is not None:
            params, fields = self._parameters(where, (*source, "payload", "properties", "params"), schema)
        self._check_arguments(document, at, fields, "timeout")
        self._certainty = certainty.get("received", "")
        result = frame["properties"].get("result")
        client_id = raw.get("x-kraken-client-order-id", {})
        self._check_names(document, at, raw, fields)
        if key := raw.get("x-kraken-row-errors"):
            self._row_errors(document, at, key, (home, frame_at, result or {}), STREAM)
        return Method(
            **self._common(document, product, raw),
            reply=frame["properties"]["method"]["const"],
            reply_class=reply_class,
            params=params,
            result=self._hint(home, frame_at, result, STREAM).text if result else "",
            reply_fields=self._frame_fields(home, frame_at, frame, ("method", "result")),
            fields=tuple(fields),
            client_order_id=client_id.get("field", ""),
            client_order_id_unless=_names(client_id.get("unless", ())),
            client_order_id_rows=client_id.get("rows", ""),
            order_ids=_names(raw.get("x-kraken-order-ids", ())),
            replies_per=_names(raw.get("x-kraken-replies", {}).get("per", ())),
            switch=self._switch(document, at, raw, self._deref(home, frame_at, result or {})[2]),
            **self._charge(document, product, at, raw),
        )

    def _charge(self, document: Document, product: Product, at: Pointer, raw: Json) -> Json:
        """Which REST operation a method is charged like."""
        charged = raw.get("x-kraken-charged-as")
        if charged is None:
            return {}
        known = {operation.operation_id: operation for group in product.groups for operation in group.operations}
        operation, arguments = known.get(charged["operation"]), charged.get("arguments", {})
        if operation is None:
            what = f"x-kraken-charged-as: no operation {charged['operation']!r}"
            self._problem(document, (*at, "x-kraken-charged-as"), what, ", ".join(known))
            return {}
        names = [field.name for field in operation.fields]
        for name in arguments.values():
            if name not in names:
                what = f"x-kraken-charged-as: {operation.name} has no argument {name!r}"
                self._problem(document, (*at, "x-kraken-charged-as"), what, ", ".join(names))
        return {
            "charged_as": operation,
            "charged_arguments": tuple(arguments.items()),
            "placed": tuple(charged.get("placed", ())),
        }

    def _switch(self, document: Document, at: Pointer, raw: Json, result: Json) -> Json | None:
        """How a method is used as a dead man's switch; its argument is checked with the other names."""
        key: Json | None = raw.get("x-kraken-dead-mans-switch")
        names = [python_name(wire, item.get("x-kraken-name")) for wire, item in result.get("properties", {}).items()]
        if key is not None and key["moment"] not in names:
            what = f"x-kraken-dead-mans-switch: no field {key['moment']!r} in the result"
            self._problem(document, (*at, "x-kraken-dead-mans-switch"), what, ", ".join(names))
        return key

    def units(self, unit: str) -> int:
        """How many of a unit of moments make a second; 0 for any other unit."""
        return TIMES.get(unit, 0)

    def _pace(self, document: Document, at: Pointer, raw: Json, fields: list[Field]) -> Json | None:
        pace: Json | None = raw.get("x-kraken-pace")
        if pace is not None and pace["parameter"] not in {field.wire for field in fields}:
            what = f"x-kraken-pace: no parameter {pace['parameter']!r}"
            self._problem(document, (*at, "x-kraken-pace"), what, ", ".join(field.wire for field in fields))
        return pace and {key: value for key, value in pace.items() if key != "tiers"}

    def _check_key(self, document: Document, at: Pointer, overflow: Json, item: Json) -> None:
        """The fields that tell items apart must be there."""
        for name in overflow.get("key", ()):
            if name not in item.get("properties", {}):
                what = f"x-kraken-overflow: no field {name!r} in an item"
                self._problem(document, (*at, "x-kraken-overflow"), what, ", ".join(item.get("properties", {})))

    def _message(self, document: Document, at: Pointer, raw: Json, kind: str) -> tuple[str, Document, Pointer, Json]:
        """Name, document, pointer and schema of the frame that a channel or a method receives."""
        suffix = {"channel": "Message", "reply": "Reply"}[kind]
        name = next((name for name in raw["messages"] if name.endswith(suffix)), "")
        if not name:
            self._problem(
                document, (*at, "messages"), f"{at[-1]}: no received message", f"one whose name ends with {suffix}"
            )
            raise SpecError(self.problems)
        where, source, message = self._deref(document, (*at, "messages", name), raw["messages"][name])
        frame = message.get("payload", {})
        mark = {"channel": "channel", "reply": "method"}[kind]
        if "const" not in frame.get("properties", {}).get(mark, {}):
            what = f"{name}: no payload that says whose it is"
            self._problem(where, source, what, f"properties with {mark}: {{const: {raw['address']}}}")
            raise SpecError(self.problems)
        self._claim(where, source, self._messages_module(document), name)
        return name, where, (*source, "payload"), frame

    def _parameters(self, document: Document, at: Pointer, schema: Json) -> tuple[str, list[Field]]:
        """Name of the model of WebSocket parameters, and the fields."""
        where, source, resolved = self._deref(document, at, schema)
        name = str(source[-1])
        certainty = resolved.get("x-kraken-certainty", self._certainty)
        fields = []
        for wire, item in resolved.get("properties", {}).items():
            pointer = (*source, "properties", wire)
            field = self._field(where, pointer, wire, item, wire in resolved.get("required", []), "body")
            words = _certainty_words(self._certainty_of(where, pointer, item), certainty)
            fields.append(replace(field, description=field.description + words))
        self._add_class(where, source, name, resolved, REQUEST)
        return name, fields

    def _frame_fields(
        self, document: Document, at: Pointer, frame: Json, without: tuple[str, ...]
    ) -> tuple[tuple[str, str], ...]:
        required = frame.get("required", ())
        found = []
        for name, schema in frame["properties"].items():
            if name not in without:
                text = self._hint(document, (*at, "properties", name), schema, STREAM).text
                found.append((name, text if name in required else f"{text} | None = None"))
        return tuple(sorted(found, key=lambda each: "= None" in each[1]))

    # ------------------------------------------------------------------ types

    def _hint(self, document: Document, at: Pointer, schema: Json, side: str) -> PyType:
        """The type of a schema as it stands in signatures."""
        if "$ref" in schema:
            where, source, resolved = self._resolve(document, at, schema["$ref"])
            if _is_class(resolved):
                return self._class(where, source, resolved, side)
            return self._hint(where, source, resolved, side)
        if _is_class(schema):  # a named schema that was already resolved
            return self._class(document, at, schema, side)
        if "const" in schema:
            return PyType(f"Literal[{_quoted(schema['const'])}]")
        if "enum" in schema:
            values = ", ".join(_quoted(value) for value in schema["enum"] if value is not None)
            text = f"Literal[{values}]"
            return PyType(f"{text} | {SCALARS[_kinds(schema)[0]]}" if schema.get("x-kraken-enum") == "open" else text)
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return _union([self._hint(document, (*at, key, i), item, side) for i, item in enumerate(schema[key])])
        return _union([self._kind_hint(document, at, schema, kind, side) for kind in _kinds(schema)])

    def _kind_hint(self, document: Document, at: Pointer, schema: Json, kind: str, side: str) -> PyType:
        if kind == "array":
            item = self._hint(document, (*at, "items"), schema.get("items", {}), side)
            if side == REQUEST:
                plain = f"{item} | " if item.text == "str" or item.text.startswith("Literal") else ""
                return PyType(f"{plain}Sequence[{item}]", item.classes)
            return PyType(f"list[{item}]", item.classes)
        if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            value = self._hint(document, (*at, "additionalProperties"), schema["additionalProperties"], side)
            return PyType(f"dict[str, {value}]", value.classes)
        if side == REQUEST and schema.get("format") in SIGNATURES:
            return PyType(SIGNATURES[schema["format"]])
        if schema.get("format") in ("decimal", "signed-decimal"):
            return PyType("Decimal")
        return PyType(SCALARS.get(kind, "Any"))

    def _class(self, document: Document, at: Pointer, schema: Json, side: str) -> PyType:
        name = str(at[-1])
        module = self._add_class(document, at, name, schema, side)
        return PyType(f"{name} | Mapping[str, Any]" if side == REQUEST else name, frozenset({(module.module, name)}))

    # ------------------------------------------------------------------ models

    def _module(self, document: Document) -> ModelModule:
        """The models module of a document: one per REST group, one for all WebSocket parameters."""
        if document_kind(document) == "asyncapi":
            return self._named_module(document, "models.websocket")
        group = document.data.get("x-kraken-group") or Path(document.name).stem
        return self._named_module(document, f"models.{group}")

    def _messages_module(self, document: Document) -> ModelModule:
        return self._named_module(document, "messages")

    def _named_module(self, document: Document, name: str) -> ModelModule:
        product = self._home or _product_name(document)
        module = self.products[product].modules.setdefault(name, ModelModule(name, product))
        module.sources.add(document.name)
        return module

    def _add_class(self, document: Document, at: Pointer, name: str, schema: Json, side: str) -> ModelModule:
        """Register a named schema, with all that it refers to, as a class of its module."""
        module = self._messages_module(document) if side == STREAM else self._module(document)
        key = (module.product, module.module, name)
        known = self.sides.setdefault(key, side)
        if known != side:
            self._problem(document, at, f"{name}: used in a {known} and in a {side}", "one schema for each")
            return module
        self._claim(document, at, module, name)
        if "x-kraken-row" in schema:
            if name not in module.rows:
                module.rows[name] = self._row(document, at, name, schema, side)
            return module
        table = module.requests if side == REQUEST else module.responses
        if name in table:
            return module
        certainty = schema.get("x-kraken-certainty", self._certainty)
        description = schema.get("description", "")
        built: Json = {"type": "object", "description": f"{description}{IMPLIED if certainty == 'implied' else ''}"}
        table[name] = built  # before its properties, which may refer back to it
        built["properties"] = {
            wire: self._with_certainty(
                self._model_schema(document, (*at, "properties", wire), item, side),
                self._certainty_of(document, (*at, "properties", wire), item),
                certainty,
            )
            for wire, item in schema.get("properties", {}).items()
        }
        if "required" in schema:
            built["required"] = schema["required"]
        for wire, item in schema.get("properties", {}).items():
            chosen = python_name(wire, item.get("x-kraken-name"))
            chosen = chosen if side == STREAM else attribute(chosen)
            if chosen != wire:
                module.aliases[f"{name}.{wire}"] = chosen
        times = [
            (module.aliases.get(f"{name}.{wire}", wire), TIMES[unit])
            for wire, item in schema.get("properties", {}).items()
            if (unit := item.get("x-kraken-unit")) in TIMES and side == RESPONSE and "array" not in _kinds(item)
        ]
        if times:
            module.template_data.setdefault(name, {})["times"] = times
        secrets = [wire for wire, item in schema.get("properties", {}).items() if "x-kraken-secret" in item]
        if secrets:
            module.template_data.setdefault(name, {})["secrets"] = secrets
        if side == REQUEST and ("minProperties" in schema or "maxProperties" in schema):
            members = schema.get("minProperties", 0), schema.get("maxProperties", len(schema["properties"]))
            module.template_data.setdefault(name, {})["members"] = members
        if "x-kraken-rows" in schema:
            value = self._hint(document, (*at, "additionalProperties"), schema["additionalProperties"], side)
            module.template_data.setdefault(name, {}).update(entries=schema["x-kraken-rows"], entry_type=value.text)
        return module

    def _certainty_of(self, document: Document, at: Pointer, schema: Json) -> str:
        """How sure we are of one field; empty where that is not said of it alone."""
        key = "x-kraken-certainty"
        if key in schema or "$ref" not in schema:
            return str(schema.get(key, ""))
        where, source, resolved = self._resolve(document, at, schema["$ref"])
        return "" if _is_class(resolved) else self._certainty_of(where, source, resolved)

    @staticmethod
    def _with_certainty(built: Json, own: str, around: str) -> Json:
        """The schema of a field, which tells where we are less or more sure of it than of what is around it."""
        words = _certainty_words(own, around)
        return {**built, "description": built.get("description", "") + words} if words else built

    def _row(self, document: Document, at: Pointer, name: str, schema: Json, side: str) -> Row:
        fields = []
        for index, (wire, item) in enumerate(zip(schema["x-kraken-row"], schema["prefixItems"], strict=True)):
            required = index < schema.get("minItems", len(schema["prefixItems"]))
            pointer = (*at, "prefixItems", index)
            hint = self._hint(document, pointer, item, side)
            kinds = [kind for kind in _kinds(self._deref(document, pointer, item)[2]) if kind != "null"]
            named = {"string": "DecimalText", "number": "DecimalNumber"}.get("".join(kinds), "DecimalAsSent")
            text = re.sub(r"\bDecimal\b", named, hint.text)
            fields.append(
                Field(
                    python_name(wire),
                    wire,
                    PyType(text, hint.classes),
                    required,
                    item.get("description", ""),
                    item.get("x-kraken-unit", ""),
                )
            )
        times = tuple((field.name, TIMES[field.unit]) for field in fields if field.unit in TIMES)
        return Row(name, schema.get("description", ""), tuple(fields), times, "x-kraken-lazy" in schema)

    def _model_schema(self, document: Document, at: Pointer, schema: Json, side: str) -> Json:
        """A schema as the model generator shall see it: references inlined, our types named by path."""
        if "$ref" in schema:
            where, source, resolved = self._resolve(document, at, schema["$ref"])
            described = {"description": schema.get("description") or resolved.get("description", "")}
            if not _is_class(resolved):
                return {**self._model_schema(where, source, resolved, side), **described}
            module = self._class_module(where, source, resolved, side)
            home = self._messages_module(document) if side == STREAM else self._module(document)
            name = str(source[-1])
            if module is home and "x-kraken-row" not in resolved:
                return {"$ref": f"#/components/schemas/{name}", **described}
            return {"type": "string", "customTypePath": f"kraken.{module.product}.{module.module}.{name}", **described}
        built = {key: value for key, value in schema.items() if not key.startswith("x-kraken-") and key != "deprecated"}
        if side != REQUEST and not (side == STREAM and schema.get("format") == "decimal"):
            built.pop("format", None)  # received texts stay exactly as they came
        if unit := schema.get("x-kraken-unit"):
            built["description"] = f"{schema.get('description', '')} Unit: {unit}.".strip()
        for key in ("anyOf", "oneOf", "prefixItems"):
            if key in schema:
                built[key] = [
                    self._model_schema(document, (*at, key, i), item, side) for i, item in enumerate(schema[key])
                ]
        for key in ("items", "additionalProperties"):
            if isinstance(schema.get(key), dict):
                built[key] = self._model_schema(document, (*at, key), schema[key], side)
        if "items" in schema and "x-kraken-lazy" in self._deref(document, (*at, "items"), schema["items"])[2]:
            path = f"{built['items']['customTypePath']}s"
            return {"type": "string", "customTypePath": path, "description": built.get("description", "")}
        if "enum" in schema and schema.get("x-kraken-enum") == "open":
            plain = {key: value for key, value in built.items() if key not in ("enum", "description")}
            built = {"anyOf": [{**plain, "enum": schema["enum"]}, plain], "description": built.get("description", "")}
        kinds = sorted(_kinds(schema))
        custom = MODELS.get((side, "|".join(kind for kind in kinds if kind != "null"), schema.get("format", "")))
        if custom:
            built = {"type": "string", "customTypePath": custom, "description": built.get("description", "")}
            if "null" in kinds:
                built = {
                    "anyOf": [{"type": "string", "customTypePath": custom}, {"type": "null"}],
                    "description": built["description"],
                }
        return built

    def _class_module(self, document: Document, at: Pointer, schema: Json, side: str) -> ModelModule:
        return self._add_class(document, at, str(at[-1]), schema, side)

    # ------------------------------------------------------------------ references

    def _resolve(self, document: Document, at: Pointer, reference: str) -> tuple[Document, Pointer, Json]:
        found = find_reference(document, reference, self.by_path)
        if found is None:
            raise SpecError([document.problem(at, f"$ref: {reference} does not exist")])
        where, pointer, value = found
        return where, pointer, value

    def _deref(self, document: Document, at: Pointer, value: Any) -> tuple[Document, Pointer, Json]:
        """A value with its references followed."""
        while "$ref" in value:
            document, at, value = self._resolve(document, at, value["$ref"])
        return document, at, value

    def _problem(self, document: Document, at: Pointer, what: str, allowed: str = "") -> None:
        self.problems.append(document.problem(at, what, allowed))


def _certainty_words(own: str, around: str) -> str:
    """What to say of a field of which we are less or more sure than of what is around it."""
    if not own or own == around or "implied" not in (own, around):
        return ""
    return IMPLIED if own == "implied" else " Documented by Kraken."


def _product_name(document: Document) -> str:
    """The product that a document belongs to; documents without paths tell it by their folder."""
    return str(document.data.get("x-kraken-product") or document.name.split("/", 1)[0])


def _server(raw: Json) -> str:
    """The name of the server that offers a channel or method."""
    return str(raw["servers"][0]["$ref"].rpartition("/")[2])


def _client_id_fields(key: Json | None) -> list[str]:
    """The request fields that the key about client order ids names."""
    if key is None:
        return []
    return [key["rows"]] if "rows" in key else [key["field"], *key["unless"]]


def _aliases(raw: Json) -> tuple[Alias, ...]:
    return tuple(
        Alias(**{**alias, "arguments": tuple(map(python_name, alias.get("arguments", ())))})
        for alias in raw.get("x-kraken-alias", ())
    )


def _alias_arguments(alias: Json) -> list[str]:
    """The request fields that an alias names."""
    return [*alias.get("arguments", ()), *alias.get("values", {}), *alias.get("defaults", {})]


def _argument(wire: str, fields: Iterable[Field]) -> str:
    """The argument of a wire name, as the models have it."""
    return next((field.attribute for field in fields if wire in (field.wire, field.name)), wire)


def _paging_arguments(paging: Any) -> list[str]:
    """The request fields that the key about pages names."""
    if not isinstance(paging, dict):
        return []
    ascending = paging.get("ascending", {})
    found = [paging["parameter"], paging.get("size"), ascending.get("argument"), ascending.get("parameter")]
    return [name for name in found if name]


def _pagination(raw: Json, fields: list[Field]) -> Json | None:
    paging = raw["x-kraken-pagination"]
    if paging == "none":
        return None
    built = {**paging, "parameter": _argument(paging["parameter"], fields)}
    if "size" in paging:
        built["size"] = _argument(paging["size"], fields)
    if ascending := paging.get("ascending"):
        argument, parameter = (_argument(ascending[key], fields) for key in ("argument", "parameter"))
        built["ascending"] = (argument, ascending["value"], parameter)
    return built


def _prices(cost: Json, fields: list[Field]) -> Json | None:
    """How the cost depends on an argument."""
    if "parameter" not in cost:
        return None
    steps = tuple((most, price) for most, price in cost.get("up_to", ()))
    given = cost["given"] if "given" in cost else steps[-1][1] if steps else cost["cost"]
    return {"parameter": _argument(cost["parameter"], fields), "given": given, "up_to": steps}


def _names(names: Iterable[str]) -> tuple[str, ...]:
    """Names of request fields as the models have them."""
    return tuple(map(attribute, names))


def _groups(raw: Json, key: str) -> tuple[tuple[str, ...], ...]:
    return tuple(map(_names, raw.get(key, ())))


def _is_class(schema: Json) -> bool:
    return "properties" in schema or "x-kraken-row" in schema


def _kinds(schema: Json) -> list[str]:
    kind = schema.get("type")
    if kind is None:
        return ["any"]
    return [kind] if isinstance(kind, str) else list(kind)


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _union(types: list[PyType]) -> PyType:
    texts = dict.fromkeys(part for each in types for part in _alternatives(each.text))
    classes: frozenset[tuple[str, str]] = frozenset().union(*(each.classes for each in types))
    return PyType(" | ".join(texts), classes)


def _alternatives(text: str) -> list[str]:
    """The members of a union, without looking into brackets."""
    parts, depth = [""], 0
    for piece in re.split(r"( \| |[\[\]])", text):
        depth += (piece == "[") - (piece == "]")
        if piece == " | " and not depth:
            parts.append("")
        else:
            parts[-1] += piece
    return parts
