"""What callers may pass to a client besides arguments, checked when it is given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from .errors import Facts, InvalidRequest

__all__ = ["base_url", "header_fields", "path", "proxy_url", "seconds", "verb"]

_LONGEST = 86400.0
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z\-]+").fullmatch
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*").fullmatch
_PATH = re.compile(r"[\x21-\x7e]*").fullmatch
_VERB = re.compile(r"[A-Za-z]+").fullmatch
_PROXIES = ("http", "https", "socks5", "socks5h")


def base_url(url: str) -> str:
    """The address of a server, without a slash at its end."""
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise refused(f"url: {url!r} is not an address; allowed: https://host")
    return url.rstrip("/")


def proxy_url(proxy: str) -> str:
    """The address of a proxy. It may hold a password, so it is not shown when it is refused."""
    parts = _split(proxy)
    if parts is None or parts.scheme not in _PROXIES:
        raise refused("proxy: not an address; allowed: http://host:port, https://host:port, socks5://host:port")
    return proxy


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        known = parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if known and _PATH(url) else None


def seconds(timeout: float) -> float:
    """A time to wait for."""
    if not isinstance(timeout, int | float) or isinstance(timeout, bool) or not 0 < timeout <= _LONGEST:
        raise refused(f"timeout: {timeout!r} is not a time to wait; allowed: seconds above 0, up to {_LONGEST:g}")
    return timeout


def header_fields(headers: Mapping[str, str] | None) -> Mapping[str, str]:
    """Further HTTP headers. Their values may be secrets, so they are not shown when they are refused."""
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not _HEADER_NAME(name):
            raise refused(f"headers: {name!r} is not the name of a header")
        if not isinstance(value, str) or not _HEADER_VALUE(value):
            raise refused(f"headers: the value of {name!r} is not a line of printable ASCII text")
    return headers or {}


def path(name: str, value: str) -> str:
    """A path or query that is sent as it is."""
    if not _PATH(value):
        raise refused(f"{name}: {value!r} is not encoded; allowed: printable ASCII characters without blanks")
    return value


def verb(method: str) -> str:
    """An HTTP method."""
    if not _VERB(method):
        raise refused(f"method: {method!r}; allowed: GET, POST, PUT, DELETE")
    return method.upper()


def refused(reason: str) -> InvalidRequest:
    """The error for what was refused before anything was sent."""
    return InvalidRequest(reason, Facts(sent=False))
