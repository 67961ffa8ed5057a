"""What the client knows about one endpoint: a constant, generated from the spec."""

from __future__ import annotations

from typing import Any, Generic, NamedTuple, TypeVar

__all__ = ["Encoded", "Operation", "Pagination", "same_path"]

T = TypeVar("T")


class Pagination(NamedTuple):
    """How an operation continues."""

    style: str
    """`since` and `cursor` take the next value from the result, `offset` counts items."""
    parameter: str
    """Argument that says where a page begins."""
    items: str
    """Where a result holds its items: a field's name, nothing for the result itself, or `*` for the rows of a pair."""
    next: str = ""
    """Field of the result that holds the argument's next value."""
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
    placed: tuple[str, ...] = ()
    """Where the result holds the ids of orders that it placed."""
    signing: str = "spot"
    """How a signed request is signed."""
    deep_fields: tuple[str, ...] = ()
    """Arguments whose members travel as `name[member]`."""
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
