"""The clients of a command: made when they are needed, with its key and settings, and closed behind it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from kraken.commands import PRODUCTS
from kraken.runtime.proxies import proxy_of

from .commands import Refused
from .credentials import Credentials, find_credentials, missing_key
from .settings import settings_of

if TYPE_CHECKING:
    import click

    from kraken.emulator import Emulator

__all__ = ["Session", "running_emulator"]


class Session:
    """Makes clients for one command."""

    def __init__(self, ctx: click.Context) -> None:
        """Make a session; nothing is connected or imported yet.

        Args:
            ctx: The command's context; what the session opens is closed with it.
        """
        from .logs import plain_warnings

        ctx.with_resource(plain_warnings())
        self._ctx = ctx
        self.settings = settings_of(ctx)
        self._emulator: Emulator | None = None

    def rest(
        self,
        product: str,
        *,
        signed: bool,
        host: str = "",
        calls: int = 1,
        on_piece: Callable[[int, int | None], None] | None = None,
    ) -> Any:
        """A blocking REST client: `SpotClient` or `FuturesClient`.

        Args:
            product: `spot` or `futures`.
            signed: Whether it needs a key; public clients never have one.
            host: Another address than Kraken's own; an emulator goes before it.
            calls: About how many calls it will make; for many, connections are kept.
            on_piece: Called with the length of each piece of a file, and with that of all of it where the server tells.

        Raises:
            Refused: There is no key, or it cannot be used.
        """
        url = self._address(product, host)
        options: dict[str, Any] = {"url": url, "timeout": self.settings.timeout}
        if calls == 1 and proxy_of(url, None) is None:
            from .transport import SingleCallTransport

            options["transport"] = SingleCallTransport(url, on_piece=on_piece)
        client = self._class(product, "Client")
        return self._ctx.with_resource(client(*self.credentials(product, signed=signed), **options))

    def sockets(self, product: str, *, signed: bool, kind: str = "WSClient", **more: Any) -> Any:
        """A WebSocket client, not yet started: `async with session.sockets("spot", signed=False) as ws:`.

        Args:
            product: `spot`, `futures` or `unified`.
            signed: Whether it needs a key.
            kind: `WSClient`, `OrderBookClient`, or `Level3BookClient` where the product has one.
            more: Further options of the client, such as the `depth` of books.

        Raises:
            Refused: There is no key, or it cannot be used.
        """
        client = self._class(product, kind)
        options: dict[str, Any] = {"timeout": self.settings.timeout, **more, **self._sandbox(product)}
        if emulator := self.emulator:
            options |= addresses(emulator, product)
        if product == "futures" and kind == "OrderBookClient":
            options.pop("rest_url", None)  # its books are public, so it takes neither a key nor where to ask for one
        else:
            options["key"], options["secret"] = self.credentials(product, signed=signed)
        return client(**options)

    def credentials(self, product: str, *, signed: bool) -> Credentials:
        """The key for a product; an empty one for public calls, also while the environment holds a broken key.

        Raises:
            Refused: A key is needed, and there is none.
        """
        if not signed:
            return Credentials()
        found = self.key_if_any(product)
        if not found:
            raise Refused(f"{self._ctx.command_path} {self.missing_key(product)}")
        return found

    def key_if_any(self, product: str) -> Credentials | None:
        """The key for a product, if there is one."""
        owner = PRODUCTS[product].key_of
        if emulator := self.emulator:
            of_futures = Credentials(emulator.futures_key, emulator.futures_secret)
            return Credentials(emulator.key, emulator.secret) if owner == "spot" else of_futures
        found = find_credentials(owner, self.settings)
        return found if found.key else None

    @staticmethod
    def missing_key(product: str) -> str:
        """What to say when there is no key: that one is needed, and how to give it."""
        return missing_key(PRODUCTS[product].key_of)

    @property
    def is_production(self) -> bool:
        """Whether commands reach the real Kraken."""
        return not (self.settings.emulator or self.settings.emulator_file or self.settings.sandbox)

    @property
    def emulator(self) -> Emulator | None:
        """The emulator of this command, started when it is first needed; None when Kraken itself is used."""
        if self._emulator is None and self.settings.emulator_file:
            self._emulator = _described(self.settings.emulator_file)
        elif self._emulator is None and self.settings.emulator:
            self._emulator = self._ctx.with_resource(running_emulator())
        return self._emulator

    def _address(self, product: str, host: str) -> str:
        """Where the REST API of a product is."""
        if emulator := self.emulator:
            return str(emulator.spot_url if product == "spot" else emulator.futures_url)
        known = import_module(f"kraken.{product}.product").PRODUCT
        return str(host or (known.sandbox_url if self._sandbox(product) else known.url))

    def _sandbox(self, product: str) -> dict[str, bool]:
        if not self.settings.sandbox:
            return {}
        if product != "futures":
            raise Refused(
                "--sandbox: Kraken has a test environment for Futures only; --emulator works for all products"
            )
        return {"sandbox": True}

    @staticmethod
    def _class(product: str, kind: str) -> Any:
        return getattr(import_module(f"kraken.{product}"), f"{product.title()}{kind}")


def running_emulator() -> AbstractContextManager[Emulator]:
    """An emulator for the length of a command.

    Raises:
        Refused: What the emulator needs is not installed.
    """
    try:
        from kraken.emulator import Emulator
    except ModuleNotFoundError as error:
        raise Refused(
            f"--emulator: the module {error.name!r} is missing; install it with: pip install 'kraken-typed-sdk[emulator]'"
        ) from error
    return Emulator()


def _described(path: str) -> Any:
    """A running emulator, as it describes itself in a file."""
    try:
        return SimpleNamespace(**json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise Refused(f"--emulator-file: {path}: not what a running emulator has written: {error}") from None


def addresses(emulator: Emulator, product: str) -> dict[str, Any]:
    """The addresses of an emulator, as the WebSocket clients of a product take them."""
    if product == "futures":
        return {"rest_url": emulator.futures_url, "url": emulator.futures_ws_url}
    if product == "unified":
        base = emulator.unified_ws_url
        return {
            "rest_url": emulator.spot_url,
            "ws_url": base,
            "auth_ws_url": base,
            "socket_urls": {"level3": base},
        }
    return {
        "rest_url": emulator.spot_url,
        "ws_url": emulator.spot_ws_url,
        "auth_ws_url": emulator.spot_ws_auth_url,
        "socket_urls": {"level3": emulator.spot_ws_level3_url},
    }
