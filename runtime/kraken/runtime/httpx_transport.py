"""The default transport, on httpx. No type of httpx leaves this module.

httpx's transports are used without its `Client`: redirects, cookies and URL merging are not wanted here, and cost
more than the request itself.
"""

from __future__ import annotations

import ssl
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpx

from .transport import Lost, Reply, Request, is_file

__all__ = ["AsyncHttpxTransport", "HttpxTransport"]

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


def _settings(url: httpx.URL, proxy: str | None, verify: ssl.SSLContext | bool) -> dict[str, Any]:
    if proxy is None and not proxy_bypass(url.host):
        proxies = getproxies()
        proxy = proxies.get(url.scheme) or proxies.get("all")
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
    return httpx.Request(
        request.method,
        url,
        headers=headers,
        stream=httpx.ByteStream(request.body),
        extensions={
            "target": url.raw_path.rstrip(b"/") + request.target.encode("ascii"),
            "timeout": {"connect": timeout, "read": timeout, "write": timeout, "pool": timeout},
        },
    )


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
            return Lost(False, error)
        except (httpx.HTTPError, OSError) as error:
            return Lost(True, error)

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
            return Lost(False, error)
        except (httpx.HTTPError, OSError) as error:
            return Lost(True, error)

    async def close(self) -> None:
        await self._http.aclose()
