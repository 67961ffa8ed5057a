"""Intermediate representation -> source files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from . import docstrings
from .commands import alias_fields, command_fields, command_groups
from .ir import Account, AccountLookup, Channel, Field, Group, Method, ModelModule, Operation, Product, pascal
from .load import Document
from .models import message_structs, request_models, response_models

Files = dict[str, str]

PRODUCT_NAMES = {"spot": "Spot", "futures": "Futures", "unified": "Unified"}

NEED_NONCES = ("spot",)
"""Products that refuse signed requests without a nonce."""

SIGNATURE_TYPES = {
    "Amount": "kraken.runtime.types",
    "RelativePrice": "kraken.runtime.types",
    "Options": "kraken.runtime.options",
    "Decimal": "decimal",
    "Sequence": "collections.abc",
    "Mapping": "collections.abc",
    "Literal": "typing",
    "Any": "typing",
    "Callable": "collections.abc",
    "PathLike": "os",
    "Pages": "kraken.runtime.pagination",
    "AsyncPages": "kraken.runtime.pagination",
    "Progress": "kraken.runtime.pagination",
    "datetime": "datetime",
}
"""Names that signatures may use, and where they come from."""

RUNTIME_EXCEPTIONS = ("ConnectionLost",)
"""Categories of the error table whose class stands in the runtime, because the runtime itself raises it."""


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Python source, not HTML
    )
    environment.filters.update(
        doc=docstrings.wrap,
        field_doc=lambda field, indent: docstrings.wrap(docstrings.with_unit(field), indent),
        operation_doc=docstrings.operation_doc,
        iterator_doc=docstrings.iterator_doc,
        channel_doc=docstrings.channel_doc,
        method_doc=docstrings.method_doc,
        operation_fields=_operation_fields,
        channel_fields=_channel_fields,
        method_fields=_method_fields,
        method_result=_method_result,
        account_fields=_account_fields,
        command_fields=command_fields,
        alias_fields=alias_fields,
        quoted=_quoted,
        literal=_source,
        words=lambda texts: _source(tuple(texts)),
    )
    return environment


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _source(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, tuple):
        inside = ", ".join(map(_source, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _keywords(values: dict[str, Any], defaults: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_source(value)}" for name, value in values.items() if value != defaults.get(name))


def _operation_fields(operation: Operation) -> str:
    values: dict[str, Any] = {
        "name": operation.name,
        "method": operation.method,
        "path": operation.path,
        "models": "_MODELS",
        "auth": operation.auth == "required",
        "encoding": operation.encoding,
        "envelope": operation.envelope,
        "retry": operation.retry == "safe",
        "danger": operation.danger,
        "counter": operation.counter,
        "cost": operation.cost,
        "path_fields": tuple(field.attribute for field in operation.fields if field.place == "path"),
        "query_fields": tuple(
            field.attribute for field in operation.fields if field.place == "query" and operation.encoding != "query"
        ),
        "list_fields": tuple(field.attribute for field in operation.fields if field.is_list),
        "client_order_id": operation.client_order_id,
        "client_order_id_unless": operation.client_order_id_unless,
        "client_order_id_rows": operation.client_order_id_rows,
        "client_order_id_where": operation.client_order_id_where,
        "order_ids": operation.order_ids,
        "exclusive": operation.exclusive,
        "one_of": operation.one_of,
        "replaced_by": operation.replaced_by if operation.deprecated else "",
        "ages": operation.ages,
        "per": operation.per,
        "pair": operation.pair,
        "base": operation.base,
        "placed": operation.placed,
        "signing": operation.signing,
        "deep_fields": tuple(field.attribute for field in operation.fields if field.is_deep),
        "repeated_fields": tuple(field.attribute for field in operation.fields if field.is_repeated),
        "json_fields": tuple(field.attribute for field in operation.fields if field.is_json),
        "binary": operation.binary,
    }
    defaults: dict[str, Any] = {
        "auth": False,
        "encoding": "query",
        "envelope": "spot",
        "retry": False,
        "danger": "none",
        "counter": "none",
        "cost": 0,
        "path_fields": (),
        "query_fields": (),
        "list_fields": (),
        "client_order_id": "",
        "client_order_id_unless": (),
        "client_order_id_rows": "",
        "client_order_id_where": (),
        "order_ids": (),
        "exclusive": (),
        "one_of": (),
        "replaced_by": "",
        "ages": (),
        "per": "",
        "pair": "",
        "base": 0,
        "placed": (),
        "signing": "spot",
        "deep_fields": (),
        "repeated_fields": (),
        "json_fields": (),
        "binary": False,
    }
    text = _keywords(values, defaults).replace('"_MODELS"', "_MODELS")
    packed = [field for field in operation.fields if field.packed]
    parts = {
        "prices": ("Prices", operation.prices),
        "packed": (
            "Packed",
            {"parameter": packed[0].packed, "fields": tuple(field.attribute for field in packed)} if packed else None,
        ),
        "outcome": ("Outcome", operation.outcome),
        "pagination": ("Pagination", operation.pagination),
    }
    return ", ".join([text, *(f"{name}={made}({_keywords(each, {})})" for name, (made, each) in parts.items() if each)])


def _channel_fields(channel: Channel) -> str:
    values: dict[str, Any] = {
        "name": channel.name,
        "socket": channel.socket,
        "auth": channel.auth == "required",
        "parameters": channel.subscription,
        # A list that may be left out only narrows down what one subscription tells.
        "each": next((field.attribute for field in channel.fields if field.is_list and field.required), ""),
        "shown_as": _shown_as(channel),
        "unsubscribe": channel.unsubscribe,
        "policy": channel.policy,
        "key": channel.key,
        "pushed": not channel.subscription,
        "sequence": channel.sequence,
        "first_number": channel.first_number,
        "reports_gaps": channel.reports_gaps,
        "experimental": channel.experimental,
    }
    text = _keywords(
        values,
        {
            "auth": False,
            "parameters": "",
            "each": "",
            "shown_as": "",
            "unsubscribe": (),
            "key": (),
            "pushed": False,
            "sequence": "",
            "first_number": 1,
            "reports_gaps": False,
            "experimental": "",
        },
    )
    names = {"unless_given": "otherwise"}
    for field, facts in (("pace", channel.pace), ("rate_counter", channel.rate_counter)):
        if facts is not None:
            inside = ", ".join(f"{names.get(name, name)}={_source(value)}" for name, value in facts.items())
            text += f", {field}={pascal(field)}({inside})"
    return text


def _shown_as(channel: Channel) -> str:
    """The field of an item that shows an element of the list parameter, where it is not called like that."""
    lists = [field.attribute for field in channel.fields if field.is_list]
    return channel.key[0] if lists and len(channel.key) == 1 and lists[0] not in channel.key else ""


def _method_fields(method: Method) -> str:
    values: dict[str, Any] = {
        "name": method.name,
        "socket": method.socket,
        "reply": method.reply,
        "auth": method.auth == "required",
        "parameters": method.params,
        "danger": "" if method.danger == "none" else method.danger,
        "client_order_id": method.client_order_id,
        "client_order_id_unless": method.client_order_id_unless,
        "client_order_id_rows": method.client_order_id_rows,
        "order_ids": method.order_ids,
        "replies_per": method.replies_per,
        "unwrap": bool(method.result),
        "replaced_by": method.replaced_by,
        "charged_as": _address(method.charged_as) if method.charged_as else "",
        "charged_arguments": method.charged_arguments,
        "placed": method.placed,
        "experimental": method.experimental,
    }
    defaults: dict[str, Any] = {
        "auth": False,
        "parameters": "",
        "danger": "",
        "client_order_id": "",
        "client_order_id_unless": (),
        "client_order_id_rows": "",
        "order_ids": (),
        "replies_per": (),
        "unwrap": True,
        "replaced_by": "",
        "charged_as": "",
        "charged_arguments": (),
        "placed": (),
        "experimental": "",
    }
    return _keywords(values, defaults)


def _address(operation: Operation) -> str:
    """Where the constant of an operation is."""
    return f"kraken.{operation.product}.operations.{operation.group}:{operation.constant}"


def _method_result(method: Method) -> str:
    single = method.result or method.reply_class
    return f"list[{single}]" if method.replies_per else single


def _account_fields(account: Account, module: str) -> str:
    """The constants that say what the state of an account is put together from."""
    parts: dict[str, Any] = {"OrderFeed": account.orders, "FillFeed": account.fills}
    if account.positions is None:
        parts["BalanceFeed"] = account.balances
    else:
        parts |= {"MarginFeed": account.balances, "PositionFeed": account.positions}
    return ", ".join(_part(name, part, module) for name, part in parts.items())


def _part(name: str, part: Any, module: str) -> str:
    """The constant of one part of an account: its channel, and what the exchange calls things there."""
    values = {each.name: getattr(part, each.name) for each in fields(part)}
    if name != "FillFeed":  # the others do not make items, they take them
        values.pop("item", None)
    for each in ("item", "state", "part"):
        if each in values:
            values[each] = f"{module}:{values[each]}"
    lookups = [f"{each}={_account_lookup(values.pop(each))}" for each in ("ended", "missed") if each in values]
    if further := values.pop("further", ()):
        lookups.append(f"further=({', '.join(map(_account_lookup, further))},)")
    constant = values.pop("constant")
    defaults = {"inside": "", "unknown": (), "per_second": 0, "events": ()}
    return _call(name, constant, _keywords(values, defaults), *lookups)


def _account_lookup(lookup: AccountLookup) -> str:
    defaults: dict[str, Any] = {"values": None, "per_second": 0, "told_per_second": 0, "is_pair": False}
    taken = [
        _call(
            "Taken",
            _source(each.name),
            _source(each.source),
            _keywords({name: getattr(each, name) for name in defaults}, defaults),
        )
        for each in lookup.fields
    ]
    further: dict[str, Any] = {"arguments": {}, "most": 0, "per_second": 1, "key": "@key", "told": {}}
    names = map(_source, (lookup.group, lookup.call, lookup.argument))
    options = _keywords({name: getattr(lookup, name) for name in further}, further)
    return _call("Lookup", *names, f"({', '.join(taken)},)", options)


def _call(name: str, *arguments: str) -> str:
    return f"{name}({', '.join(filter(None, arguments))})"


class Renderer:
    """Renders all files of all products. Names are paths below the `generated` folder."""

    def __init__(self, documents: list[Document]) -> None:
        self.sources = {document.name: document.path.read_bytes() for document in documents}
        self.environment = _environment()
        self.files: Files = {}
        self.products: dict[str, Product] = {}

    def render(self, products: list[Product], errors: Document | None) -> Files:
        self.products = {product.name: product for product in products}
        for product in products:
            self._product(product)
        self._commands(products)
        if errors is not None:
            self._exceptions(errors)
        return self.files

    def _write(self, path: str, template: str, sources: Iterable[str], /, **values: Any) -> None:
        used = sorted(set(sources))
        digest = hashlib.sha256(b"".join(self.sources[source] for source in used)).hexdigest()
        listed = ", ".join(f"specs/{source}" for source in used)
        header = (
            f"# Generated by `make generate` from {listed}. Do not edit.\n"
            f"# spec sha256: {digest}   Change the spec or the template, then run `make generate`.\n\n"
        )
        self.files[f"kraken/{path}"] = header + self.environment.get_template(template).render(**values).lstrip("\n")

    # ------------------------------------------------------------------ one product

    def _product(self, product: Product) -> None:
        name, folder = PRODUCT_NAMES[product.name], product.name
        sources = [group.source for group in product.groups] + product.websocket_sources
        self.files[f"kraken/{folder}/py.typed"] = ""
        exports: dict[str, str] = {}
        if product.groups:
            self._rest(product, name)
            exports |= {f"{name}AsyncClient": ".async_client", f"{name}Client": ".client"}
        if product.channels or product.methods:
            self._websocket(product, name)
            exports |= {f"{name}WSClient": ".websocket", f"{name}SyncWSClient": ".websocket_sync"}
            channels = {channel.name for channel in product.channels}
            if "book" in channels:
                book = next(channel for channel in product.channels if channel.name == "book")
                self._write(
                    f"{folder}/orderbook.py",
                    "orderbook.py.jinja2",
                    product.websocket_sources,
                    product=product,
                    name=name,
                    base=f"{name}Sockets",
                    level3="level3" in channels,
                    fields=[field for field in book.fields if field.required and not field.is_list],
                )
                exports[f"{name}OrderBookClient"] = ".orderbook"
                exports |= {f"{name}Level3BookClient": ".orderbook"} if "level3" in channels else {}
        for module in product.modules.values():
            if module.module != "messages":
                self._models(product, module)
        self._write(f"{folder}/decode.py", "decode.py.jinja2", sources, product=product)
        exports |= {"decode_response": ".decode"} if product.groups else {}
        exports |= {"decode_message": ".decode"} if product.channels else {}
        self._write(
            f"{folder}/__init__.py",
            "package.py.jinja2",
            sources,
            product=product,
            exports=dict(sorted(exports.items())),
        )

    def _rest(self, product: Product, name: str) -> None:
        for group in product.groups:
            self._write(
                f"{product.name}/operations/{group.name}.py",
                "operations.py.jinja2",
                [group.source],
                group=group,
                imports=_imports(product, [str(operation.result) for operation in group.operations], group, []),
            )
        self._write(
            f"{product.name}/product.py",
            "product.py.jinja2",
            [
                *(group.source for group in product.groups),
                *product.limits_sources,
                *filter(None, [product.lifecycle_source]),
            ],
            product=product,
            own_id=self._own_id(product),
            repeats_lists=any(field.is_repeated for field in _fields(product)),
        )
        for colour, package, prefix in (("sync", "rest", ""), ("async", "rest_async", "Async")):
            for group in product.groups:
                self._write(
                    f"{product.name}/{package}/{group.name}.py",
                    "group.py.jinja2",
                    [group.source],
                    group=group,
                    colour=colour,
                    class_name=prefix + group.class_name,
                    imports=_imports(
                        product,
                        [
                            str(shown)
                            for operation in group.operations
                            for shown in (operation.result, operation.page_item)
                        ],
                        group,
                        ["Options", "Any", "Callable", "PathLike", "Progress", prefix + "Pages"],
                    ),
                )
            self._write(
                f"{product.name}/{'client' if colour == 'sync' else 'async_client'}.py",
                "client.py.jinja2",
                [group.source for group in product.groups],
                product=product,
                colour=colour,
                package=package,
                prefix=prefix,
                name=f"{name}{prefix}Client",
                base="RestClient" if colour == "sync" else "AsyncRestClient",
                needs_nonce=product.name in NEED_NONCES,
                imports=_named_imports(
                    [str(lookup.order) for lookup in product.lookups] + ["Any", "Mapping"],
                    _classes(product, streaming=False),
                ),
            )
        if product.tiers:
            self._write(f"{product.name}/limits.py", "limits.py.jinja2", product.limits_sources, product=product)

    @staticmethod
    def _own_id(product: Product) -> str:
        """The argument that takes a client order id, which is called the same in all calls."""
        operations = (operation for group in product.groups for operation in group.operations)
        return next((each.client_order_id for each in operations if each.client_order_id), "")

    def _models(self, product: Product, module: ModelModule) -> None:
        group = next((group for group in product.groups if module.module == f"models.{group.name}"), None)
        responses, requests = response_models(module), request_models(module)
        streaming: list[Channel | Method] = [*product.channels, *product.methods]
        parameters = [
            (each.subscription if isinstance(each, Channel) else each.params, each)
            for each in streaming
            if module.module == "models.websocket" and (each.subscription if isinstance(each, Channel) else each.params)
        ]
        title = f"{module.module.removeprefix('models.')} section".replace("_", " ")
        self._write(
            f"{product.name}/{module.module.replace('.', '/')}.py",
            "models.py.jinja2",
            module.sources,
            title=title,
            imports=[*responses.imports, *requests.imports],
            rows=list(module.rows.values()),
            responses=responses.body,
            requests=requests.body,
            operations=group.operations if group else [],
            parameters=parameters,
        )

    def _websocket(self, product: Product, name: str) -> None:
        module = product.modules["messages"]
        structs = message_structs(module)
        subscribed = [channel.subscribed for channel in product.channels if channel.subscribed]
        self._write(
            f"{product.name}/messages.py",
            "messages.py.jinja2",
            product.websocket_sources,
            product=product,
            imports=structs.imports,
            structs=structs.body,
            channels=product.channels,
            methods=product.methods,
            subscribed=subscribed,
            lenient=any(channel.experimental for channel in product.channels),
        )
        shown: list[Channel | Method] = [*product.channels, *product.methods]
        texts = [str(field.type) for each in shown for field in each.fields]
        texts += [f"{channel.item} {channel.message}" for channel in product.channels]
        texts += [_method_result(method) for method in product.methods]
        if product.account is not None:
            texts += product.account.classes
        imports = _named_imports(texts, _classes(product, streaming=True), skip=("Sequence", "Mapping", "Any"))
        self._write(
            f"{product.name}/websocket.py",
            "websocket.py.jinja2",
            product.websocket_sources,
            product=product,
            name=f"{name}WSClient",
            base=f"{name}Sockets",
            channels=product.channels,
            methods=product.methods,
            private=[channel.socket for channel in product.channels if channel.auth == "required"],
            token=self._token(product),
            rest=self._rest_client(product),
            imports=imports,
        )
        self._write(
            f"{product.name}/websocket_sync.py",
            "websocket_sync.py.jinja2",
            product.websocket_sources,
            product=product,
            name=f"{name}SyncWSClient",
            client=f"{name}WSClient",
            channels=product.channels,
            methods=product.methods,
            imports=imports,
        )

    def _token(self, product: Product) -> dict[str, str] | None:
        """Which call of which client gives the token of the private sockets."""
        wanted = next((socket.token for socket in product.sockets.values() if socket.token), "")
        owner, _, operation_id = wanted.rpartition("/")
        owner = owner or product.name
        for group in self.products[owner].groups:
            for operation in group.operations:
                if operation.operation_id == operation_id:
                    return {
                        "client": f"{PRODUCT_NAMES[owner]}AsyncClient",
                        "module": ".async_client" if owner == product.name else f"kraken.{owner}.async_client",
                        "group": group.name,
                        "name": operation.name,
                    }
        return None

    def _rest_client(self, product: Product) -> dict[str, str] | None:
        """Which client the WebSocket client asks for what its streams do not tell."""
        own = {"client": f"{PRODUCT_NAMES[product.name]}AsyncClient", "module": ".async_client"}
        return self._token(product) or (own if product.account is not None else None)

    # ------------------------------------------------------------------ the command line

    def _commands(self, products: list[Product]) -> None:
        """Tables of what the command line offers: an index, and one module per group."""
        products = sorted(products, key=lambda product: list(PRODUCT_NAMES).index(product.name))
        self.files["kraken/commands/py.typed"] = ""
        for product in products:
            groups = command_groups(product)
            sources = [source for group in groups for source in group.sources]
            title = PRODUCT_NAMES[product.name]
            self._write(f"commands/{product.name}/__init__.py", "commands_package.py.jinja2", sources, title=title)
            for group in groups:
                self._write(
                    f"commands/{product.name}/{group.module}.py",
                    "commands.py.jinja2",
                    group.sources,
                    group=group,
                    products=self.products,
                )
        self._write(
            "commands/__init__.py",
            "commands_index.py.jinja2",
            [source for product in products for group in command_groups(product) for source in group.sources],
            products=[(product, command_groups(product)) for product in products],
            names=PRODUCT_NAMES,
        )

    # ------------------------------------------------------------------ errors

    def _exceptions(self, document: Document) -> None:
        data = document.data
        categories = [{"name": name, **values} for name, values in data["categories"].items()]
        class_of = {category["name"]: category["exception"] for category in categories}
        retry_of = {category["name"]: category["retry"] != "never" for category in categories}
        found: dict[str, dict[str, Any]] = {}
        for row in [*data["errors"], *data.get("names", [])]:
            if row.get("exception") and row["exception"] not in class_of.values():
                found.setdefault(
                    row["exception"],
                    {
                        "name": row["exception"],
                        "base": class_of[row["category"]],
                        "meaning": row["meaning"],
                        "retryable": None
                        if row.get("retry") is None or (row["retry"] != "never") == retry_of[row["category"]]
                        else row["retry"] != "never",
                    },
                )
        rows = [{**row, "exception": row.get("exception") or class_of[row["category"]]} for row in data["errors"]]
        own = [category for category in categories if category["exception"] not in RUNTIME_EXCEPTIONS]
        base = [
            "ConnectionLost",
            "CredentialsError",
            "DecodeError",
            "ExchangeError",
            "ExperimentalWarning",
            "Facts",
            "InvalidRequest",
            "KrakenError",
            "KrakenWarning",
            "LimitReached",
            "NotSent",
            "OrderStateUnknown",
            "ReplyLost",
            "TABLE",
        ]
        names = sorted({*base, *(category["exception"] for category in own), *found})
        # A package, because only packages can carry the marker that tells type checkers to read it.
        self.files["kraken/exceptions/py.typed"] = ""
        self._write(
            "exceptions/__init__.py",
            "exceptions.py.jinja2",
            [document.name],
            names=names,
            categories=own,
            exceptions=list(found.values()),
            rows=sorted(rows, key=lambda row: str(row["code"])),
        )


def _fields(product: Product) -> Iterable[Field]:
    """The arguments of all calls."""
    return (field for group in product.groups for operation in group.operations for field in operation.fields)


STREAMING = ("messages", "models.websocket")
"""Modules of what the WebSocket sends and takes; those of REST may have classes of the same names."""


def _classes(product: Product, *, streaming: bool) -> dict[str, str]:
    """The generated classes of REST or of the WebSocket by name, with their modules relative to the product's package."""
    found: dict[str, str] = {}
    for module in product.modules.values():
        if (module.module in STREAMING) is not streaming:
            continue
        for table in (module.requests, module.responses, module.rows):
            found |= dict.fromkeys(table, f".{module.module}")
    if streaming:
        found |= {channel.message: ".messages" for channel in product.channels}
        found |= {method.reply_class: ".messages" for method in product.methods}
    return found


def _imports(product: Product, texts: list[str], group: Group, further: list[str]) -> list[tuple[str, list[str]]]:
    texts = [*texts, *(str(field.type) for operation in group.operations for field in operation.fields), *further]
    classes = {
        name: f"..{module.module}"
        for module in product.modules.values()
        if module.module in (f"models.{group.name}", "models.common")
        for table in (module.requests, module.responses, module.rows)
        for name in table
    }
    return _named_imports(texts, classes)


def _named_imports(
    texts: Iterable[str], classes: dict[str, str], skip: Iterable[str] = ()
) -> list[tuple[str, list[str]]]:
    """Import statements for every name that some type texts mention."""
    words = {word for text in texts for word in re.findall(r"[A-Za-z_][A-Za-z0-9_]*", re.sub(r'"[^"]*"', "", text))}
    modules: dict[str, list[str]] = {}
    for word in sorted(words - set(skip)):
        module = classes.get(word) or SIGNATURE_TYPES.get(word)
        if module:
            modules.setdefault(module, []).append(word)
    return sorted(modules.items())
