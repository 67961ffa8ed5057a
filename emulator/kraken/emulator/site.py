"""What one product does its own way over HTTP: how requests are signed, and how replies and refusals look."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from kraken.emulator.errors import Refusal
    from kraken.emulator.handlers import Answer, Arguments
    from kraken.emulator.specs import Operation, Specs

JSON = "application/json"


class Signed(NamedTuple):
    """A request as its signature sees it."""

    path: str
    query: str
    body: bytes
    headers: Mapping[str, str]
    arguments: Mapping[str, Any]

    @classmethod
    def of(cls, request: Request, body: bytes, arguments: Mapping[str, Any]) -> Signed:
        """The parts of a request as they were sent.

        Args:
            request: The request.
            body: Its body.
            arguments: Its arguments, not converted.
        """
        scope = request.scope
        path, query = scope["raw_path"].decode("ascii"), scope["query_string"].decode("ascii")
        return cls(path, query, body, request.headers, arguments)


class Site(ABC):
    """One product on one port.

    Args:
        specs: What it offers.
        answers: What answers its operations, by operation id; the others answer with their canned example.
    """

    takes_query = False
    """Whether what belongs into a body may stand in the query too."""

    def __init__(self, specs: Specs, answers: Mapping[str, Answer]) -> None:
        self.specs = specs
        self.answers = answers

    @abstractmethod
    def authenticate(self, operation: Operation, request: Signed) -> None:
        """Refuse a request that is not signed as it must be.

        Raises:
            Refusal: it is not.
        """

    @abstractmethod
    def admit(self, operation: Operation, arguments: Arguments) -> None:
        """Refuse a request that is over the limits of the account.

        Raises:
            Refusal: it is.
        """

    @abstractmethod
    def canned(self, operation: Operation) -> Response:
        """The operation's example."""

    @abstractmethod
    def success(self, operation: Operation, result: Any) -> Response:
        """The reply to a request that was carried out."""

    @abstractmethod
    def refusal(self, operation: Operation, refusal: Refusal) -> Response:
        """The reply to a request that was refused."""

    @abstractmethod
    def unknown(self, path: str) -> Response:
        """The reply where there is no operation."""
