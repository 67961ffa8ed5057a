"""The intermediate representation: what the specs say, resolved and typed, ready to be rendered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

Json = dict[str, Any]


@dataclass(frozen=True)
class PyType:
    """A Python type as source text, and the generated classes that it names."""

    text: str
    classes: frozenset[tuple[str, str]] = frozenset()
    """Pairs of module and class name."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Field:
    """One parameter of an operation, subscription or method."""

    name: str
    wire: str
    type: PyType
    required: bool
    description: str
    unit: str = ""
    deprecated: bool = False
    is_list: bool = False
    is_deep: bool = False
    """Whether its members travel as `name[member]`."""
    is_repeated: bool = False
    """Whether every element of the list travels as a parameter of its own."""
    place: str = "body"
    """`path`, `query` or `body`."""
    is_json: bool = False
    """Whether it travels as JSON text among others that do not."""
    packed: str = ""
    """The parameter in which it travels, together with others, as JSON text."""
    kind: str = "text"
    """What a command line takes: `text`, `integer`, `decimal`, `boolean`, `time`, `price` or `json`, or several with `or` between."""
    choices: tuple[str, ...] = ()
    """What is allowed, if that can be listed."""

    @property
    def attribute(self) -> str:
        """Its name in the model."""
        return attribute(self.name)


@dataclass(frozen=True)
class Row:
    """A positional array, rendered as a named tuple."""

    name: str
    description: str
    fields: tuple[Field, ...]
    times: tuple[tuple[str, int], ...] = ()
    """Fields that are moments: name and units per second."""
    is_lazy: bool = False
    """Whether lists of it become rows when somebody asks for one."""


@dataclass(frozen=True)
class Example:
    """One canned exchange."""

    arguments: Json
    wire: str
    response: str
    summary: str = ""
    raises: str = ""


@dataclass(frozen=True)
class Alias:
    """A short name on the command line."""

    name: str
    help: str
    example: str = ""
    arguments: tuple[str, ...] = ()
    """Arguments that are given without their options' names."""
    values: Json = field(default_factory=dict)
    """Arguments that the alias itself gives."""
    defaults: Json = field(default_factory=dict)
    """Arguments that it gives unless they are given."""


@dataclass(frozen=True)
class Operation:
    """One REST endpoint."""

    product: str
    group: str
    name: str
    operation_id: str
    method: str
    path: str
    envelope: str
    auth: str
    permissions: tuple[str, ...]
    retry: str
    counter: str
    cost: float
    pagination: Json | None
    """How further pages are asked for; None for a result that is whole."""
    danger: str
    encoding: str
    """How arguments travel: `query`, `form` or `json`."""
    summary: str
    description: str
    url: str
    fields: tuple[Field, ...]
    result: PyType
    result_model: str
    """What the result is checked against; differs from its type where that does not say how decimals travel."""
    result_description: str
    examples: tuple[Example, ...]
    client_order_id: str = ""
    client_order_id_unless: tuple[str, ...] = ()
    client_order_id_rows: str = ""
    client_order_id_where: tuple[str, ...] = ()
    outcome: Json | None = None
    """Where the result says that the request was refused all the same."""
    order_ids: tuple[str, ...] = ()
    exclusive: tuple[tuple[str, ...], ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()
    deprecated: bool = False
    replaced_by: str = ""
    page_item: PyType | None = None
    """Type of one item of all pages."""
    ages: tuple[tuple[float, float], ...] = ()
    """Further cost by the age of the order: seconds and cost."""
    per: str = ""
    """The list argument of which every element is charged."""
    pair: str = ""
    """The argument that names the pair whose counter is charged."""
    base: float = 0
    """What a call is charged besides its elements."""
    prices: Json | None = None
    """How the cost depends on an argument."""
    placed: tuple[str, ...] = ()
    """Where the result holds the ids of orders that it placed."""
    signing: str = "spot"
    binary: bool = False
    """Whether the result is a file."""
    found_by: tuple[Json, ...] = ()
    """Where an order is looked up by its client order id."""
    amount: str = ""
    """The argument with the amount that leaves the account."""
    lists: str = ""
    """`pairs`, `assets` or `contracts` if it lists all of them."""
    aliases: tuple[Alias, ...] = ()
    rehearsal: str = ""
    """The argument by which it is only checked."""
    source: str = ""
    """Name of the document."""

    @property
    def constant(self) -> str:
        return self.name.upper()

    @property
    def iterator(self) -> str:
        """Name of the method that iterates over all pages."""
        return "iter_" + self.name.removeprefix("get_").removeprefix("list_")

    @property
    def page_fields(self) -> tuple[Field, ...]:
        """The arguments of the iterator; Kraken's own `cursor` is that of the iterator."""
        return tuple(field for field in self.fields if field.name != "cursor")

    @property
    def request(self) -> str:
        """Name of the model that checks the arguments."""
        return pascal(self.name) + "Request"


class Certainty(NamedTuple):
    """How sure we are of a channel or method: `documented`, `seen` or `implied`."""

    sent: str
    received: str

    def implied(self, sent: str, received: str) -> str:
        """What is only implied, in words given for both parts; empty when nothing is."""
        words = [word for word, part in ((sent, self.sent), (received, self.received)) if part == "implied"]
        return " and ".join(words)


CERTAIN = Certainty("documented", "documented")


@dataclass(frozen=True)
class Channel:
    """One WebSocket channel that streams."""

    product: str
    group: str
    name: str
    socket: str
    auth: str
    permissions: tuple[str, ...]
    danger: str
    title: str
    description: str
    url: str
    message: str
    """Name of the frame's struct."""
    item: PyType
    """Type of one item of the frame's data; the frame itself where it has none."""
    data: PyType | None
    """Type of the frame's data."""
    frame_fields: tuple[tuple[str, str], ...]
    """Further members of the frame: name and type text."""
    policy: str
    key: tuple[str, ...]
    subscription: str = ""
    """Name of the model that checks the parameters; empty where Kraken pushes unasked."""
    subscribed: str = ""
    """Name of the struct that acknowledges a subscription."""
    fields: tuple[Field, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    pace: Json | None = None
    """What subscribing costs and how much may be spent per second."""
    rate_counter: Json | None = None
    """Where it tells how the trading counter stands."""
    exclusive: tuple[tuple[str, ...], ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()
    reports_gaps: bool = False
    """Whether a gap in its sequence is reported only."""
    sequence: str = ""
    """The field of a frame with its number, if frames of the channel are numbered."""
    first_number: int = 1
    """The number of the first frame."""
    frames: tuple[str, ...] = ()
    """Names of the structs of its frames, where it has several."""
    examples: tuple[Json, ...] = ()
    deprecated: bool = False
    replaced_by: str = ""
    certainty: Certainty = CERTAIN
    aliases: tuple[Alias, ...] = ()
    rehearsal: str = ""
    """The argument by which it is only checked."""

    @property
    def constant(self) -> str:
        return self.name.upper()

    @property
    def experimental(self) -> str:
        """Which parts of it are only implied, in words."""
        return self.certainty.implied("parameters", "messages")


@dataclass(frozen=True)
class Method:
    """One WebSocket request with its reply."""

    product: str
    group: str
    name: str
    reply: str
    """The `method` of the reply frame."""
    reply_class: str
    socket: str
    auth: str
    permissions: tuple[str, ...]
    danger: str
    title: str
    description: str
    url: str
    params: str
    """Name of the model that checks the parameters; empty when there are none."""
    result: str
    """Name of the result's struct; empty when the reply has none."""
    reply_fields: tuple[tuple[str, str], ...]
    fields: tuple[Field, ...] = ()
    client_order_id: str = ""
    client_order_id_unless: tuple[str, ...] = ()
    client_order_id_rows: str = ""
    order_ids: tuple[str, ...] = ()
    replies_per: tuple[str, ...] = ()
    exclusive: tuple[tuple[str, ...], ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()
    switch: Json | None = None
    """How it is used as a dead man's switch."""
    examples: tuple[Json, ...] = ()
    deprecated: bool = False
    replaced_by: str = ""
    certainty: Certainty = CERTAIN
    charged_as: Operation | None = None
    """The REST operation that it is charged like."""
    aliases: tuple[Alias, ...] = ()
    rehearsal: str = ""
    """The argument by which it is only checked."""
    charged_arguments: tuple[tuple[str, str], ...] = ()
    """Own names of arguments, and those they have there."""
    placed: tuple[str, ...] = ()
    """Where the result holds the ids of orders that it placed."""

    @property
    def constant(self) -> str:
        return self.name.upper()

    @property
    def experimental(self) -> str:
        """Which parts of it are only implied, in words."""
        return self.certainty.implied("parameters", "reply")


@dataclass
class ModelModule:
    """One generated module of models: schemas for the model generator, and rows of our own."""

    module: str
    """Dotted name below the product's package: `models.market_data`."""
    product: str
    sources: set[str] = field(default_factory=set)
    responses: dict[str, Json] = field(default_factory=dict)
    requests: dict[str, Json] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    template_data: dict[str, Json] = field(default_factory=dict)
    """Additions per class for the model templates."""
    aliases: dict[str, str] = field(default_factory=dict)
    """Wire name to Python name."""


@dataclass
class Group:
    """One documentation section of a product: the operations below one attribute of the client."""

    product: str
    name: str
    title: str
    source: str
    operations: list[Operation] = field(default_factory=list)

    @property
    def class_name(self) -> str:
        return pascal(self.name)


@dataclass(frozen=True)
class Lookup:
    """One place where an order is looked up by its client order id."""

    group: str
    operation: str
    argument: str
    """Takes the id; empty where the call takes none, and orders are looked through."""
    is_list: bool
    """Whether the argument is a list."""
    rows: str
    """Field of the result that holds orders."""
    id: str
    """Field with Kraken's id; empty where the orders stand by it."""
    own: str
    """Field with the client order id."""
    within: tuple[str, ...]
    """Where in a row these fields may stand."""
    order: PyType


@dataclass(frozen=True)
class Socket:
    """One WebSocket server."""

    url: str
    path: str
    token: str = ""
    """The operationId of the REST call that gives its token, of another product behind its name; empty where none is needed."""
    attempts: int = 0
    """How many connection attempts are allowed within `seconds`."""
    seconds: int = 0
    on_demand: bool = False
    """Whether it is opened when it is first needed, not at the start."""


@dataclass(frozen=True)
class TakenField:
    """A field of a stream's item, from a field of a REST result."""

    name: str
    source: str
    """`@key` for the key of the entry."""
    values: Json | None = None
    """The item's words for the result's."""
    per_second: int = 0
    """For a moment: how many of the result's units make a second; 0 for text."""
    told_per_second: int = 0
    """For a moment: how many of the item's units make a second; 0 for text."""
    is_pair: bool = False


@dataclass(frozen=True)
class AccountLookup:
    """A REST call that tells what a stream did not."""

    operation: str
    group: str
    call: str
    argument: str
    fields: tuple[TakenField, ...]
    arguments: Json
    most: int
    """How many the argument takes at once; 0 where it is no list."""
    per_second: int
    key: str
    """The field of an entry that says which one it is; `@key` where they stand under their keys."""
    told: Json
    """What each entry tells by being there."""


@dataclass(frozen=True)
class OrderState:
    """What orders are put together from."""

    constant: str
    """Name of the channel's constant."""
    parameters: Json
    state: str
    """Name of the struct of an order."""
    key: str
    client_key: str
    status: str
    closed: tuple[Any, ...]
    event: str
    time: str
    inside: str
    """The field of an update that holds the order."""
    open: Any
    unknown: tuple[str, ...]
    per_second: int
    ended: AccountLookup
    further: tuple[AccountLookup, ...]
    """The calls that tell of those orders of which that one says nothing."""


@dataclass(frozen=True)
class FillState:
    """Where fills come from."""

    constant: str
    parameters: Json
    item: str
    """Name of the items' struct."""
    key: str
    order: str
    time: str
    per_second: int
    events: tuple[str, ...]
    """Where they are among the events of orders: which of those they are."""
    missed: AccountLookup


@dataclass(frozen=True)
class BalanceState:
    """What balances are put together from."""

    constant: str
    parameters: Json
    item: str
    state: str
    part: str
    """Name of the struct of a wallet."""
    key: str
    amount: str
    wallets: str
    wallet: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class MarginState:
    """What balances are put together from, where they are told as one."""

    constant: str
    parameters: Json
    state: str
    maps: tuple[str, ...]


@dataclass(frozen=True)
class PositionState:
    """Where positions come from."""

    constant: str
    parameters: Json
    item: str
    key: str


@dataclass(frozen=True)
class Account:
    """What the state of an account is put together from."""

    orders: OrderState
    fills: FillState
    balances: BalanceState | MarginState
    positions: PositionState | None
    permissions: tuple[str, ...]
    url: str
    """Kraken's page about the orders."""

    @property
    def classes(self) -> tuple[str, str, str, str]:
        """Names of the structs that the account's class is generic in."""
        last = self.balances.item if isinstance(self.balances, BalanceState) else ""
        return self.orders.state, self.fills.item, self.balances.state, self.positions.item if self.positions else last


@dataclass
class Product:
    """Everything about one product."""

    name: str
    """Also the name of the scheme by which its requests are signed and its replies wrapped, where no document says otherwise."""
    groups: list[Group] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    methods: list[Method] = field(default_factory=list)
    modules: dict[str, ModelModule] = field(default_factory=dict)
    url: str = ""
    sandbox_url: str = ""
    """Address of the test environment; empty where there is none."""
    end: Json | None = None
    """The paths that Kraken switches off, the day, and what takes their place."""
    tiers: dict[str, Json] = field(default_factory=dict)
    """Rate limits by verification tier."""
    limits_sources: list[str] = field(default_factory=list)
    """The documents that rate limits and names of assets come from."""
    lifecycle_source: str = ""
    lookups: list[Lookup] = field(default_factory=list)
    lists: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The calls that list `pairs` and `assets`: group and name."""
    symbols: dict[str, str] = field(default_factory=dict)
    """Names of assets that the WebSocket spells otherwise."""
    completes: dict[str, str] = field(default_factory=dict)
    """Request fields by name, and what a shell completes them with."""
    ticks: Json | None = None
    """Where the step of prices is: the `group` and `call` that tell it, and the names of what is in its result."""
    sockets: dict[str, Socket] = field(default_factory=dict)
    sandbox_sockets: dict[str, str] = field(default_factory=dict)
    """Addresses of the test environment, by socket."""
    dialect: Json | None = None
    """How its WebSocket speaks, where it is not as Spot's v2."""
    websocket_sources: list[str] = field(default_factory=list)
    account: Account | None = None

    @property
    def key_of(self) -> str:
        """The product whose API keys it takes: the one whose call gives the token of its sockets, or itself."""
        token = next((socket.token for socket in self.sockets.values() if socket.token), "")
        return token.rpartition("/")[0] or self.name

    @property
    def switch(self) -> Method | None:
        """The method that is a dead man's switch."""
        return next((method for method in self.methods if method.switch is not None), None)


_METHODS_OF_MODELS = frozenset(
    (
        "construct",
        "copy",
        "dict",
        "from_orm",
        "json",
        "parse_file",
        "parse_obj",
        "parse_raw",
        "register",
        "schema",
        "schema_json",
        "update_forward_refs",
        "validate",
    )
)


def attribute(name: str) -> str:
    """The attribute of a pydantic model that holds a field, which must not hide one of the model's own methods."""
    return name + "_" if name in _METHODS_OF_MODELS or name.startswith("model_") else name


def pascal(snake: str) -> str:
    """`get_ohlc_data` -> `GetOhlcData`."""
    return "".join(part[:1].upper() + part[1:] for part in snake.split("_"))
