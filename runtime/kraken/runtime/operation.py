"""What the client knows about one endpoint: a constant, generated from the spec."""

from __future__ import annotations

from typing import Any, Generic, NamedTuple, TypeVar

__all__ = ["Encoded", "Operation"]

T = TypeVar("T")


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
    order_ids: tuple[str, ...] = ()
    """Arguments that identify orders."""
    exclusive: tuple[tuple[str, ...], ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()
    replaced_by: str = ""
    """What to use instead, for a deprecated endpoint."""

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
