"""One mistake in a good spec: the message names file, line, what is wrong and what is allowed instead."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kraken.codegen.build import generate, load_products
from kraken.codegen.load import SpecError

from .support import GOLDEN

LIMITS, MARKET, TRADING, STREAMS, ERRORS, POOLS, ORDERS, LIFECYCLE = (
    "spot/rest/limits.yaml",
    "spot/rest/market_data.yaml",
    "spot/rest/trading.yaml",
    "spot/websocket/streams.yaml",
    "errors.yaml",
    "futures/rest/limits.yaml",
    "futures/rest/orders.yaml",
    "futures/rest/lifecycle.yaml",
)


class Case(NamedTuple):
    """An edit, and what is said about it."""

    file: str
    old: str
    """Text that is replaced, where it first stands."""
    new: str
    says: tuple[tuple[str, str], ...]
    """Pairs of a text, which stands in the line that the message must name, and the message behind that line."""


NEWLINE = "\n"

CASES = {
    # ------------------------------------------------------------------ YAML
    "not YAML": Case(MARKET, "paths:", "paths: [", (("    get:", "not YAML: did not find expected ',' or ']'"),)),
    "tab": Case(MARKET, "    get:", "\tget:", (("\tget:", "not YAML: found character that cannot start any token"),)),
    "not a mapping": Case(
        ERRORS, "", "- a\n", (("", "not a mapping; allowed: an OpenAPI or AsyncAPI document, or the error table"),)
    ),
    "key twice": Case(
        MARKET,
        "      summary: Get candles.\n",
        "      summary: Get candles.\n      summary: Again.\n",
        (("summary: Again.", "summary: stands twice in one mapping; allowed: once"),),
    ),
    # ------------------------------------------------------------------ the standards
    "OpenAPI version": Case(
        MARKET, "openapi: 3.1.0", "openapi: 3.0.3", (("openapi: 3.0.3", "openapi: version '3.0.3'; allowed: 3.1.x"),)
    ),
    "AsyncAPI version": Case(
        STREAMS,
        "asyncapi: 3.0.0",
        "asyncapi: 2.6.0",
        (("asyncapi: 2.6.0", "asyncapi: version '2.6.0'; allowed: 3.0.x"),),
    ),
    "neither kind": Case(
        MARKET,
        "openapi: 3.1.0\n",
        "",
        (
            (
                "",
                "document: neither OpenAPI, AsyncAPI nor the error table; allowed: openapi, asyncapi or errors as a key",
            ),
        ),
    ),
    "no title": Case(MARKET, "  title: Market data\n", "", (("info:", "info: title is missing; allowed: a text"),)),
    "unknown HTTP method": Case(
        MARKET,
        "    get:\n      operationId: getCandles",
        "    fetch:\n      operationId: getCandles",
        (
            (
                "/0/public/Candles:",
                "/0/public/Candles: fetch: unknown key; allowed: summary, description, servers, parameters, get, put, post, delete, options, head, patch, trace",
            ),
        ),
    ),
    "parameter without name": Case(
        MARKET,
        "        - name: interval\n          in: query\n",
        "        - in: query\n",
        (("- in: query", "parameters[1]: name is missing; allowed: a text"),),
    ),
    "parameter without schema": Case(
        MARKET,
        "          schema: {type: array, items: {type: string}}\n",
        "",
        (("- name: pair", "parameters[0]: schema is missing"),),
    ),
    "parameter in a header": Case(
        MARKET,
        "        - name: from\n          in: query",
        "        - name: from\n          in: header",
        (("in: header", "from: in header; allowed: query, path"),),
    ),
    "unknown type": Case(
        MARKET,
        "{type: string, description: Its name.}",
        "{type: text, description: Its name.}",
        (("type: text", "type: 'text'; allowed: array, boolean, integer, null, number, object, string"),),
    ),
    "wrong value of a JSON Schema key": Case(
        MARKET, "minItems: 3", "minItems: three", (("minItems: three", "minItems: 'three'; allowed: a whole number"),)
    ),
    "pattern that is none": Case(
        MARKET,
        "{type: string, description: Its name.}",
        "{type: string, pattern: '(', description: Its name.}",
        (("pattern: '('", "pattern: '(' is not a 'regex'"),),
    ),
    "path parameter that is not declared": Case(
        MARKET,
        "/0/public/Candles:",
        "/0/public/Candles/{pair}:",
        (
            (
                "    get:\n      operationId: getCandles",
                "GET /0/public/Candles/{pair}: no path parameter 'pair'; allowed: one per name in the path",
            ),
        ),
    ),
    "path parameter that is not in the path": Case(
        MARKET,
        "/0/public/Assets/{asset}:",
        "/0/public/Assets:",
        (("- name: asset", "asset: is not in the path; allowed: none, the path has no names in braces"),),
    ),
    "AsyncAPI server without host": Case(
        STREAMS, "    host: ws.example.com\n", "", (("  public:", "public: host is missing; allowed: a text"),)
    ),
    "AsyncAPI operation without action": Case(
        STREAMS,
        "    action: receive\n",
        "",
        (("  receiveTicker:", "receiveTicker: action is missing; allowed: send, receive"),),
    ),
    "AsyncAPI unknown key": Case(
        STREAMS,
        "    address: ticker\n",
        "    address: ticker\n    adress: ticker\n",
        (
            (
                "  ticker:",
                "ticker: adress: unknown key; allowed: address, bindings, description, externalDocs, messages, parameters, servers, summary, tags, title",
            ),
        ),
    ),
    "AsyncAPI wrong value": Case(
        STREAMS,
        "    action: receive\n",
        "    action: listen\n",
        (("    action: listen", "action: 'listen'; allowed: send, receive"),),
    ),
    # ------------------------------------------------------------------ references
    "dangling reference": Case(
        MARKET,
        "result: {$ref: '#/components/schemas/Candles'}",
        "result: {$ref: '#/components/schemas/Candle5'}",
        (("Candle5", "$ref: #/components/schemas/Candle5 does not exist; allowed: Candles, Candle, Unit, Asset"),),
    ),
    "dangling file": Case(
        MARKET,
        "error: {$ref: 'common.yaml#",
        "error: {$ref: 'comon.yaml#",
        (
            (
                "comon.yaml",
                "$ref: comon.yaml#/components/schemas/Errors does not exist; allowed: common.yaml, limits.yaml, trading.yaml",
            ),
        ),
    ),
    "dangling channel": Case(
        STREAMS,
        "    channel: {$ref: '#/channels/ticker'}",
        "    channel: {$ref: '#/channels/tick'}",
        (("/channels/tick'", "$ref: #/channels/tick does not exist; allowed: ticker, amend_order"),),
    ),
    "reference into another group": Case(
        MARKET,
        "result: {$ref: '#/components/schemas/Asset'}",
        "result: {$ref: 'trading.yaml#/components/schemas/AddedOrder'}",
        (
            (
                "trading.yaml#",
                "$ref: trading.yaml#/components/schemas/AddedOrder belongs to another group; allowed: documents without paths",
            ),
        ),
    ),
    # ------------------------------------------------------------------ x-kraken-* keys
    "unknown key": Case(
        MARKET,
        "      x-kraken-danger: none\n",
        "      x-kraken-danger: none\n      x-kraken-colour: red\n",
        (
            (
                "x-kraken-colour",
                "x-kraken-colour: unknown key; allowed: x-kraken-auth, x-kraken-permissions, x-kraken-retry, x-kraken-cost, x-kraken-pagination, x-kraken-danger, x-kraken-checked, x-kraken-examples, x-kraken-name, x-kraken-client-order-id, x-kraken-order-ids, x-kraken-exclusive, x-kraken-one-of, x-kraken-row-errors, x-kraken-lists, x-kraken-alias, x-kraken-ticks, x-kraken-rehearsal, x-kraken-amount, x-kraken-found-by, x-kraken-replaced-by, x-kraken-conflict",
            ),
        ),
    ),
    "key in the wrong place": Case(
        MARKET,
        "      x-kraken-danger: none\n",
        "      x-kraken-danger: none\n      x-kraken-unit: seconds\n",
        (
            (
                "x-kraken-unit: seconds\n      x-kraken-checked",
                "x-kraken-unit: does not belong here; allowed: beside a schema, property, parameter",
            ),
        ),
    ),
    "value that is not in the list": Case(
        MARKET,
        "x-kraken-auth: none",
        "x-kraken-auth: maybe",
        (("x-kraken-auth: maybe", "x-kraken-auth: 'maybe'; allowed: none, optional, required"),),
    ),
    "value of the wrong type": Case(
        MARKET,
        "x-kraken-permissions: []",
        "x-kraken-permissions: none",
        (("x-kraken-permissions: none", "x-kraken-permissions: 'none'; allowed: a list"),),
    ),
    "empty text in a list": Case(
        TRADING,
        "x-kraken-permissions: [Create orders]",
        "x-kraken-permissions: ['']",
        (("x-kraken-permissions: ['']", "x-kraken-permissions[0]: is empty; allowed: a text"),),
    ),
    "value that does not fit a pattern": Case(
        MARKET,
        "x-kraken-checked: 2026-01-01",
        "x-kraken-checked: yesterday",
        (("yesterday", "x-kraken-checked: 'yesterday'; allowed: a text like ^\\d{4}-\\d{2}-\\d{2}$"),),
    ),
    "value inside of a key": Case(
        MARKET,
        "{counter: public, cost: 1}",
        "{counter: private, cost: 1}",
        (("counter: private", "counter: 'private'; allowed: none, public, rest, trading, derivatives, history"),),
    ),
    "value without a needed part": Case(
        MARKET,
        "{counter: public, cost: 1}",
        "{counter: public}",
        (("{counter: public}", "x-kraken-cost: cost is missing; allowed: a number"),),
    ),
    "value with an unknown part": Case(
        MARKET,
        "{counter: public, cost: 1}",
        "{counter: public, cost: 1, decay: 2}",
        (
            (
                "decay",
                "x-kraken-cost: decay: unknown key; allowed: counter, cost, ages, per, pair, base, parameter, given, up_to, placed",
            ),
        ),
    ),
    "example without response": Case(
        TRADING,
        '        - {arguments: {}, wire: \'\', response: \'{"error":[],"result":{"ZUSD":"10.5000"}}\'}',
        "        - {arguments: {}, wire: ''}",
        (("- {arguments: {}, wire: ''}", "x-kraken-examples[0]: response is missing; allowed: a text"),),
    ),
    "no examples": Case(
        TRADING,
        '        - {arguments: {}, wire: \'\', response: \'{"error":[],"result":{"ZUSD":"10.5000"}}\'}',
        "        []",
        (("x-kraken-examples:\n        []", "x-kraken-examples: 0 entries; allowed: at least 1"),),
    ),
    "needed key of an operation": Case(
        MARKET,
        "      x-kraken-retry: safe\n",
        "",
        (
            (
                "    get:\n      operationId: getCandles",
                "GET /0/public/Candles: x-kraken-retry is missing; allowed: safe, never",
            ),
        ),
    ),
    "needed key of a channel": Case(
        STREAMS,
        "    x-kraken-kind: channel\n",
        "",
        (("  ticker:", "ticker: x-kraken-kind is missing; allowed: channel, method"),),
    ),
    "needed key of a document": Case(
        MARKET,
        "x-kraken-group: market_data\n",
        "",
        (("", "document: x-kraken-group is missing; allowed: a text like `^[a-z][a-z0-9_]*$`"),),
    ),
    "no envelope": Case(
        MARKET,
        "x-kraken-envelope: spot\n",
        "",
        (("", "document: x-kraken-envelope is missing; allowed: spot, futures, bare"),),
    ),
    "unknown product": Case(
        MARKET,
        "x-kraken-product: spot",
        "x-kraken-product: margin",
        (("x-kraken-product: margin", "x-kraken-product: 'margin'; allowed: spot, futures, unified"),),
    ),
    "page that begins nowhere": Case(
        MARKET,
        "parameter: from_",
        "parameter: start",
        (("x-kraken-pagination", "x-kraken-pagination: no request field 'start'; allowed: from_, interval, pair"),),
    ),
    "page of a size that nobody sets": Case(
        ORDERS,
        "size: count",
        "size: number",
        (
            (
                "x-kraken-pagination:\n        style",
                "x-kraken-pagination: no request field 'number'; allowed: contractType, count, from_, sort, to",
            ),
        ),
    ),
    "order by which nothing continues": Case(
        ORDERS,
        "{argument: sort, value: asc, parameter: from}",
        "{argument: sort, value: asc}",
        (("ascending:", "ascending: parameter is missing; allowed: a text like `^[A-Za-z][A-Za-z0-9_]*$`"),),
    ),
    "cost by what is no argument": Case(
        ORDERS,
        "parameter: count, up_to",
        "parameter: many, up_to",
        (
            (
                "{counter: history",
                "x-kraken-cost: no request field 'many'; allowed: contractType, count, from_, sort, to",
            ),
        ),
    ),
    "base of no list": Case(
        ORDERS,
        "base: 9, cost: 1, per: batch",
        "base: 9, cost: 1",
        (
            (
                "base: 9",
                "x-kraken-cost: per is missing beside base; allowed: a text like `^[A-Za-z][A-Za-z0-9_]*$`",
            ),
        ),
    ),
    "counter that nobody keeps": Case(
        POOLS,
        "history:",
        "market:",
        (("all:", "all: market: unknown key; allowed: rest, trading, derivatives, history, open_orders"),),
    ),
    "end without a day": Case(
        LIFECYCLE,
        "date: '2030-01-02'",
        "date: soon",
        (("x-kraken-end", r"date: 'soon'; allowed: a text like ^\d{4}-\d{2}-\d{2}$"),),
    ),
    "outcome without its word": Case(
        ORDERS,
        "{rows: status, error: word",
        "{rows: status, error: words",
        (("x-kraken-row-errors", "x-kraken-row-errors: the rows of 'status' have no 'words'; allowed: word"),),
    ),
    "lookup by what orders do not have": Case(
        ORDERS,
        "within: [order], id: id, own: ownId",
        "within: [order], id: id, own: mine",
        (("  /orders/send:", "x-kraken-found-by: the rows of 'fills' have no 'order.mine'; allowed: id, ownId, size"),),
    ),
    "field with the name of a schema": Case(
        ORDERS,
        "word: {type: string, description: The word.}",
        "Status: {type: string, description: The word.}",
        (
            (
                "Status: {type",
                "Status: a schema of this document has this name, so that the field would get another one; "
                "allowed: another name of the schema, or x-kraken-name",
            ),
        ),
    ),
    "page without items": Case(
        TRADING,
        "items: open,",
        "items: orders,",
        (("x-kraken-pagination: {", "x-kraken-pagination: the result has no 'orders'; allowed: open, count"),),
    ),
    "cost of elements that there are not": Case(
        TRADING,
        "per: orders",
        "per: rows",
        (("x-kraken-cost: {counter: trading, cost: 1.5", "x-kraken-cost: no request field 'rows'; allowed: orders"),),
    ),
    "ids in rows that there are not": Case(
        TRADING,
        "unless: [userref], rows: orders",
        "unless: [userref], rows: rows",
        (("rows: rows", "x-kraken-client-order-id: no request field 'rows'; allowed: orders"),),
    ),
    "errors in rows that there are not": Case(
        TRADING,
        "{rows: orders, error: error}",
        "{rows: orders, error: reason}",
        (
            (
                "error: reason",
                "x-kraken-row-errors: the rows of 'orders' have no 'reason'; allowed: txid, error",
            ),
        ),
    ),
    "looked up with a call that there is not": Case(
        TRADING,
        "operation: getOpenOrders, argument",
        "operation: getOrders, argument",
        (
            (
                "/0/private/AddOrder:",
                "x-kraken-found-by: no operation 'getOrders'; allowed: getCandles, getAsset, addOrder, addOrderBatch, getBalance, getWebsocketsToken, getOpenOrders, getExport",
            ),
        ),
    ),
    "looked up by an argument that there is not": Case(
        TRADING,
        "argument: cl_ord_id, rows: open",
        "argument: id, rows: open",
        (
            (
                "/0/private/AddOrder:",
                "x-kraken-found-by: get_open_orders has no argument 'id' or no result field 'open'",
            ),
        ),
    ),
    "limit that never falls": Case(
        LIMITS,
        "{maximum: 10, decay: 0.5}",
        "{maximum: 10, decay: 0}",
        (("decay: 0}", "decay: 0; allowed: above 0"),),
    ),
    # ------------------------------------------------------------------ facts of operations and channels
    "no operationId": Case(
        MARKET,
        "      operationId: getCandles\n",
        "",
        (("    get:\n      summary: Get candles.", "GET /0/public/Candles: operationId is missing; allowed: a text"),),
    ),
    "no summary": Case(
        MARKET,
        "      summary: Get candles.\n",
        "",
        (("    get:\n      operationId: getCandles", "GET /0/public/Candles: summary is missing; allowed: a text"),),
    ),
    "empty description": Case(
        MARKET,
        "      description: The last one is still open.\n",
        "      description: ''\n",
        (
            (
                "    get:\n      operationId: getCandles",
                "GET /0/public/Candles: description is missing; allowed: a text",
            ),
        ),
    ),
    "no page": Case(
        MARKET,
        "      externalDocs: {url: https://docs.example.com/get-candles}\n",
        "",
        (
            (
                "    get:\n      operationId: getCandles",
                "GET /0/public/Candles: externalDocs.url is missing; allowed: the address of Kraken's page",
            ),
        ),
    ),
    "no title of a channel": Case(
        STREAMS,
        "    title: Prices as they change.\n",
        "",
        (("  ticker:", "ticker: title is missing; allowed: a text"),),
    ),
    "no description of the group": Case(
        MARKET,
        "  description: Prices for everybody.\n",
        "",
        (("info:", "info: description is missing; allowed: what the group is about"),),
    ),
    "no servers": Case(
        MARKET,
        "servers:\n  - url: https://api.example.com\n",
        "",
        (("", "document: servers is missing; allowed: the address of the exchange"),),
    ),
    "deprecated without a way out": Case(
        MARKET,
        "      x-kraken-replaced-by: get_candles\n",
        "",
        (
            (
                "    get:\n      operationId: getAsset",
                "GET /0/public/Assets/{asset}: deprecated without x-kraken-replaced-by; allowed: what to use instead",
            ),
        ),
    ),
    "order that may be repeated": Case(
        TRADING,
        "x-kraken-retry: never",
        "x-kraken-retry: safe",
        (("x-kraken-retry: safe", "POST /0/private/AddOrder: safe although it trades; allowed: never"),),
    ),
    "no description of a parameter": Case(
        MARKET,
        "          description: Only candles after this time.\n",
        "",
        (("- name: from", "from: description is missing; allowed: what it is, in one sentence or more"),),
    ),
    "no description of a property": Case(
        MARKET,
        "{type: string, description: Its name.}",
        "{type: string}",
        (("name: {type: string}", "name: description is missing; allowed: what it is, in one sentence or more"),),
    ),
    "no description of a schema": Case(
        MARKET,
        "      description: One asset.\n",
        "",
        (("    Asset:", "Asset: description is missing; allowed: what it is, in one sentence or more"),),
    ),
    "no reply for 200": Case(
        MARKET,
        "        '200':\n          description: Candles by pair.",
        "        '404':\n          description: Candles by pair.",
        (
            (
                "      responses:\n        '404'",
                "getCandles: no content for status 200; allowed: application/json with a schema",
            ),
        ),
    ),
    "no content for 200": Case(
        MARKET,
        "          content:\n            application/json:\n              schema:\n                type: object\n                properties:\n                  error: {$ref: 'common.yaml#/components/schemas/Errors'}\n                  result: {$ref: '#/components/schemas/Asset'}\n",
        "",
        (
            (
                "        '200':\n          description: The asset.",
                "getAsset: no content for status 200; allowed: application/json with a schema",
            ),
        ),
    ),
    "no result in the envelope": Case(
        MARKET,
        "                  result: {$ref: '#/components/schemas/Asset'}\n",
        "",
        (
            (
                "        '200':\n          description: The asset.",
                "getAsset: no `result` in the envelope; allowed: an object with error and result",
            ),
        ),
    ),
    "body of another kind": Case(
        TRADING,
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        (
            (
                "      requestBody:\n        required: true\n        content:\n          multipart",
                "requestBody: multipart/form-data; allowed: one of application/x-www-form-urlencoded, application/json",
            ),
        ),
    ),
    # ------------------------------------------------------------------ schemas
    "bare number": Case(
        MARKET,
        "{type: number, format: decimal, description: Share that counts as collateral.}",
        "{type: number, description: Share that counts as collateral.}",
        (("Share that counts", "collateral: number without format; allowed: decimal, or type integer"),),
    ),
    "unknown format": Case(
        MARKET,
        "format: decimal, description: Share",
        "format: double, description: Share",
        (("format: double", "collateral: format 'double' of a value of type number; allowed: decimal"),),
    ),
    "format of a type that has none": Case(
        TRADING,
        "validate: {type: boolean,",
        "validate: {type: boolean, format: yes-no,",
        (("format: yes-no", "validate: format 'yes-no' of a value of type boolean; allowed: none"),),
    ),
    "no type": Case(
        MARKET,
        "{type: string, description: Its name.}",
        "{description: Its name.}",
        (
            (
                "{description: Its name.}",
                "name: type is missing; allowed: string, integer, number, boolean, array, object, or one of $ref, const, anyOf, oneOf",
            ),
        ),
    ),
    "true as a schema": Case(
        MARKET,
        "items: {type: string}",
        "items: true",
        (
            ("items: true", "items: true as a schema; allowed: an object with a type"),
            ("items: true", "schema: array without items; allowed: the schema of an item"),
        ),
    ),
    "list of anything": Case(
        TRADING,
        "txid: {type: array, items: {type: string},",
        "txid: {type: array,",
        (("txid: {type: array,", "txid: array without items; allowed: the schema of an item"),),
    ),
    "default": Case(
        TRADING,
        "validate: {type: boolean,",
        "validate: {type: boolean, default: false,",
        (("default: false", "validate: default; allowed: a sentence in the description"),),
    ),
    "enum that is neither open nor closed": Case(
        MARKET,
        "enum: [1, 60], x-kraken-enum: closed",
        "enum: [1, 60]",
        (("enum: [1, 60]", "schema: enum without x-kraken-enum; allowed: open (responses), closed (requests)"),),
    ),
    "open without values": Case(
        MARKET,
        "          enum: [enabled, disabled]\n",
        "",
        (
            (
                "x-kraken-enum: open\n          description: What can",
                "status: x-kraken-enum without enum; allowed: a list of values",
            ),
        ),
    ),
    "anonymous object": Case(
        MARKET,
        "note: {type: [string, 'null'], description: A remark.}",
        "note: {type: object, properties: {by: {type: string, description: Who.}}, description: A remark.}",
        (("note: {type: object", "note: object schema without a name; allowed: a $ref into components/schemas"),),
    ),
    "more names than items": Case(
        MARKET,
        "x-kraken-row: [time, close, volume, trades]",
        "x-kraken-row: [time, close, volume, trades, more]",
        (("trades, more]", "Candle: 5 names for 4 prefixItems; allowed: one name per item"),),
    ),
    "items without names": Case(
        MARKET,
        "      x-kraken-row: [time, close, volume, trades]\n",
        "",
        (("    Candle:", "Candle: prefixItems without x-kraken-row; allowed: the names of the items"),),
    ),
    "rows without entries": Case(
        MARKET,
        "      additionalProperties: {type: array, items: {$ref: '#/components/schemas/Candle'}}\n",
        "",
        (
            (
                "x-kraken-rows: candles",
                "Candles: x-kraken-rows without additionalProperties; allowed: the schema of an entry",
            ),
        ),
    ),
    "needed property that is not there": Case(
        MARKET,
        "required: [name, status]",
        "required: [name, state]",
        (("required: [name, state]", "required: no property 'state'; allowed: name, status, collateral, note, class"),),
    ),
    "name of a schema": Case(
        TRADING,
        "    AddedOrder:",
        "    added_order: {type: string, description: A text.}\n    AddedOrder:",
        (("    added_order:", "added_order: name of a schema; allowed: words with capital initials, joined"),),
    ),
    "name that generated code uses": Case(
        TRADING,
        "    AddedOrder:",
        "    Options: {type: string, description: A text.}\n    AddedOrder:",
        (("    Options:", "Options: generated code has something else of this name; allowed: another name"),),
    ),
    "name that Python cannot have": Case(
        TRADING,
        "          x-kraken-name: close_price\n",
        "",
        (("'close[price]':", "close[price]: cannot be a Python name here; allowed: x-kraken-name with another name"),),
    ),
    "name that is taken": Case(
        TRADING,
        "x-kraken-name: close_price",
        "x-kraken-name: price",
        (
            (
                "    post:\n      operationId: addOrder",
                "price: two arguments have this name; allowed: x-kraken-name with another name",
            ),
        ),
    ),
    "name of every call's argument": Case(
        MARKET,
        "- name: interval",
        "- name: options",
        (
            (
                "    get:\n      operationId: getCandles",
                "options: two arguments have this name; allowed: x-kraken-name with another name",
            ),
        ),
    ),
    "schema in request and response": Case(
        TRADING,
        "items: {$ref: '#/components/schemas/AddedRow'}",
        "items: {$ref: '#/components/schemas/BatchOrder'}",
        (
            ("    BatchOrder:", "BatchOrder: used in a request and in a response; allowed: one schema for each"),
            (
                "x-kraken-row-errors",
                "x-kraken-row-errors: the rows of 'orders' have no 'error'; allowed: type, volume, cl_ord_id, userref",
            ),
        ),
    ),
    "pace by a parameter that is not there": Case(
        STREAMS,
        "x-kraken-unsubscribe: [symbol]",
        "x-kraken-unsubscribe: [symbol]\n    x-kraken-pace: {parameter: depth, costs: {'10': 5}, unless_given: 5, per_second: 200}",
        (
            (
                "x-kraken-pace",
                "x-kraken-pace: no parameter 'depth'; allowed: symbol, snapshot",
            ),
        ),
    ),
    "row error of a method without rows": Case(
        STREAMS,
        "x-kraken-one-of: [[order_id, cl_ord_id]]",
        "x-kraken-one-of: [[order_id, cl_ord_id]]\n    x-kraken-row-errors: {error: error}",
        (
            (
                "x-kraken-row-errors",
                "x-kraken-row-errors: the rows of the result have no 'error'",
            ),
        ),
    ),
    # ------------------------------------------------------------------ names that must exist, or be the only ones
    "order id that is no field": Case(
        TRADING,
        "x-kraken-order-ids: [cl_ord_id, userref]",
        "x-kraken-order-ids: [order_id]",
        (
            (
                "x-kraken-order-ids: [order_id]",
                "x-kraken-order-ids: no request field 'order_id'; allowed: cl_ord_id, close_price, cost, deadline, oflags, pair, price, type, userref, validate, volume",
            ),
        ),
    ),
    "exclusive with what is no field": Case(
        TRADING,
        "x-kraken-exclusive: [[cl_ord_id, userref]]",
        "x-kraken-exclusive: [[cl_ord_id, user]]",
        (
            (
                "x-kraken-exclusive: [[cl_ord_id, user]]",
                "x-kraken-exclusive: no request field 'user'; allowed: cl_ord_id, close_price, cost, deadline, oflags, pair, price, type, userref, validate, volume",
            ),
        ),
    ),
    "one of what is no field": Case(
        STREAMS,
        "x-kraken-one-of: [[order_id, cl_ord_id]]",
        "x-kraken-one-of: [[order_id, id]]",
        (
            (
                "x-kraken-one-of: [[order_id, id]]",
                "x-kraken-one-of: no request field 'id'; allowed: cl_ord_id, limit_price, order_id",
            ),
        ),
    ),
    "client order id that is no field": Case(
        TRADING,
        "{field: cl_ord_id, unless: [userref]}",
        "{field: client_id, unless: [userref]}",
        (
            (
                "field: client_id",
                "x-kraken-client-order-id: no request field 'client_id'; allowed: cl_ord_id, close_price, cost, deadline, oflags, pair, price, type, userref, validate, volume",
            ),
        ),
    ),
    "unsubscribe with what is no parameter": Case(
        STREAMS,
        "x-kraken-unsubscribe: [symbol]",
        "x-kraken-unsubscribe: [pair]",
        (("x-kraken-unsubscribe: [pair]", "x-kraken-unsubscribe: no request field 'pair'; allowed: snapshot, symbol"),),
    ),
    "overflow by what is no field": Case(
        STREAMS,
        "key: [symbol]",
        "key: [pair]",
        (("key: [pair]", "x-kraken-overflow: no field 'pair' in an item; allowed: symbol, last, mood, mark, class"),),
    ),
    "token from nowhere": Case(
        STREAMS,
        "x-kraken-token: getWebsocketsToken",
        "x-kraken-token: getToken",
        (
            (
                "x-kraken-token: getToken",
                "x-kraken-token: no operation 'getToken'; allowed: getCandles, getAsset, addOrder, addOrderBatch, getBalance, getWebsocketsToken, getOpenOrders, getExport",
            ),
        ),
    ),
    "private without a token": Case(
        STREAMS,
        "    x-kraken-token: getWebsocketsToken\n",
        "",
        (
            (
                "servers: [{$ref: '#/servers/private'}]",
                "amend_order: private has no token; allowed: a server with x-kraken-token",
            ),
        ),
    ),
    "operationId twice": Case(
        MARKET,
        "operationId: getAsset",
        "operationId: getCandles",
        (
            (
                "operationId: getCandles\n      summary: Get one",
                "getCandles: stands in specs/spot/rest/market_data.yaml:14 too; allowed: one operation of this name",
            ),
        ),
    ),
    "operationId of another group": Case(
        TRADING,
        "operationId: getBalance",
        "operationId: getCandles",
        (
            (
                "operationId: getCandles",
                "getCandles: stands in specs/spot/rest/market_data.yaml:14 too; allowed: one operation of this name",
            ),
        ),
    ),
    "group twice": Case(
        TRADING,
        "x-kraken-group: trading",
        "x-kraken-group: market_data",
        (
            (
                "x-kraken-group: market_data",
                "market_data: stands in specs/spot/rest/market_data.yaml:9 too; allowed: one group of REST operations of this name",
            ),
        ),
    ),
    "method name twice": Case(
        TRADING,
        "x-kraken-name: add_orders",
        "x-kraken-name: add_order",
        (
            (
                "    post:\n      operationId: addOrderBatch",
                "add_order: another operation has this name; allowed: x-kraken-name with another name",
            ),
        ),
    ),
    "address twice": Case(
        STREAMS,
        "address: amend_order",
        "address: ticker",
        (
            (
                "address: ticker\n    title: Change",
                "ticker: stands in specs/spot/websocket/streams.yaml:21 too; allowed: one channel or method of this name",
            ),
        ),
    ),
    # ------------------------------------------------------------------ channels
    "channel without a message": Case(
        STREAMS,
        "      TickerMessage: {$ref: '#/components/messages/TickerMessage'}\n",
        "",
        (("    messages:\n      TickerSub", "ticker: no received message; allowed: one whose name ends with Message"),),
    ),
    "message that does not say whose it is": Case(
        STREAMS,
        "        required: [channel, type, data]\n        properties:\n          channel: {const: ticker}\n",
        "        properties:\n",
        (
            (
                "    TickerMessage:\n      payload",
                "TickerMessage: no payload that says whose it is; allowed: properties with channel: {const: ticker}",
            ),
        ),
    ),
    "nothing acknowledges": Case(
        STREAMS,
        "      TickerSubscribed: {$ref: '#/components/messages/TickerSubscribed'}\n",
        "",
        (
            (
                "    messages:\n      TickerMess",
                "ticker: no message that acknowledges a subscription; allowed: <Name>Subscribed, its payload a $ref to the schema of the same name",
            ),
        ),
    ),
    "certainty of a channel in one word": Case(
        STREAMS,
        "    x-kraken-kind: channel\n",
        "    x-kraken-kind: channel\n    x-kraken-certainty: implied\n",
        (
            (
                "x-kraken-certainty: implied",
                "x-kraken-certainty: implied; allowed: an object with sent and received",
            ),
        ),
    ),
    "certainty of half a method": Case(
        STREAMS,
        "    x-kraken-kind: method\n",
        "    x-kraken-kind: method\n    x-kraken-certainty: {received: seen}\n",
        (
            (
                "x-kraken-certainty: {received: seen}",
                "x-kraken-certainty: sent is missing; allowed: documented, seen, implied",
            ),
        ),
    ),
    "unknown certainty": Case(
        STREAMS,
        "    TickerSubscription:\n",
        "    TickerSubscription:\n      x-kraken-certainty: hoped\n",
        (
            (
                "x-kraken-certainty: hoped",
                "x-kraken-certainty: 'hoped'; allowed: documented, seen, implied",
            ),
        ),
    ),
    # ------------------------------------------------------------------ the error table
    "unknown category": Case(
        ERRORS,
        "    category: service\n",
        "    category: weather\n",
        (("category: weather", "EService:Busy: category 'weather'; allowed: service, order"),),
    ),
    "code twice": Case(
        ERRORS,
        "code: EOrder:Insufficient funds",
        "code: EService:Busy",
        (
            (
                "code: EService:Busy\n    match: exact\n    products: [spot, spot_ws]",
                "EService:Busy: stands in line 6 too; allowed: one row per code",
            ),
        ),
    ),
    "error without hint": Case(
        ERRORS,
        "    hint: Wait a moment.\n",
        "",
        (("code: EService:Busy", "errors[0]: hint is missing; allowed: a text"),),
    ),
    "unknown key of an error": Case(
        ERRORS,
        "    hint: Wait a moment.\n",
        "    hint: Wait a moment.\n    colour: red\n",
        (
            (
                "code: EService:Busy",
                "errors[0]: colour: unknown key; allowed: code, match, products, category, exception, retry, meaning, hint",
            ),
        ),
    ),
    "unknown way to match": Case(
        ERRORS, "match: exact", "match: regex", (("match: regex", "match: 'regex'; allowed: exact, prefix"),)
    ),
    "unknown product of an error": Case(
        ERRORS,
        "products: [spot]",
        "products: [margin]",
        (("products: [margin]", "products[0]: 'margin'; allowed: spot, spot_ws, futures, futures_ws, unified_ws"),),
    ),
    "exception that is no class": Case(
        ERRORS,
        "exception: OrderError",
        "exception: order_error",
        (("exception: order_error", "exception: 'order_error'; allowed: a text like ^[A-Z][A-Za-z]+$"),),
    ),
}


def broken(folder: Path, case: Case) -> Path:
    shutil.copytree(GOLDEN / "specs", folder / "specs")
    file = folder / "specs" / case.file
    text = file.read_text("utf-8")
    assert case.old in text
    file.write_text(text.replace(case.old, case.new, 1) if case.old else case.new, encoding="utf-8")
    return folder / "specs"


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_message(case: Case, tmp_path: Path) -> None:
    specs = broken(tmp_path, case)
    text = (specs / case.file).read_text("utf-8")
    expected = [
        f"specs/{case.file}:{text[: text.index(mark)].count(NEWLINE) + 1} {message}" for mark, message in case.says
    ]
    with pytest.raises(SpecError) as caught:
        load_products(specs)
    assert str(caught.value).splitlines() == expected


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    specs = broken(tmp_path, CASES["unknown key"])
    for name in ("no operationId", "unknown category", "no title of a channel"):
        case = CASES[name]
        file = specs / case.file
        file.write_text(file.read_text("utf-8").replace(case.old, case.new, 1), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_products(specs)
    told = [problem.path for problem in caught.value.problems]
    assert told == ["specs/errors.yaml", *["specs/spot/rest/market_data.yaml"] * 2, "specs/spot/websocket/streams.yaml"]


# ---------------------------------------------------------------------------- any edit


def _places(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if at:
        yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if "examples" not in str(key):
            yield from _places(item, (*at, key))


def _read(name: str) -> Any:
    return yaml.load((GOLDEN / "specs" / name).read_text("utf-8"), Loader=yaml.BaseLoader)


FILES = (LIMITS, MARKET, TRADING, STREAMS, ERRORS, POOLS, ORDERS, LIFECYCLE)
PLACES = [(name, at) for name in FILES for at in _places(_read(name))]
VALUES = st.sampled_from([None, True, 17, "", "zzz", "get", [], {}, ["zzz"], {"type": "string"}, {"$ref": "#/info"}])


@pytest.fixture(scope="module")
def editable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    specs = tmp_path_factory.mktemp("edited") / "specs"
    shutil.copytree(GOLDEN / "specs", specs)
    return specs


def _edit(specs: Path, place: tuple[str, tuple[str | int, ...]], value: Any, delete: bool) -> None:
    name, at = place
    document = parent = _typed(name)
    for part in at[:-1]:
        parent = parent[part]
    if delete:
        del parent[at[-1]]
    else:
        parent[at[-1]] = value
    (specs / name).write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def _typed(name: str) -> Any:
    """A spec with numbers and booleans, and its dates as text."""
    text = (GOLDEN / "specs" / name).read_text("utf-8").replace("2026-01-01", "'2026-01-01'")
    return yaml.safe_load(text)


@settings(max_examples=25)
@given(place=st.sampled_from(PLACES), value=VALUES, delete=st.booleans())
def test_any_edit_is_fine_or_told(
    editable: Path, place: tuple[str, tuple[str | int, ...]], value: Any, delete: bool
) -> None:
    """Whatever is done to a spec: it builds, or the mistake is named with file and line; it never ends in a traceback."""
    _edit(editable, place, value, delete)
    try:
        load_products(editable)
    except SpecError as error:
        for problem in error.problems:
            lines = (editable / problem.path.removeprefix("specs/")).read_text("utf-8").splitlines()
            assert 1 <= problem.line <= len(lines)
            assert problem.what
    finally:
        shutil.copy(GOLDEN / "specs" / place[0], editable / place[0])


@settings(max_examples=6)
@given(place=st.sampled_from(PLACES))
def test_what_can_be_left_out_gives_working_code(editable: Path, place: tuple[str, tuple[str | int, ...]]) -> None:
    """Code from a spec in which nothing is found is code that Python and the formatter can read."""
    _edit(editable, place, None, delete=True)
    try:
        files = generate(editable).code
    except SpecError:
        return
    finally:
        shutil.copy(GOLDEN / "specs" / place[0], editable / place[0])
    for name, text in files.items():
        compile(text, name, "exec")
