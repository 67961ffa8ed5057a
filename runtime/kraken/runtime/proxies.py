"""Which proxy a server is reached through."""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit

from .checks import proxy_url

__all__ = ["proxy_of"]


def proxy_of(url: str, proxy: str | None) -> str | None:
    """The address of the proxy for a server: the given one, else that of the environment, if there is one."""
    return proxy or _environment_proxy(url)


def _environment_proxy(url: str) -> str | None:
    asks_system = sys.platform in ("darwin", "win32")
    if not asks_system and not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    # It takes long to import, and there is rarely a proxy.
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    return proxy_url(found if "://" in found else f"http://{found}") if found else None
