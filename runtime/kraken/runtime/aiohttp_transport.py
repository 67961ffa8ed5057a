"""The transport for coroutines on aiohttp, several times as fast as httpx. No type of aiohttp leaves this module.

What is used of it is its lower half: the connector, which makes, secures and pools connections, and the parser of
replies. Its session would encode again the target that was signed, add headers, and send some requests once more when
a connection breaks; and it takes longer than all the rest.
"""

from __future__ import annotations

import asyncio
import os
import select
import ssl
from base64 import b64encode
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from weakref import WeakSet

import aiohttp
import certifi
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from .checks import refused
from .proxies import proxy_of
from .transport import Lost, Reply, Request, is_file, lost

__all__ = ["AiohttpTransport"]

_CONNECTIONS, _IDLE = 100, 30.0
"""The most connections at once, and the seconds for which one is kept without a request."""
_NEVER = 1e9
_LONGEST_LINE = 65536


class AiohttpTransport:
    """Requests from coroutines of one event loop; connections are pooled."""

    def __init__(self, url: str, *, proxy: str | None = None, verify: ssl.SSLContext | bool = True) -> None:
        """Make a transport. Nothing is connected before the first request.

        Args:
            url: Address of the server; a path in it goes before the targets of all requests.
            proxy: Address of an HTTP proxy; that of the environment when left out.
            verify: False switches the check of TLS certificates off; or a TLS context of your own.

        Raises:
            InvalidRequest: The proxy is a SOCKS proxy, or the environment's is not an address.
        """
        self._url = url
        self._proxy = _Proxy.of(proxy_of(url, proxy))
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        # A TLS context takes long to make and is not needed for plain HTTP.
        self._tls = _tls(verify) if secure or self._proxy is not None else None
        self._host = URL(url).host_port_subcomponent or ""
        self._base = parts.path.rstrip("/")
        self._fields = f" HTTP/1.1\r\nHost: {self._host}\r\n"
        if self._proxy is not None and not secure:  # no tunnel: the proxy reads the requests
            self._base = f"{parts.scheme}://{self._host}{self._base}"
            self._fields += "".join(f"{name}: {value}\r\n" for name, value in self._proxy.headers.items())
        self._pool: _Pool | None = None

    async def send(self, request: Request) -> Reply | Lost:
        try:
            data = self._encode(request)
            connection = await self._open().connect(request.timeout)
        except Exception as error:  # whatever it was, nothing has left
            return lost(False, _not_connected(error, request.timeout))
        try:
            return await _exchange(connection, data, request)
        except HttpProcessingError as error:
            return lost(True, ConnectionError(f"the reply is not HTTP: {type(error).__name__}"))
        except (aiohttp.ClientError, OSError) as error:
            return lost(True, error)
        finally:
            connection.close()  # unless it was given back

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    def _open(self) -> _Pool:
        if self._pool is None:
            self._pool = _Pool(self._url, self._host, self._proxy, self._tls)
        return self._pool

    def _encode(self, request: Request) -> bytes:
        lines = [f"{name}: {value}\r\n" for name, value in request.headers.items()]
        if request.body or request.method != "GET":
            lines.append(f"Content-Length: {len(request.body)}\r\n")
        fields = "".join(lines)
        if fields.count("\r") != len(lines) or fields.count("\n") != len(lines):
            raise ValueError("a header has more than one line")
        head = f"{request.method} {self._base}{request.target}{self._fields}{fields}\r\n"
        return head.encode("ascii") + request.body


async def _exchange(connection: Connection, data: bytes, request: Request) -> Reply:
    protocol, transport = connection.protocol, connection.transport
    assert protocol is not None
    assert transport is not None
    protocol.set_response_params(
        skip_payload=request.method == "HEAD",
        read_until_eof=True,
        read_timeout=request.timeout,
        max_line_size=_LONGEST_LINE,
        max_field_size=_LONGEST_LINE,
    )
    transport.write(data)
    protocol.start_timeout()
    while True:
        message, payload = await protocol.read()
        if message.code >= 200 or message.code == 101:
            break
    headers = {name.lower().decode("ascii"): value.decode("latin-1").strip() for name, value in message.raw_headers}
    body = b""
    if request.sink is not None and is_file(message.code, headers):
        async for piece in payload.iter_any():
            request.sink(piece)
    else:
        body = await payload.read()
    connection.release()
    return Reply(message.code, headers, body)


class _Proxy(NamedTuple):
    """A proxy, its password apart: aiohttp shows the address in errors."""

    url: URL
    headers: dict[str, str]

    @classmethod
    def of(cls, address: str | None) -> _Proxy | None:
        if address is None:
            return None
        if address.startswith("socks"):
            raise refused("proxy: not a SOCKS proxy here; allowed: http://host:port, https://host:port")
        url = URL(address, encoded=True)
        if url.raw_user is None:
            return cls(url, {})
        words = f"{unquote(url.raw_user)}:{unquote(url.raw_password or '')}"
        return cls(url.with_user(None), {"Proxy-Authorization": f"Basic {b64encode(words.encode()).decode('ascii')}"})


class _Pool:
    """Connections to one server. It is made in the event loop in which it is used."""

    def __init__(self, url: str, host: str, proxy: _Proxy | None, tls: ssl.SSLContext | None) -> None:
        self._connector = aiohttp.TCPConnector(
            limit=_CONNECTIONS, keepalive_timeout=_IDLE, timeout_ceil_threshold=_NEVER
        )
        # Never sent: it says where to connect to. The host is in the headers, too, so that they stay as they are and
        # with them the key under which connections are found again.
        self._where = aiohttp.ClientRequest(
            "GET",
            URL(url, encoded=True),
            loop=asyncio.get_running_loop(),
            ssl=tls or True,
            proxy=proxy and proxy.url,
            proxy_headers=proxy and {**proxy.headers, "Host": host},
        )
        self._used: WeakSet[ResponseHandler] = WeakSet()

    async def connect(self, timeout: float) -> Connection:
        """A connection that is ready for a request."""
        while True:
            connection = await self._connect(timeout)
            protocol, transport = connection.protocol, connection.transport
            if protocol is not None and transport is not None:
                if protocol not in self._used:
                    self._used.add(protocol)
                    return connection
                # What comes without having been asked for is the end, or would be taken for the next reply.
                if not protocol.should_close and not _readable(transport):
                    return connection
            connection.close()

    async def _connect(self, timeout: float) -> Connection:
        try:
            return await self._connector.connect(self._where, [], _limits(timeout))
        except asyncio.CancelledError:
            # `close` cancels those who wait for their turn, but their tasks go on.
            task = asyncio.current_task()
            if self._connector.closed and task is not None and not task.cancelling():
                raise ConnectionError("the transport was closed") from None
            raise

    async def close(self) -> None:
        await self._connector.close()


def _readable(transport: asyncio.Transport) -> bool:
    """Whether something came in that the event loop has not seen yet."""
    found = transport.get_extra_info("socket")
    if found is None:
        return False
    if not hasattr(select, "poll"):
        return bool(select.select([found], [], [], 0)[0])
    poll = select.poll()
    poll.register(found, select.POLLIN)
    return bool(poll.poll(0))


@lru_cache(maxsize=16)
def _limits(timeout: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=timeout, ceil_threshold=_NEVER)


def _not_connected(error: Exception, timeout: float) -> Exception:
    """Why there is no connection, without aiohttp's wrapping, in which there may be the headers for a proxy."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return error.certificate_error
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error
    if isinstance(error, aiohttp.ClientResponseError):
        return ConnectionError(f"the proxy answered {error.status} {error.message}")
    if isinstance(error, TimeoutError):
        return TimeoutError(f"no connection within {timeout:g} s")
    return error


def _tls(verify: ssl.SSLContext | bool) -> ssl.SSLContext:
    """Settings for TLS with the same trusted certificates as httpx has."""
    if isinstance(verify, ssl.SSLContext):
        return verify
    if verify:
        file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
        context = ssl.create_default_context(cafile=file or (None if folder else certifi.where()), capath=folder)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context
