"""Faults on demand: what goes wrong on the wire before or after a request was carried out."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Collection

Before = Literal["reset-before", "hang-before", "html", "error-500"]
"""The request is not carried out: the connection is reset, nothing is answered, a proxy answers 503 with a page in
HTML, or the server answers 500."""

After = Literal["accept-then-502", "accept-then-hang", "accept-then-garbage", "accept-then-reset"]
"""The request is carried out, and then a proxy answers 502, nothing is answered, half of the answer comes, or the
connection is reset."""

Disorder = Literal["accept-then-repeat", "accept-then-reverse", "accept-then-delay"]
"""The request is carried out, and then each reply comes twice, the replies come in reverse order and behind the data
that they announce, or they come behind the replies to the next request. Only for WebSocket methods."""

Kind = Before | After | Disorder

KINDS: tuple[str, ...] = (*get_args(Before), *get_args(After), *get_args(Disorder))
_HTTP_ONLY = ("html", "error-500", "accept-then-502")

CONNECT = "connect"
"""Name of the WebSocket handshake."""


class Faults:
    """Faults that wait for their operation. Safe to use from any thread.

    Args:
        rest: Names of REST operations, such as ``AddOrder`` and ``listFundingDepositsV1``.
        websocket: Names of WebSocket methods, such as ``add_order``.
    """

    def __init__(self, rest: Collection[str], websocket: Collection[str]) -> None:
        self._rest = frozenset(rest)
        self._websocket = frozenset(websocket) | {"subscribe", "unsubscribe"}
        self._waiting: dict[str, list[Kind]] = {}
        self._lock = threading.Lock()

    def add(self, operation: str, kind: Kind, times: int = 1) -> None:
        """Let something go wrong.

        Args:
            operation: The end of a REST path (``AddOrder``, ``Earn/Allocate``) or for Funding (Beta) its operation id
                (``createFundingWithdrawalV1``), a WebSocket method (``add_order``, ``subscribe``), or ``connect`` for
                the WebSocket handshake.
            kind: What goes wrong: ``reset-before``, ``hang-before``, ``html``, ``error-500``, ``accept-then-502``,
                ``accept-then-hang``, ``accept-then-garbage`` or ``accept-then-reset``; for WebSocket methods also
                ``accept-then-repeat``, ``accept-then-reverse`` or ``accept-then-delay``.
            times: How often.

        Raises:
            ValueError: there is no such operation or kind, or the kind makes no sense for the operation.
        """
        if operation not in self._rest | self._websocket | {CONNECT}:
            raise ValueError(
                f"unknown operation {operation!r}; known: {', '.join(sorted(self._rest | self._websocket))}"
            )
        if kind not in KINDS:
            raise ValueError(f"unknown fault {kind!r}; known: {', '.join(KINDS)}")
        if operation in self._websocket and kind in _HTTP_ONLY:
            raise ValueError(f"{kind!r} is an HTTP answer, but {operation!r} goes over WebSocket")
        if operation in self._rest and kind in get_args(Disorder):
            raise ValueError(f"{kind!r} is about frames, but {operation!r} goes over HTTP")
        if operation == CONNECT and kind not in get_args(Before):
            raise ValueError(f"{kind!r} makes no sense for a handshake; allowed: {', '.join(get_args(Before))}")
        with self._lock:
            self._waiting.setdefault(operation, []).extend([kind] * times)

    def clear(self) -> None:
        """Forget all faults that have not happened yet."""
        with self._lock:
            self._waiting.clear()

    def take(self, operation: str) -> Kind | None:
        """The fault that is due for ``operation``, which is thereby used up."""
        with self._lock:
            waiting = self._waiting.get(operation)
            return waiting.pop(0) if waiting else None
