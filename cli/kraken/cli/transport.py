"""HTTP for a single call, on the standard library: importing more takes longer than the call itself."""

from __future__ import annotations

import gzip
import logging
import os
import ssl
import zlib
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from urllib.parse import urlsplit

from kraken.runtime.transport import Lost, Reply, Request, is_file, lost

__all__ = ["SingleCallTransport"]

log = logging.getLogger(__name__)

_PIECE = 1 << 16
_BROKEN = (OSError, HTTPException, EOFError, zlib.error, ValueError)


class SingleCallTransport:
    """Makes a connection for each request, and knows no proxy."""

    def __init__(
        self,
        url: str,
        *,
        verify: ssl.SSLContext | bool = True,
        on_piece: Callable[[int, int | None], None] | None = None,
    ) -> None:
        """Make a transport; nothing is connected.

        Args:
            url: Scheme and host of the server, and what its paths begin with.
            verify: False switches the check of TLS certificates off; or a TLS context of your own.
            on_piece: Called with the length of each piece of a file, and with that of all of it where the server tells.
        """
        self._url = urlsplit(url)
        self._verify = verify
        self._on_piece = on_piece

    def send(self, request: Request) -> Reply | Lost:
        """Send once. Never raises for what happens on the network, and never sends twice."""
        outcome = self._send(request)
        # Of a request only what can be no secret: the query may hold a one-time password.
        told = f"HTTP {outcome.status}" if isinstance(outcome, Reply) else f"lost: {outcome.cause!r}"
        log.debug("%s %s: %s", request.method, request.target.partition("?")[0], told)
        return outcome

    def _send(self, request: Request) -> Reply | Lost:
        try:
            connection = self._connection(request.timeout)
            connection.connect()
        except (OSError, ValueError) as error:
            return lost(False, error)
        try:
            self._write(connection, request)
            return self._read(connection.getresponse(), request)
        except _BROKEN as error:
            return lost(True, error)
        finally:
            connection.close()

    def close(self) -> None:
        """Nothing stays open."""

    def _connection(self, timeout: float) -> HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme != "https":
            return HTTPConnection(host, port, timeout=timeout)
        return HTTPSConnection(host, port, timeout=timeout, context=_context(self._verify))

    def _write(self, connection: HTTPConnection, request: Request) -> None:
        target = self._url.path.rstrip("/") + request.target
        connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
        headers = {"Host": self._url.netloc, **request.headers}
        if request.body or request.method != "GET":
            headers["Content-Length"] = str(len(request.body))
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(request.body or None)

    def _read(self, response: HTTPResponse, request: Request) -> Reply:
        if response.status < 200:
            raise HTTPException(f"an interim reply with status {response.status}, which nobody asked for")
        headers = {name.lower(): value.strip() for name, value in response.getheaders()}
        packed = headers.get("content-encoding") == "gzip"
        if request.sink is not None and is_file(response.status, headers):
            source, total = (gzip.GzipFile(fileobj=response), None) if packed else (response, response.length)
            while piece := source.read(_PIECE):
                request.sink(piece)
                if self._on_piece is not None:
                    self._on_piece(len(piece), total)
            if response.length:  # reading in pieces does not tell that the rest is missing
                raise IncompleteRead(b"", response.length)
            return Reply(response.status, headers, b"")
        body = response.read()
        if not body and response.length is None and not response.chunked:
            # A head that broke off looks like one of a reply without an end, of which nothing came.
            raise IncompleteRead(b"")
        return Reply(response.status, headers, gzip.decompress(body) if packed else body)


def _context(verify: ssl.SSLContext | bool) -> ssl.SSLContext:
    """Certificates are checked against those that the environment names, else against Mozilla's, as everywhere in this package."""
    if isinstance(verify, ssl.SSLContext):
        return verify
    if not verify:
        unchecked = ssl.create_default_context()
        unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
        return unchecked
    if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"):
        return ssl.create_default_context()
    import certifi

    return ssl.create_default_context(cafile=certifi.where())
