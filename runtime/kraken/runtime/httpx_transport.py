"""The default transport, on httpx. No type of httpx leaves this module.

httpx's transports are used without its `Client`: redirects, cookies and URL merging are not wanted here, and cost
more than the request itself.
"""

from __future__ import annotations

import ssl
import sys
from importlib.util import find_spec
from typing import Any

_MAIN = "httpx._main"
_unused = _MAIN not in sys.modules
if _unused:
    # httpx brings its own command line along wherever rich is installed, which costs more than the rest of it.
    sys.modules[_MAIN] = None  # type: ignore[assignment]  # how Python notes that there is no such module
import httpx  # noqa: E402

if _unused:
    del sys.modules[_MAIN]

from .checks import refused  # noqa: E402
from .proxies import proxy_of  # noqa: E402
from .transport import Lost, Reply, Request, is_file, lost  # noqa: E402

__all__ = ["AsyncHttpxTransport", "HttpxTransport"]

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


class _ExactUrl(httpx.URL):
    """A URL whose path and query go out as they are: httpx would encode them again, and they are signed.

    The request extension `target` is no way to do it: it also replaces the target of CONNECT at a proxy.
    """

    def __init__(self, base: httpx.URL, target: str) -> None:
        super().__init__(base)
        self._target = base.raw_path.rstrip(b"/") + target.encode("ascii")

    @property
    def raw_path(self) -> bytes:
        return self._target


def _settings(url: httpx.URL, proxy: str | None, verify: ssl.SSLContext | bool) -> dict[str, Any]:
    proxy = proxy_of(str(url), proxy)
    if proxy and proxy.startswith("socks") and find_spec("socksio") is None:
        raise refused("proxy: SOCKS needs the package socksio; allowed without it: http://host:port, https://host:port")
    return {
        # A TLS context takes long to make and is not needed for plain HTTP.
        "verify": verify if url.scheme == "https" or proxy else False,
        "proxy": proxy,
        "limits": httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=30),
        "retries": 0,
    }


def _build(url: httpx.URL, host: str, request: Request) -> httpx.Request:
    timeout = request.timeout
    headers = {"Host": host, **request.headers}
    if request.body or request.method != "GET":
        headers["Content-Length"] = str(len(request.body))
    built = httpx.Request(
        request.method,
        url,
        headers=headers,
        stream=httpx.ByteStream(request.body),
        extensions={
            "timeout": {"connect": timeout, "read": timeout, "write": timeout, "pool": timeout},
        },
    )
    built.url = _ExactUrl(url, request.target)
    return built


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower().decode("ascii"): value.decode("latin-1") for name, value in response.headers.raw}


class HttpxTransport:
    """Blocking requests; connections are pooled and shared by threads."""

    def __init__(self, url: str, *, proxy: str | None = None, verify: ssl.SSLContext | bool = True) -> None:
        self._url = httpx.URL(url)
        self._host = self._url.netloc.decode("ascii")
        self._http = httpx.HTTPTransport(**_settings(self._url, proxy, verify))

    def send(self, request: Request) -> Reply | Lost:
        try:
            response = self._http.handle_request(_build(self._url, self._host, request))
            try:
                headers = _headers(response)
                if request.sink is not None and is_file(response.status_code, headers):
                    for piece in response.iter_bytes():
                        request.sink(piece)
                    return Reply(response.status_code, headers, b"")
                body = response.read() if "content-encoding" in headers else b"".join(response.stream)  # type: ignore[arg-type]
                return Reply(response.status_code, headers, body)
            finally:
                response.close()
        except _NOT_SENT as error:
            return lost(False, error)
        except (httpx.HTTPError, OSError) as error:
            return lost(True, error)

    def close(self) -> None:
        self._http.close()


class AsyncHttpxTransport:
    """The same for coroutines."""

    def __init__(self, url: str, *, proxy: str | None = None, verify: ssl.SSLContext | bool = True) -> None:
        self._url = httpx.URL(url)
        self._host = self._url.netloc.decode("ascii")
        self._http = httpx.AsyncHTTPTransport(**_settings(self._url, proxy, verify))

    async def send(self, request: Request) -> Reply | Lost:
        try:
            response = await self._http.handle_async_request(_build(self._url, self._host, request))
            try:
                headers = _headers(response)
                if request.sink is not None and is_file(response.status_code, headers):
                    async for piece in response.aiter_bytes():
                        request.sink(piece)
                    return Reply(response.status_code, headers, b"")
                return Reply(response.status_code, headers, await response.aread())
            finally:
                await response.aclose()
        except _NOT_SENT as error:
            return lost(False, error)
        except (httpx.HTTPError, OSError) as error:
            return lost(True, error)

    async def close(self) -> None:
        await self._http.aclose()
