"""The clients of a command: made when they are needed, with its key and settings, and closed behind it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .commands import Refused
from .credentials import Credentials, find_credentials
from .settings import settings_of

if TYPE_CHECKING:
    import click

    from kraken.emulator import Emulator

__all__ = ["Session", "running_emulator"]

_NAMES = {"spot": "Spot", "futures": "Futures", "unified": "Unified"}
_KEY_OF = {"spot": "spot", "futures": "futures", "unified": "spot"}
"""Which product's key each product takes."""


class Session:
    """Makes clients for one command."""

    def __init__(self, ctx: click.Context) -> None:
        """Make a session; nothing is connected or imported yet.

        Args:
            ctx: The command's context; what the session opens is closed with it.
        """
        self._ctx = ctx
        self.settings = settings_of(ctx)
        self._emulator: Emulator | None = None

    def rest(self, product: str, *, signed: bool) -> Any:
        """A blocking REST client: `SpotClient` or `FuturesClient`.

        Args:
            product: `spot` or `futures`.
            signed: Whether it needs a key; public clients never have one.

        Raises:
            Refused: There is no key, or it cannot be used.
        """
        client = self._class(product, "Client")
        options: dict[str, Any] = {"timeout": self.settings.timeout, **self._sandbox(product)}
        if emulator := self.emulator:
            options["url"] = emulator.spot_url if product == "spot" else emulator.futures_url
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
        owner = _KEY_OF[product]
        if emulator := self.emulator:
            return (
                Credentials(emulator.key, emulator.secret)
                if owner == "spot"
                else Credentials(emulator.futures_key, emulator.futures_secret)
            )
        found = find_credentials(owner, self.settings)
        if not found.key:
            prefix = f"KRAKEN_{owner.upper()}"
            raise Refused(
                f"needs an API key; store one with `kraken auth add`, set {prefix}_API_KEY and {prefix}_SECRET_KEY, or give "
                "--api-key-file"
            )
        return found

    @property
    def is_production(self) -> bool:
        """Whether commands reach the real Kraken."""
        return not (self.settings.emulator or self.settings.sandbox)

    @property
    def emulator(self) -> Emulator | None:
        """The emulator of this command, started when it is first needed; None when Kraken itself is used."""
        if self.settings.emulator and self._emulator is None:
            self._emulator = self._ctx.with_resource(running_emulator())
        return self._emulator

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
        return getattr(import_module(f"kraken.{product}"), f"{_NAMES[product]}{kind}")


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
