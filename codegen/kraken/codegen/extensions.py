"""Every ``x-kraken-*`` key of the specs: where it may stand, what it may hold, what it means.

This table is the only list. The checker validates documents against it, the reference page
``docs/spec-keys.md`` is rendered from it, and a key that is not in it is an error.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Json = dict[str, Any]


class Extension(NamedTuple):
    """One ``x-kraken-*`` key."""

    key: str
    places: tuple[str, ...]
    """Where it may stand: document, server, operation, channel, parameter, property or schema."""
    value: Json
    """JSON Schema of its value."""
    meaning: str
    required: bool = False
    """Whether every such place must have it (documents without paths or channels are exempt)."""


def _enum(*values: str) -> Json:
    return {"type": "string", "enum": list(values)}


_TEXT: Json = {"type": "string", "minLength": 1}
_TEXTS: Json = {"type": "array", "items": _TEXT}
_NAME: Json = {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_]*$"}
_GROUP: Json = {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"}
_PATH: Json = {"type": "string", "pattern": r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*$"}
"""A field, or one inside of it: `order.cliOrdId`."""
_STEPS: Json = {
    "type": "array",
    "items": {"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}], "minItems": 2, "maxItems": 2},
}

_CERTAINTY: Json = _enum("documented", "seen", "implied")


_COUNTER: Json = {
    "type": "object",
    "required": ["maximum"],
    "additionalProperties": False,
    "properties": {
        "maximum": {"type": "number"},
        "decay": {"type": "number", "exclusiveMinimum": 0},
        "window": {"type": "number", "exclusiveMinimum": 0},
    },
    "minProperties": 2,
    "maxProperties": 2,
}

_WORDS: Json = {"type": "object", "additionalProperties": _TEXT, "minProperties": 1}
_VALUE: Json = {"type": ["string", "boolean"], "minLength": 1}
_VALUES: Json = {"type": "array", "items": _VALUE, "minItems": 1}


def _object(required: Json, optional: Json | None = None) -> Json:
    """An object that has nothing else."""
    return {
        "type": "object",
        "required": list(required),
        "additionalProperties": False,
        "properties": {**required, **(optional or {})},
    }


_ANSWERS: Json = _object({"accepted": _TEXTS, "refused": _TEXTS})

_TAKEN: Json = _object(
    {"field": {"anyOf": [{"const": "@key"}, _PATH]}},
    {"values": {**_WORDS, "additionalProperties": _VALUE}, "spelling": _enum("symbol")},
)
_LOOKUP: Json = _object(
    {"operation": _TEXT, "fields": {"type": "object", "additionalProperties": _TAKEN, "minProperties": 1}},
    {
        "argument": _NAME,
        "arguments": {"type": "object"},
        "key": _PATH,
        "told": {"type": "object", "additionalProperties": _VALUE, "minProperties": 1},
    },
)
_STATE: Json = _object(
    {"name": _TEXT, "description": _TEXT, "without": {"type": "array", "items": _NAME}}, {"descriptions": _WORDS}
)
_SUBSCRIBED: Json = {"channel": _NAME, "subscribe": {"type": "object"}}
COUNTERS = ("rest", "trading", "derivatives", "history")
"""Rate-limit counters that a client keeps; `trading` stands once per pair."""

LISTS = ("pairs", "assets", "contracts")
"""What can be listed as a whole."""

EXTENSIONS: tuple[Extension, ...] = (
    # ------------------------------------------------------------------ documents
    Extension(
        "x-kraken-product",
        ("document",),
        _enum("spot", "futures", "unified"),
        "The product that the document belongs to; it becomes the package `kraken.<product>`.",
        True,
    ),
    Extension(
        "x-kraken-group",
        ("document",),
        _GROUP,
        "Kraken's own documentation section in snake case; for REST it becomes the attribute of the client.",
        True,
    ),
    Extension(
        "x-kraken-signing",
        ("document",),
        _enum("spot", "spot-funding", "futures"),
        "How signed requests are signed; `spot` when left out. `spot-funding` carries nonce and one-time password in headers.",
    ),
    Extension(
        "x-kraken-tiers",
        ("document",),
        {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": False,
                "properties": {
                    **dict.fromkeys(COUNTERS, _COUNTER),
                    "open_orders": {"type": "integer", "minimum": 1},
                },
            },
        },
        "The rate limits of each verification tier: how high the counters may stand, by how much they fall per second (`decay`) or after how "
        "many seconds each cost is given back (`window`), and how many orders may be open on a pair. A product with one tier has it "
        "for all accounts.",
    ),
    Extension(
        "x-kraken-end",
        ("document",),
        {
            "type": "object",
            "required": ["paths", "date", "replaced_by"],
            "additionalProperties": False,
            "properties": {
                "paths": {"type": "string", "pattern": "^/"},
                "date": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
                "replaced_by": _TEXT,
            },
        },
        "The day on which Kraken switches off everything of the product whose path begins so, and what takes its place.",
    ),
    Extension(
        "x-kraken-account",
        ("document",),
        _object(
            {
                "orders": _object(
                    {
                        **_SUBSCRIBED,
                        "state": _STATE,
                        "key": _NAME,
                        "client_key": _NAME,
                        "status": _NAME,
                        "closed": _VALUES,
                        "event": _NAME,
                        "time": _NAME,
                        "ended": _LOOKUP,
                    },
                    {
                        "further": {"type": "array", "items": _LOOKUP, "minItems": 1},
                        "inside": _NAME,
                        "open": _VALUE,
                        "unknown": {"type": "array", "items": _NAME, "minItems": 1},
                    },
                ),
                "fills": {
                    "anyOf": [
                        _object({"events": {**_TEXTS, "minItems": 1}, "key": _NAME, "missed": _LOOKUP}),
                        _object({**_SUBSCRIBED, "key": _NAME, "order": _NAME, "time": _NAME, "missed": _LOOKUP}),
                    ]
                },
                "balances": {
                    "anyOf": [
                        _object(
                            {
                                **_SUBSCRIBED,
                                "state": _STATE,
                                "key": _NAME,
                                "amount": _NAME,
                                "wallets": _NAME,
                                "wallet": _WORDS,
                            }
                        ),
                        _object(
                            {**_SUBSCRIBED, "state": _STATE, "maps": {"type": "array", "items": _NAME, "minItems": 1}}
                        ),
                    ]
                },
            },
            {"positions": _object({**_SUBSCRIBED, "key": _NAME})},
        ),
        "What the state of an account is put together from. `orders`: the channel and what it must be subscribed with; the struct of an "
        "order's `state`, which has the fields of an item `without` those of one fill, and `descriptions` of its own where they say something else there; the fields with the order's `key`, the client's own "
        "key, the `status`, the `event` and its `time`; the statuses of `closed` orders; the call that tells how orders `ended`, by their ids or since a moment, and `further` ones for the rest; where updates are of another form, the field that the order "
        "stands `inside` of; the status of the `open` orders of a snapshot that has none; what else is `unknown` of an order that vanished. "
        "`fills`: the `events` of orders "
        "that are fills, or a channel of their own with the fields of their `order` and `time`; the field with the fill's `key`, the call that gives "
        "the `missed` ones since a moment, or all, the newest first, where it has no `argument`. "
        "`balances`: likewise; `amount` is the total in a snapshot and that of one wallet in an update, `wallet` the fields that name a "
        "wallet in a snapshot with those of an update. Or they are told as one, of which an update has the parts that changed: then its `maps`, empty "
        "until told. `positions`: the channel that lists all of them each time, and the field with the contract; with it the balances are told as one. "
        "Of a call: the `key` of an entry where they are a list; what is `told` by an entry being there. Its `fields`: the item's field, and the result's (`@key` for the key of "
        "an entry), with the item's `values` for the result's where they differ; Unix times become text, and a pair's name the `symbol`.",
    ),
    Extension(
        "x-kraken-envelope",
        ("document",),
        _enum("spot", "futures", "bare"),
        "How replies are wrapped: `spot` is `{error, result}`, `futures` is `{result, serverTime, ...}`, `bare` is not wrapped. "
        "Only for REST.",
        True,
    ),
    # ------------------------------------------------------------------ operations, channels and methods
    Extension(
        "x-kraken-auth",
        ("operation", "channel"),
        _enum("none", "optional", "required"),
        "Whether the request is signed (REST) or carries a token (WebSocket).",
        True,
    ),
    Extension(
        "x-kraken-permissions",
        ("operation", "channel"),
        _TEXTS,
        "API key permissions, in Kraken's words. Alternatives stand in one text, joined by ` or `.",
        True,
    ),
    Extension(
        "x-kraken-retry",
        ("operation",),
        _enum("safe", "never"),
        "Whether the same request may be sent again by the client after a lost reply or a passing fault.",
        True,
    ),
    Extension(
        "x-kraken-cost",
        ("operation",),
        {
            "type": "object",
            "required": ["counter", "cost"],
            "additionalProperties": False,
            "properties": {
                "counter": _enum("none", "public", *COUNTERS),
                "cost": {"type": "number", "minimum": 0},
                "ages": _STEPS,
                "per": _NAME,
                "pair": _NAME,
                "base": {"type": "number", "minimum": 0},
                "parameter": _NAME,
                "given": {"type": "number", "minimum": 0},
                "up_to": _STEPS,
                "placed": {"type": "array", "items": _NAME, "minItems": 1},
            },
            "dependentRequired": {"base": ["per"], "given": ["parameter"], "up_to": ["parameter"]},
        },
        "Which rate-limit counter a call is charged to, and how much. `ages` adds a cost by the age of the order that is changed: pairs "
        "of seconds and cost, the first age above the order's counts. `per` names the list of which every element is charged, on top of `base`, `pair` "
        "the argument that tells whose counter it is. With a `parameter` the cost is another one when it is `given`, or that of the first step of "
        "`up_to` (pairs of value and cost) that reaches its value. `placed` is the path to the ids of new orders in the result.",
        True,
    ),
    Extension(
        "x-kraken-pagination",
        ("operation",),
        {
            "anyOf": [
                {"const": "none"},
                {
                    "type": "object",
                    "required": ["style", "parameter", "items"],
                    "additionalProperties": False,
                    "properties": {
                        "style": _enum("since", "offset", "cursor", "last"),
                        "parameter": _NAME,
                        "items": {"type": "string"},
                        "next": _TEXT,
                        "header": _TEXT,
                        "first": {"type": ["string", "integer", "boolean"]},
                        "id": _TEXT,
                        "total": _NAME,
                        "page_size": {"type": "integer", "minimum": 1},
                        "size": _NAME,
                        "more": _PATH,
                        "step": {"type": "integer"},
                        "divide": {"type": "integer", "minimum": 2},
                        "ascending": {
                            "type": "object",
                            "required": ["argument", "value", "parameter"],
                            "additionalProperties": False,
                            "properties": {"argument": _NAME, "value": _TEXT, "parameter": _NAME},
                        },
                        "alone": {"type": "boolean"},
                    },
                },
            ]
        },
        "How further pages are asked for: the request `parameter` that continues; where the `items` are in the result (`` for the "
        "result itself, a field, `*` for the entry of a map with `x-kraken-rows`, or `@page` when a page is one item); where the value for "
        "the `next` page is: a field of the result (`since`, `cursor`; or the `header` of the reply where the field is missing), or of "
        "the last item (`last`, where a list gives its last element), to which `step` is added, for a time in milliseconds, after it was "
        "divided by `divide`; what to send for the `first` page where that must be said; the item's field that tells items apart "
        "(`id`; `@key` for the key of a map, `@item` for the whole item); the `total` over all pages; whether there is `more`; "
        "`page_size`, and the argument that sets it (`size`); what continues instead when items come in `ascending` order, with the opposite "
        "step; and `alone` when the parameter must be sent without any filter. A field may be one inside of others: `result.more`.",
        True,
    ),
    Extension(
        "x-kraken-danger",
        ("operation", "channel"),
        _enum("none", "trades", "cancels", "withdraws", "transfers"),
        "What a call does to the account that cannot be undone.",
        True,
    ),
    Extension(
        "x-kraken-checked",
        ("operation", "channel"),
        {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
        "The day on which the facts were last compared with Kraken's page.",
        True,
    ),
    Extension(
        "x-kraken-examples",
        ("operation",),
        {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["arguments", "wire", "response"],
                "additionalProperties": False,
                "properties": {
                    "summary": _TEXT,
                    "arguments": {"type": "object"},
                    "wire": {"type": "string"},
                    "response": _TEXT,
                    "raises": _TEXT,
                },
            },
        },
        "Canned exchanges: `arguments` of the Python method, the query string or form body on the `wire` without nonce, "
        "and the exact text of the `response`; `raises` names the exception when the response is an error.",
        True,
    ),
    Extension(
        "x-kraken-name",
        ("operation", "parameter", "property"),
        _NAME,
        "The Python name, where the wire name is not one (`close[ordertype]`) or reads badly.",
    ),
    Extension(
        "x-kraken-client-order-id",
        ("operation", "channel"),
        {
            "type": "object",
            "required": ["field", "unless"],
            "additionalProperties": False,
            "properties": {
                "field": _NAME,
                "unless": {"type": "array", "items": _NAME},
                "rows": _NAME,
                "where": {"type": "object", "additionalProperties": _TEXT, "minProperties": 1, "maxProperties": 1},
            },
        },
        "The client allocates this order id before sending, unless one of the other fields is given; `rows` names the list of "
        "which every element gets one, or only those `where` a field has a value.",
    ),
    Extension(
        "x-kraken-order-ids",
        ("operation", "channel"),
        {"type": "array", "items": _NAME},
        "Request fields that identify the order; they are repeated in `OrderStateUnknown`.",
    ),
    Extension(
        "x-kraken-exclusive",
        ("operation", "channel"),
        {"type": "array", "items": {"type": "array", "items": _NAME, "minItems": 2}},
        "Groups of request fields of which at most one may be given.",
    ),
    Extension(
        "x-kraken-one-of",
        ("operation", "channel"),
        {"type": "array", "items": {"type": "array", "items": _NAME, "minItems": 2}},
        "Groups of request fields of which at least one must be given.",
    ),
    Extension(
        "x-kraken-row-errors",
        ("operation", "channel"),
        {
            "type": "object",
            "required": ["error"],
            "additionalProperties": False,
            "properties": {"rows": _NAME, "error": _NAME, "unless": {"type": "array", "items": _TEXT, "minItems": 1}},
        },
        "A reply that says row by row what failed: the result's list of `rows` (the result itself when left out), and the field of a row that "
        "holds its `error`, `unless` its text is one of these. Rows of a list show it as `exception`; that of a single object is raised.",
    ),
    Extension(
        "x-kraken-lists",
        ("operation",),
        _enum(*LISTS),
        "The call that lists all pairs, assets or contracts, for finding them by any of Kraken's spellings.",
    ),
    Extension(
        "x-kraken-completes",
        ("document",),
        {
            "type": "object",
            "additionalProperties": _enum("pairs", "symbols", "assets", "contracts"),
            "minProperties": 1,
        },
        "Request fields of the product by name, and what a shell completes them with: `pairs` by their short names, the `symbols` of the "
        "WebSocket, `assets` or `contracts`.",
    ),
    Extension(
        "x-kraken-alias",
        ("operation", "channel"),
        {
            "type": "array",
            "minItems": 1,
            "items": _object(
                {"name": {"type": "string", "pattern": "^[a-z][a-z-]*$"}, "help": _TEXT},
                {
                    "example": {"type": "string", "pattern": "^kraken "},
                    "arguments": {"type": "array", "items": _NAME, "minItems": 1},
                    "values": {"type": "object", "minProperties": 1},
                    "defaults": {"type": "object", "minProperties": 1},
                },
            ),
        },
        "Short names on the command line: `kraken NAME`, with an `example` where that is not all of it. The `arguments` that stand there without their names, the `values` of others that the "
        "alias itself gives, and `defaults` of those that need not be given.",
    ),
    Extension(
        "x-kraken-ticks",
        ("operation",),
        _object({"tick": _NAME}, {"argument": _NAME, "rows": _NAME, "name": _NAME}),
        "Where the step of prices is: the field with the `tick`, in the entries of a map, or in the `rows` of the result, where `name` is the "
        "field by which one is found; the `argument` that asks for one alone.",
    ),
    Extension(
        "x-kraken-rehearsal",
        ("operation", "channel"),
        _NAME,
        "The request field by which something is only checked, and not done.",
    ),
    Extension(
        "x-kraken-amount",
        ("operation",),
        _PATH,
        "The request field with the amount that leaves Kraken; the command line has it typed twice. Needed where `x-kraken-danger` is "
        "`withdraws`.",
    ),
    Extension(
        "x-kraken-symbols",
        ("document",),
        {"type": "object", "additionalProperties": _TEXT},
        "Names of assets that the WebSocket spells otherwise: short ones, and Kraken's own of four letters.",
    ),
    Extension(
        "x-kraken-found-by",
        ("operation",),
        {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["operation", "rows"],
                "additionalProperties": False,
                "properties": {
                    "operation": _TEXT,
                    "argument": _NAME,
                    "rows": _NAME,
                    "within": {"type": "array", "items": _PATH, "minItems": 1},
                    "id": _NAME,
                    "own": _NAME,
                },
                "dependentRequired": {"id": ["own"], "own": ["id"], "within": ["id"]},
            },
        },
        "Where an order is looked up by the client order id after its reply was lost, in this order: the operationId; the argument that "
        "takes the id, where there is one; the field of its result that holds orders, by Kraken's id or as a list. Of a list, `id` and `own` "
        "are the fields with Kraken's id and the client order id, in a row or in what may stand `within` it.",
    ),
    Extension(
        "x-kraken-replaced-by",
        ("operation", "channel"),
        _TEXT,
        "What to use instead of a deprecated operation; a channel or method that has it counts as deprecated.",
    ),
    # ------------------------------------------------------------------ documents about a protocol
    Extension(
        "x-kraken-dialect",
        ("document",),
        _object(
            {"verb": _TEXT, "parameters": {"type": "string"}, "number": {"type": "string"}, "channel": _TEXT},
            {
                "ping": {"type": "string"},
                "replies": {"type": "object", "additionalProperties": _ANSWERS, "minProperties": 1},
                "errors": _TEXTS,
                "words": _TEXT,
                "greeting": _TEXT,
                "snapshot": _TEXT,
                "challenge": _object({"verb": _TEXT, "key": _TEXT, "reply": _TEXT, "original": _TEXT, "signed": _TEXT}),
                "keepalive": {"type": "integer", "minimum": 1},
                "heartbeat": _NAME,
                "limits": _object(
                    {
                        "connections": {"type": "integer", "minimum": 1},
                        "requests": {"type": "integer", "minimum": 1},
                        "seconds": {"type": "integer", "minimum": 1},
                    }
                ),
            },
        ),
        "How the WebSocket of a product speaks where it does not speak as Spot's v2. The member of a request that says what is wanted "
        "(`verb`), that with the `parameters` (empty where they stand beside the verb), that with a `number` which replies repeat (empty "
        "where there is none), and that with the `channel`, of requests and of frames. The method that any socket answers (`ping`; empty "
        "where pings of the protocol have to do). Without numbers: the verbs of `replies` to each verb, and of `errors` that do not say what "
        "they refuse; the member of a refusal with its `words`. The verb of the `greeting` after connecting. What is appended to the "
        "channel's name in a `snapshot`. The `challenge` of private requests: its verb, the member with the `key`, that of the `reply` which is "
        "to be signed, and the members with the `original` and the `signed` one. Within how many seconds a ping must be sent (`keepalive`), "
        "and the channel that is a `heartbeat`. `limits`: `connections` at a time, and `requests` within some `seconds` on each.",
    ),
    # ------------------------------------------------------------------ channels and methods
    Extension(
        "x-kraken-certainty",
        ("channel", "schema", "property"),
        {
            "anyOf": [
                _CERTAINTY,
                {
                    "type": "object",
                    "required": ["received"],
                    "additionalProperties": False,
                    "properties": {"sent": _CERTAINTY, "received": _CERTAINTY},
                },
            ]
        },
        "How sure we are: `documented` was read on Kraken's page, `seen` on the wire or in another client's code, `implied` is taken over from "
        "elsewhere by analogy, and marked as experimental in code and docs. Beside a channel or method it is an object that tells of what is "
        "`sent` and of what is `received`; beside a schema it holds for its fields, beside a field for that one. Schemas of other "
        "products have the certainty of the channel that uses them. Needed beside channels and named schemas of the products that have "
        "it at all.",
    ),
    Extension(
        "x-kraken-kind",
        ("channel",),
        _enum("channel", "method"),
        "A `channel` is subscribed to and streams; a `method` is a request with its reply.",
        True,
    ),
    Extension(
        "x-kraken-subscribe",
        ("channel",),
        {"type": "object", "required": ["$ref"], "properties": {"$ref": _TEXT}, "additionalProperties": False},
        "The schema of the subscription parameters, without `channel` and `token`; absent where Kraken pushes unasked.",
    ),
    Extension(
        "x-kraken-unsubscribe",
        ("channel",),
        {"type": "array", "items": _NAME},
        "The subscription parameters that an unsubscribe must repeat.",
    ),
    Extension(
        "x-kraken-overflow",
        ("channel",),
        {
            "type": "object",
            "required": ["policy"],
            "additionalProperties": False,
            "properties": {
                "policy": _enum("keep-latest", "drop-oldest", "never-drop"),
                "key": {"type": "array", "items": _NAME},
            },
        },
        "What a full buffer does for a slow consumer: keep the latest item per `key`, drop the oldest item, or disconnect. Fields of `key` "
        "that are parameters of the subscription too also tell which stream an item belongs to.",
    ),
    Extension(
        "x-kraken-sequence",
        ("channel",),
        {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "properties": {
                "field": _NAME,
                "per": {"type": "array", "items": _NAME, "minItems": 1},
                "first": {"type": "integer", "minimum": 0},
                "gap": _enum("resubscribe", "report"),
            },
        },
        "How frames, or the items in them, are numbered: the `field` with the number (`sequence` when left out), which counts up by one for each "
        "value of the fields `per`, from `first` on (1 when left out), and what a `gap` leads to: the channel is subscribed anew (`resubscribe`, also when left out), or the "
        "gap is only reported, because no snapshot would bring back what is missing. A frame with a `sequence` needs no key.",
    ),
    Extension(
        "x-kraken-pace",
        ("channel",),
        {
            "type": "object",
            "required": ["parameter", "costs", "unless_given", "per_second"],
            "additionalProperties": False,
            "properties": {
                "parameter": _NAME,
                "costs": {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1},
                "unless_given": {"type": "integer", "minimum": 1},
                "per_second": {"type": "integer", "minimum": 1},
                "tiers": {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1},
            },
        },
        "What subscribing costs per symbol, by the value of a parameter or `unless_given` without it, and what may be spent per second; "
        "the client waits where it must. `tiers` may spend more.",
    ),
    Extension(
        "x-kraken-charged-as",
        ("channel",),
        {
            "type": "object",
            "required": ["operation"],
            "additionalProperties": False,
            "properties": {
                "operation": _TEXT,
                "arguments": {"type": "object", "additionalProperties": _NAME},
                "placed": {"type": "array", "items": _NAME, "minItems": 1},
            },
        },
        "The REST `operation` (its id) that a method is charged like; the names of the `arguments` that are called otherwise there, and "
        "where the method's own result holds the ids of new orders (`placed`).",
    ),
    Extension(
        "x-kraken-rate-counter",
        ("channel",),
        {
            "type": "object",
            "required": ["maximum", "value", "pair"],
            "additionalProperties": False,
            "properties": {"maximum": _NAME, "value": _NAME, "pair": _NAME},
        },
        "A channel that tells where the trading counter stands: the field of its acknowledgement with the counter's `maximum`, and the "
        "fields of an item with its `value` and the `pair`.",
    ),
    Extension(
        "x-kraken-wire-examples",
        ("channel",),
        {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "summary": _TEXT,
                    "arguments": {"type": "object"},
                    "request": _TEXT,
                    "responses": _TEXTS,
                    "messages": _TEXTS,
                },
            },
        },
        "Canned exchanges: `arguments` of the Python method, the `request` frame on the wire (without `req_id`; the token is "
        "`TOKEN`), its `responses`, and `messages` that the channel pushes.",
        True,
    ),
    Extension(
        "x-kraken-replies",
        ("channel",),
        {
            "type": "object",
            "required": ["per"],
            "additionalProperties": False,
            "properties": {"per": {"type": "array", "items": _NAME}},
        },
        "A method that answers once per element of these list parameters.",
    ),
    Extension(
        "x-kraken-dead-mans-switch",
        ("channel",),
        _object({"argument": _NAME, "seconds": {"type": "integer", "minimum": 3}, "moment": _NAME}),
        "A method that has all orders cancelled unless it is called again in time: the `argument` that takes the seconds, 0 to switch it "
        "off; how many `seconds` Kraken advises; the result's field with the `moment` at which it fires.",
    ),
    Extension(
        "x-kraken-token",
        ("server",),
        _TEXT,
        "The operationId of the REST call that gives the token for private subscriptions and methods on this server; that of another "
        "product stands behind its name: `spot/getToken`.",
    ),
    Extension(
        "x-kraken-connect-budget",
        ("server",),
        {
            "type": "object",
            "required": ["attempts", "seconds"],
            "additionalProperties": False,
            "properties": {"attempts": {"type": "integer"}, "seconds": {"type": "integer"}},
        },
        "How many connection attempts Kraken allows within a time; the client keeps below.",
    ),
    Extension(
        "x-kraken-sandbox",
        ("server",),
        {"const": True},
        "Kraken's test environment, for clients that are made with `sandbox=True`.",
    ),
    Extension(
        "x-kraken-idle-close",
        ("server",),
        {
            "type": "object",
            "required": ["seconds", "kept_by"],
            "additionalProperties": False,
            "properties": {"seconds": {"type": "integer", "minimum": 1}, "kept_by": _enum("requests", "subscriptions")},
        },
        "After how long Kraken closes a connection on which nothing is subscribed; whether any request keeps it open for "
        "that time, or `subscriptions` only.",
    ),
    Extension(
        "x-kraken-sandbox",
        ("server",),
        {"const": True},
        "Kraken's test environment, for clients that are made with `sandbox=True`.",
    ),
    Extension(
        "x-kraken-on-demand",
        ("server",),
        {"const": True},
        "The client connects to it when it is first needed, not when the client is started.",
    ),
    # ------------------------------------------------------------------ schemas and fields
    Extension(
        "x-kraken-enum",
        ("schema", "property", "parameter"),
        _enum("open", "closed"),
        "Whether Kraken may add values: responses are `open` (unknown values pass through), requests `closed`. Beside every `enum`.",
    ),
    Extension(
        "x-kraken-items",
        ("schema",),
        _NAME,
        "The member of a frame that holds its items, a list or a single one; without it the frame is its only item.",
    ),
    Extension(
        "x-kraken-row",
        ("schema",),
        {"type": "array", "items": _NAME, "minItems": 1},
        "Field names of a positional array, in the order of its `prefixItems`; it becomes a named tuple.",
    ),
    Extension(
        "x-kraken-lazy",
        ("schema",),
        {"const": True},
        "Lists of this row are made into rows when somebody asks for one: large tables that few look at.",
    ),
    Extension(
        "x-kraken-rows",
        ("schema",),
        _NAME,
        "The attribute that holds the entries of a map which has other keys beside them (`last`).",
    ),
    Extension(
        "x-kraken-unit",
        ("schema", "property", "parameter"),
        _TEXT,
        "The unit of a number, for the docstrings: `base currency`, `Unix seconds` ...",
    ),
    Extension(
        "x-kraken-secret",
        ("property",),
        {"const": True},
        "A received field that must not be shown: it is left out of `repr`.",
    ),
    Extension(
        "x-kraken-conflict",
        ("operation", "channel", "schema", "property", "parameter"),
        _TEXT,
        "Where sources disagree: who says what, what was chosen and why. One generated page lists them all.",
    ),
)

BY_KEY: dict[str, Extension] = {extension.key: extension for extension in EXTENSIONS}

FORMATS: dict[str, tuple[str, ...]] = {
    "number": ("decimal",),
    "integer": ("int64",),
    "string": ("decimal", "signed-decimal", "relative-price", "date-time", "uuid", "client-order-id", "binary"),
}
"""Formats that a schema may have, by type. A `number` must have one: a bare number would become a float."""
