"""Which proxy a server is reached through."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from .checks import proxy_url

__all__ = ["proxy_of"]


def proxy_of(url: str, proxy: str | None) -> str | None:
    """The address of the proxy for a server: the given one, else that of the environment, if there is one."""
    return proxy or _environment_proxy(url)


def _environment_proxy(url: str) -> str | None:
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    return proxy_url(found if "://" in found else f"http://{found}") if found else None
