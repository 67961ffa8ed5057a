"""The blocking REST client and its groups of calls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from .call import Flow, drive
from .core import Core
from .errors import Facts, KrakenError
from .options import Options
from .signing import key_lock
from .transport import Transport

if TYPE_CHECKING:
    from os import PathLike
    from typing import Self

    from .limits import Limits
    from .operation import Operation
    from .pagination import Pages, Progress
    from .product import Product

__all__ = ["Group", "RestClient"]

T = TypeVar("T")


class Group:
    """The calls of one section of Kraken's documentation."""

    def __init__(self, client: RestClient) -> None:
        self._client = client

    def _call(self, operation: Operation[T], arguments: Mapping[str, Any], options: Options | None) -> T:
        return self._client._drive(operation.auth, self._client._core.call(operation, arguments, options))

    def _download(
        self,
        operation: Operation[bytes],
        arguments: Mapping[str, Any],
        to: str | PathLike[str] | None,
        options: Options | None,
    ) -> bytes:
        flow = self._client._core.download(operation, arguments, to, options)
        return self._client._drive(operation.auth, flow)

    def _pages(
        self,
        operation: Operation[Any],
        arguments: Mapping[str, Any],
        cursor: Any,
        max_items: int | None,
        on_page: Callable[[Progress], None] | None,
        options: Options | None,
    ) -> Pages[Any]:
        from .pagination import Pages

        def fetch(page: dict[str, Any], heard: Options | None) -> Any:
            return self._call(operation, page, heard)

        return Pages(fetch, operation, arguments, cursor, max_items, on_page, options)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._client!r}>"


class RestClient:
    """A blocking client; may be shared by threads. Nothing is connected before the first call."""

    _product: ClassVar[Product]

    def __init__(
        self,
        *,
        key: str,
        serialize: bool,
        transport: Transport | None,
        sleep: Callable[[float], None],
        **settings: Any,
    ) -> None:
        self._core = Core(product=self._product, key=key, **settings)
        self._lock = key_lock(key) if self._core.is_in_order and serialize else nullcontext()
        self._sleep = sleep
        self._transport = transport
        self._opening = threading.Lock()
        self._closed = False

    def _request(self, auth: bool, method: str, uri: str, *arguments: Any, **options: Any) -> Any:
        """The generic request of each product."""
        return self._drive(auth, self._core.request(method, uri, *arguments, auth=auth, **options))

    @staticmethod
    def _looks(patience: float) -> Iterator[float]:
        """Waits before looking, and looking again."""
        yield 0.0
        waited, wait = 0.0, 0.1
        while waited + wait <= patience:
            yield wait
            waited, wait = waited + wait, wait * 2

    def preload(self, *groups: str) -> None:
        """Import and build now what the first call of each group would: for servers that must answer at once.

        Args:
            groups: Names of groups, such as `trading`; all of them when none is named.
        """
        self._core.preload(groups or self._product.groups)
        self._open()

    @property
    def limits(self) -> Limits | None:
        """The rate-limit counters as they stand; None when they are not counted."""
        return self._core.limits

    def _drive(self, auth: bool, flow: Flow[T]) -> T:
        return drive(flow, self._open().send, self._lock if auth else nullcontext(), self._sleep)

    def _open(self) -> Transport:
        transport = self._transport
        if transport is not None:
            return transport
        with self._opening:
            if self._closed:
                raise KrakenError("the client is closed", Facts(sent=False, hint="make a new one"))
            if self._transport is None:
                from .httpx_transport import HttpxTransport

                self._transport = HttpxTransport(self._core.url, proxy=self._core.proxy, verify=self._core.verify)
            return self._transport

    def close(self) -> None:
        """Give back all connections. May be called more than once."""
        with self._opening:
            self._closed = True
            transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({getattr(self, '_core', '')!r})"
