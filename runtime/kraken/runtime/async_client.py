"""The REST client for coroutines and its groups of calls."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from .call import Flow, drive_async
from .core import Core
from .errors import Facts, KrakenError
from .options import Options
from .proxies import proxy_of
from .signing import key_lock
from .transport import AsyncTransport

if TYPE_CHECKING:
    import ssl
    from os import PathLike
    from typing import Self

    from .limits import Limits
    from .operation import Operation
    from .pagination import AsyncPages, Progress
    from .product import Product

__all__ = ["AsyncGroup", "AsyncRestClient"]

T = TypeVar("T")


class AsyncGroup:
    """The calls of one section of Kraken's documentation, as coroutines."""

    def __init__(self, client: AsyncRestClient) -> None:
        self._client = client

    async def _call(self, operation: Operation[T], arguments: Mapping[str, Any], options: Options | None) -> T:
        return await self._client._drive(operation.auth, self._client._core.call(operation, arguments, options))

    async def _download(
        self,
        operation: Operation[bytes],
        arguments: Mapping[str, Any],
        to: str | PathLike[str] | None,
        options: Options | None,
    ) -> bytes:
        flow = self._client._core.download(operation, arguments, to, options)
        return await self._client._drive(operation.auth, flow)

    def _pages(
        self,
        operation: Operation[Any],
        arguments: Mapping[str, Any],
        cursor: Any,
        max_items: int | None,
        on_page: Callable[[Progress], None] | None,
        options: Options | None,
    ) -> AsyncPages[Any]:
        from .pagination import AsyncPages

        def fetch(page: dict[str, Any], heard: Options | None) -> Awaitable[Any]:
            return self._call(operation, page, heard)

        return AsyncPages(fetch, operation, arguments, cursor, max_items, on_page, options)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._client!r}>"


class _NoLock:
    """For requests that carry no nonce."""

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *error: object) -> None:
        pass


_NO_LOCK = _NoLock()


class _Claim:
    """Waits for a lock in a thread, which cannot be interrupted: a claim that was given up frees what it gets."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._state = threading.Lock()
        self._taken = False
        self._given_up = False

    def take(self) -> None:
        self._lock.acquire()
        with self._state:
            self._taken = True
            if self._given_up:
                self._lock.release()

    def give_up(self) -> None:
        with self._state:
            self._given_up = True
            if self._taken:
                self._lock.release()


class _KeyLock:
    """The key's lock of this process, taken without blocking the event loop.

    Tasks of one client queue up in order at an asyncio lock of their own; only the first of them waits for other
    clients and threads that use the same key.
    """

    def __init__(self, shared: threading.Lock) -> None:
        self._shared = shared
        self._own = asyncio.Lock()

    async def __aenter__(self) -> None:
        await self._own.acquire()
        if self._shared.acquire(blocking=False):
            return
        claim = _Claim(self._shared)
        try:
            await asyncio.to_thread(claim.take)
        except BaseException:
            claim.give_up()
            self._own.release()
            raise

    async def __aexit__(self, *error: object) -> None:
        self._shared.release()
        self._own.release()


def _transport(url: str, proxy: str | None, verify: ssl.SSLContext | bool) -> AsyncTransport:
    """The transport on aiohttp where that is installed, else the one on httpx, which also knows SOCKS proxies."""
    if _has_aiohttp() and not (proxy_of(url, proxy) or "").startswith("socks"):
        from .aiohttp_transport import AiohttpTransport

        return AiohttpTransport(url, proxy=proxy, verify=verify)
    from .httpx_transport import AsyncHttpxTransport

    return AsyncHttpxTransport(url, proxy=proxy, verify=verify)


def _has_aiohttp() -> bool:
    """Whether aiohttp is installed, in a version whose inner parts are known to be those that the transport uses."""
    if find_spec("aiohttp") is None:
        return False
    from aiohttp import __version__

    major, minor = __version__.split(".")[:2]
    return (3, 12) <= (int(major), int(minor)) < (3, 15)


class AsyncRestClient:
    """A client for coroutines of one event loop. Nothing is connected before the first call."""

    _product: ClassVar[Product]

    def __init__(
        self,
        *,
        key: str,
        serialize: bool,
        transport: AsyncTransport | None,
        sleep: Callable[[float], Awaitable[None]],
        **settings: Any,
    ) -> None:
        self._core = Core(product=self._product, key=key, **settings)
        self._lock = _KeyLock(key_lock(key)) if self._core.is_in_order and serialize else _NO_LOCK
        self._sleep = sleep
        self._transport = transport
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def _request(self, auth: bool, method: str, uri: str, *arguments: Any, **options: Any) -> Any:
        """The generic request of each product."""
        return await self._drive(auth, self._core.request(method, uri, *arguments, auth=auth, **options))

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
        import_module(f"kraken.runtime.{'aiohttp' if _has_aiohttp() else 'httpx'}_transport")

    @property
    def limits(self) -> Limits | None:
        """The rate-limit counters as they stand; None when they are not counted."""
        return self._core.limits

    async def _drive(self, auth: bool, flow: Flow[T]) -> T:
        return await drive_async(flow, self._open().send, self._lock if auth else _NO_LOCK, self._sleep)

    def _open(self) -> AsyncTransport:
        if self._closed:
            raise KrakenError("the client is closed", Facts(sent=False, hint="make a new one"))
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise KrakenError(
                "this client belongs to another event loop, the one of its first call",
                Facts(sent=False, hint="make one client per event loop"),
            )
        if self._transport is None:
            self._transport = _transport(self._core.url, self._core.proxy, self._core.verify)
        return self._transport

    async def close(self) -> None:
        """Give back all connections. May be called more than once."""
        self._closed = True
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({getattr(self, '_core', '')!r})"
