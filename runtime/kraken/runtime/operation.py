"""What the client knows about one endpoint: a constant, generated from the spec."""

from __future__ import annotations

from typing import Any, Generic, NamedTuple, TypeVar

__all__ = ["Encoded", "Operation", "Outcome", "Packed", "Pagination", "Prices", "same_path"]

T = TypeVar("T")


class Pagination(NamedTuple):
    """How an operation continues."""

    style: str
    """`since` and `cursor` take the next value from the result, `last` from the last item, `offset` counts items."""
    parameter: str
    """Argument that says where a page begins."""
    items: str
    """Where a result holds its items: a field, nothing for the result itself, `*` for the rows of a pair, or `@page` when
    the page is one item."""
    next: str = ""
    """Field of the result, or of its last item, that holds the argument's next value. Fields may be inside of others."""
    header: str = ""
    """Header of the reply that holds it where the field is missing."""
    first: Any = None
    """What to send for the first page, where that must be said."""
    id: str = "@item"
    """What tells items apart: a field, `@key` for the key of a map, or `@item` for the whole item."""
    total: str = ""
    """Field with the number of items over all pages."""
    page_size: int = 0
    """How many items a full page has."""
    alone: bool = False
    """Whether the argument must be sent without any other."""
    size: str = ""
    """Argument that sets how many items a full page has."""
    more: str = ""
    """Field of the result that says whether there is more."""
    step: int = 0
    """What is added to the value of the last item; milliseconds for a time that is text."""
    divide: int = 1
    """By what the value of the last item is divided before."""
    ascending: tuple[str, str, str] = ("", "", "")
    """An argument, its value when items come in ascending order, and the argument that continues then, by the opposite
    step."""


class Prices(NamedTuple):
    """A cost that depends on an argument."""

    parameter: str
    given: float
    """The cost when it is given, and above the last step."""
    up_to: tuple[tuple[float, float], ...] = ()
    """Steps: the highest value, and the cost up to it."""


class Outcome(NamedTuple):
    """Where a result says that a request which was understood was refused all the same."""

    field: str
    """Field of the result that holds the outcome; nothing for the result itself."""
    error: str
    """Field of the outcome with the word for it."""
    unless: tuple[str, ...] = ()
    """Words that are no errors."""


class Packed(NamedTuple):
    """Arguments that travel together, as JSON text in one parameter."""

    parameter: str
    fields: tuple[str, ...]


class Operation(NamedTuple, Generic[T]):
    """One REST endpoint."""

    name: str
    method: str
    path: str
    models: str
    """Module that holds the models of its arguments and its result."""
    auth: bool = False
    encoding: str = "query"
    """How arguments travel: `query`, `form` or `json`."""
    envelope: str = "spot"
    retry: bool = False
    """Whether a request may be repeated after its reply was lost."""
    danger: str = "none"
    """`trades`, `cancels`, `withdraws` or `transfers` when a lost reply leaves the state of orders or funds unknown."""
    counter: str = "none"
    """The rate-limit counter that a call is charged to."""
    cost: float = 0
    path_fields: tuple[str, ...] = ()
    query_fields: tuple[str, ...] = ()
    """Arguments that travel in the query although there is a body."""
    list_fields: tuple[str, ...] = ()
    """Arguments that are lists; one text stands for a list of one, or for several with commas."""
    client_order_id: str = ""
    """Argument that is allocated before sending when the caller gave none."""
    client_order_id_unless: tuple[str, ...] = ()
    client_order_id_rows: str = ""
    """The list argument of which every element gets one."""
    client_order_id_where: tuple[str, str] = ("", "")
    """A field and the value that it has in those elements that get one."""
    own_id: str = ""
    """Argument that takes a client order id, be it allocated here or not."""
    order_ids: tuple[str, ...] = ()
    """Arguments that identify orders."""
    exclusive: tuple[tuple[str, ...], ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()
    replaced_by: str = ""
    """What to use instead, for a deprecated endpoint."""
    ages: tuple[tuple[float, float], ...] = ()
    """Further cost by the age of the order that is changed: seconds and cost."""
    per: str = ""
    """The list argument of which every element is charged."""
    pair: str = ""
    """The argument that names the pair whose counter is charged."""
    base: float = 0
    """What the call is charged besides its elements."""
    prices: Prices | None = None
    """How the cost depends on an argument."""
    placed: tuple[str, ...] = ()
    """Where the result holds the ids of orders that it placed."""
    signing: str = "spot"
    """How a signed request is signed."""
    deep_fields: tuple[str, ...] = ()
    """Arguments whose members travel as `name[member]`."""
    repeated_fields: tuple[str, ...] = ()
    """List arguments of which every element travels as a parameter of its own."""
    json_fields: tuple[str, ...] = ()
    """Arguments that travel as JSON text among others that do not."""
    packed: Packed | None = None
    outcome: Outcome | None = None
    binary: bool = False
    """Whether the result is a file."""
    pagination: Pagination | None = None

    @property
    def key(self) -> str:
        """Method and path: `POST /0/private/Balance`."""
        return f"{self.method} {self.path}"


class Encoded(NamedTuple):
    """Arguments as they travel, without nonce."""

    path: str
    query: str
    body: list[tuple[str, Any]]
    values: dict[str, Any]
    """The checked arguments by Python name."""


def same_path(known: str, asked: str) -> bool:
    """Whether a method and path is that of an operation whose path has parts to be filled in."""
    if "{" not in known:
        return False
    parts, given = known.split("/"), asked.split("/")
    return len(parts) == len(given) and all(
        part == each or (part.startswith("{") and each) for part, each in zip(parts, given, strict=True)
    )
