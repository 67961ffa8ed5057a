"""The errors that this package raises on purpose, all below `KrakenError`.

Classes here say what happened to a request; classes for what Kraken itself answers are generated from the
error table into `kraken.exceptions`, below `ExchangeError`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from importlib import import_module
from typing import Any, ClassVar, NamedTuple

__all__ = [
    "ConnectionLost",
    "CredentialsError",
    "DecodeError",
    "ErrorTable",
    "ExchangeError",
    "Facts",
    "InvalidRequest",
    "KrakenError",
    "KrakenWarning",
    "LimitReached",
    "NotSent",
    "OrderStateUnknown",
    "ReplyLost",
    "row_exception",
]


class Facts(NamedTuple):
    """What is known about a failed request."""

    operation: str = ""
    """Name of the operation, channel or method."""
    code: str = ""
    """Kraken's words, verbatim, also when they are not in the error table."""
    sent: bool | None = None
    """Whether bytes of the request may have left this machine; None where that is not the question."""
    hint: str = ""
    """What to do about it."""
    cl_ord_id: str | None = None
    """The client order id that the request carried."""
    ids: Mapping[str, Any] = {}
    """Every field of the request that identifies an order."""
    body: bytes | None = None
    """The raw reply, when there was one that could not be understood, or that says more than the error."""


class KrakenError(Exception):
    """Base of everything that this package raises on purpose.

    `facts` holds the details; errors pickle, copy and print without losing any.
    """

    category: ClassVar[str] = "client"
    retryable: ClassVar[bool] = False
    """Whether the same call may succeed later without a change."""

    def __init__(self, message: str = "", facts: Facts = Facts()) -> None:
        super().__init__(message, facts)
        self.facts = facts

    def __str__(self) -> str:
        message, facts = str(self.args[0]), self.facts
        text = f"{facts.operation}: {message}" if facts.operation else message
        return f"{text} ({facts.hint})" if facts.hint else text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    @property
    def code(self) -> str:
        """Kraken's words, verbatim."""
        return self.facts.code

    @property
    def cl_ord_id(self) -> str | None:
        """The client order id that the request carried, if any."""
        return self.facts.cl_ord_id


class CredentialsError(KrakenError, ValueError):
    """A key or secret that cannot be used, named when it is given."""

    category = "credentials"


class InvalidRequest(KrakenError, ValueError, TypeError):
    """Arguments that were refused before anything was sent: the message names the field, the value and what is allowed."""

    category = "request"


class NotSent(KrakenError):
    """The request never left: no connection could be made. Sending it again is safe."""

    category = "network"
    retryable = True


class ReplyLost(KrakenError):
    """The request may have been processed, but its reply did not arrive or could not be read.

    Nothing is changed by asking again: it is raised for operations that only read.
    """

    category = "network"
    retryable = True


class OrderStateUnknown(KrakenError):
    """A request that changes orders or funds may or may not have been carried out: its reply was lost.

    It was sent once and is not sent again. Look the order up by the ids in `facts` before deciding anything.
    """

    category = "network"


class LimitReached(KrakenError):
    """A call would exceed one of Kraken's rate limits, and the client was told to raise instead of waiting.

    It is raised before anything is sent, by clients that count (`tier=`) with `on_limit="raise"`.
    """

    category = "rate_limit"
    retryable = True


class ConnectionLost(KrakenError):
    """A WebSocket connection ended for good."""

    category = "network"


class DecodeError(KrakenError):
    """A reply that does not have the documented form; `facts.body` holds its raw bytes."""

    category = "decode"


class ExchangeError(KrakenError):
    """Kraken answered with an error; `code` holds its words, also those that are not in the error table."""

    category = "exchange"


class KrakenWarning(UserWarning):
    """Kraken sent a warning beside a result, or the operation is deprecated."""


class ExperimentalWarning(KrakenWarning):
    """What is used rests on more than Kraken's documentation: names or rules were taken over by analogy and may prove wrong.

    `warnings.filterwarnings("ignore", category=ExperimentalWarning)` silences it.
    """


class ErrorRow(NamedTuple):
    """One row of the error table."""

    exception: type[ExchangeError]
    retry: str
    """`never`, `after-wait`, `fresh-nonce`, `fresh-token`, or `unsubscribe` first."""
    hint: str = ""


class ErrorTable:
    """Kraken's error codes: which exception each one becomes, what to do, and whether a retry can help.

    Upper and lower case count alike: Kraken writes `Internal error` and `Internal Error`.
    """

    def __init__(self, exact: Mapping[str, ErrorRow], prefixes: Mapping[str, ErrorRow]) -> None:
        self._exact = {code.lower(): row for code, row in exact.items()}
        self._prefixes = sorted(((code.lower(), row) for code, row in prefixes.items()), key=lambda item: -len(item[0]))

    def row(self, code: str) -> ErrorRow | None:
        """The row of a code, by its whole text or else by its longest known beginning."""
        text = code.lower()
        row = self._exact.get(text)
        if row is None:
            row = next((row for prefix, row in self._prefixes if text.startswith(prefix)), None)
        return row

    def error(self, code: str, facts: Facts = Facts()) -> ExchangeError:
        """The exception for a code; an unknown one keeps its words in a plain `ExchangeError`."""
        row = self.row(code)
        if row is None:
            return ExchangeError(code, facts._replace(code=code))
        return row.exception(code, facts._replace(code=code, hint=row.hint))


def row_exception(code: str | None, unless: Container[str] = ()) -> ExchangeError | None:
    """The exception of an error that stands in a row of a batch, unless its word is none."""
    if not code or code in unless:
        return None
    error: ExchangeError = import_module("kraken.exceptions").TABLE.error(code)
    return error
