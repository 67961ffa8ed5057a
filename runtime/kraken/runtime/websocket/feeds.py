"""Clients of a protocol whose channels are feeds, which are asked for by name and products."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import CredentialsError, ExchangeError, Facts, InvalidRequest, ReplyLost
from .books import SequencedBookClient
from .client import WebSocketClient

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from .pacing import Timing
    from .protocol import Channel

__all__ = ["FeedBookClient", "FeedClient"]

log = logging.getLogger("kraken.runtime.websocket")


class FeedClient(WebSocketClient):
    """A client that is also told by name which feeds to subscribe, and whose key proves itself by signing a challenge."""

    sandbox_sockets: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        key: str = "",
        secret: str = "",
        url: str = "",
        callback: Callable[[dict[str, Any]], Any] | None = None,
        *,
        sandbox: bool = False,
        no_public: bool = False,
        rest_url: str = "",
        proxy: str | None = None,
        verify: ssl.SSLContext | bool = True,
        timeout: float = 10.0,
        silence_timeout: float | None = 10.0,
        buffer_size: int = 10_000,
        max_size: int = 64 * 2**20,
        timing: Timing | None = None,
    ) -> None:
        """Make a client.

        Args:
            key: API key; leave it and the secret out for public data only.
            secret: The key's secret, base64 text as the exchange shows it.
            url: Address of the exchange, with or without `wss://` and the path.
            callback: Function or coroutine function that is called with every message as a plain dict.
            sandbox: Connect to the exchange's test environment.
            no_public: Do not open the public socket in `start()`.
            rest_url: Base address of the REST API, which `account()` asks for what it missed; on the same host when left
                out.
            proxy: Address of a proxy; that of the environment when left out.
            verify: False switches the check of TLS certificates off; or a TLS context of your own.
            timeout: Seconds to wait for a connection, and for the reply to a request.
            silence_timeout: Seconds without any message after which the exchange is asked for a sign of life, and the
                connection is made anew if none comes. None never asks.
            buffer_size: How many items may wait in a stream, and how many calls of handlers.
            max_size: Largest message that is accepted, in bytes.
            timing: Clock, sleep and random numbers, for tests.

        Raises:
            CredentialsError: Key or secret cannot be used.
            InvalidRequest: An option is not allowed.
        """
        addresses = self._addresses(url, sandbox)
        super().__init__(
            key,
            secret,
            callback,
            no_public=no_public,
            rest_url=rest_url or self._rest_address(addresses),
            socket_urls=addresses,
            proxy=proxy,
            verify=verify,
            timeout=timeout,
            silence_timeout=silence_timeout,
            buffer_size=buffer_size,
            max_size=max_size,
            timing=timing,
        )

    @classmethod
    def _addresses(cls, url: str, sandbox: bool) -> dict[str, str]:
        """Base addresses of the sockets that are not the default."""
        if not url:
            return dict(cls.sandbox_sockets) if sandbox else {}
        found = {}
        for name, socket in cls.sockets.items():
            base = url.rstrip("/").removesuffix(socket.path)
            found[name] = base if "://" in base else f"wss://{base}"
        return found

    @classmethod
    def _rest_address(cls, addresses: Mapping[str, str]) -> str:
        """Base address of the REST API on the host of the private socket."""
        name = cls._socket(auth=True)
        return addresses.get(name, cls.sockets[name].url).replace("ws", "http", 1)

    def _sign(self, challenge: str) -> str:
        from ..signing import sign_challenge

        return sign_challenge(self._key, self._secret, challenge)

    # ------------------------------------------------------------------ the interface of old

    async def subscribe(self, feed: str, products: list[str] | None = None) -> None:
        """Subscribe to a feed; its messages go to `on_message`, the callback and handlers.

        It is subscribed again after each reconnect. A refusal is logged, and arrives as a message. For typed items use
        the feed's own method.

        Args:
            feed: Name of the feed.
            products: The contracts, for feeds that have such.

        Raises:
            TypeError: `products` is no list.
            ValueError: There is no such feed, or it takes no products.
            InvalidRequest: The feed needs a key and this client has none.
            NotSent: No connection could be made.
        """
        channel, request = self._asked(feed, products)
        session = self._session(channel.socket)
        session.want(self._lenient, channel, request)
        try:
            await session.settle(self._lenient)
        except (ExchangeError, ReplyLost) as error:
            log.warning("subscribing failed: %s", error)

    async def unsubscribe(self, feed: str, products: list[str] | None = None) -> None:
        """Unsubscribe from a feed that was subscribed with `subscribe`.

        Args:
            feed: Name of the feed.
            products: The contracts; all of the feed when left out. Of a feed that is subscribed as a whole, those that
                it was subscribed with.

        Raises:
            TypeError: `products` is no list.
            ValueError: There is no such feed, or it takes no products.
            InvalidRequest: The feed needs a key and this client has none.
        """
        channel, request = self._asked(feed, products)
        session = self._session(channel.socket)
        given = [s for s in session.owned(self._lenient) if s.channel.name == feed]
        if products is not None:
            given = [s for s in given if s.value in products or s.parameters == request]
        await session.ended(session.unwant(self._lenient, given))

    def _asked(self, feed: str, products: list[str] | None) -> tuple[Channel, dict[str, Any]]:
        if products is not None and not isinstance(products, list):
            raise TypeError(f"products: {products!r} is not allowed; allowed: a list of contracts")
        channel = self.channels.get(feed)
        if channel is None:
            raise ValueError(f"feed: {feed!r} is unknown; allowed: {', '.join(self.channels)}")
        if products is not None and not channel.unsubscribe:
            raise ValueError(f"feed: {feed!r} takes no products")
        self._require_key(channel.auth, feed)
        return channel, {} if products is None else dict.fromkeys(channel.unsubscribe, products)

    async def send_message(self, message: dict[str, Any], private: bool = False) -> None:
        """Send a message as it is; replies arrive in `on_message`, and nothing is sent again after a reconnect.

        Args:
            message: The message.
            private: Whether key and signed challenge are added.

        Raises:
            InvalidRequest: It is no dict, or it needs a key and this client has none.
            NotSent: There is no connection.
        """
        if not isinstance(message, dict):
            raise InvalidRequest(f"message: {message!r} is not allowed; allowed: a dict")
        self._require_key(private, "send_message")
        await self._session(self._socket(auth=private)).send(message, private)

    @classmethod
    def _socket(cls, *, auth: bool) -> str:
        return next(name for name, socket in cls.sockets.items() if socket.auth is auth)

    def get_sign_challenge(self, challenge: str) -> str:
        """Sign a challenge; the client does so by itself.

        Raises:
            CredentialsError: The client has no key.
        """
        if not self._key:
            raise CredentialsError("needs an API key and its secret", Facts("get_sign_challenge", sent=False))
        return self._sign(challenge)

    @classmethod
    def get_available_public_subscription_feeds(cls) -> list[str]:
        """Names of the feeds that need no key."""
        return [name for name, channel in cls.channels.items() if not channel.auth]

    @classmethod
    def get_available_private_subscription_feeds(cls) -> list[str]:
        """Names of the feeds that need a key."""
        return [name for name, channel in cls.channels.items() if channel.auth]

    def get_active_subscriptions(self) -> list[dict[str, Any]]:
        """The live subscriptions, each as its request without key and signature."""
        verb, channel = self.dialect.verb, self.dialect.channel
        return [
            {verb: "subscribe", channel: request.pop("channel"), **request}
            for session in self._sessions.values()
            for request in session.live()
        ]

    @property
    def key(self) -> str:
        """The API key; empty without one."""
        return self._key

    async def stop(self) -> None:
        """Close the client; `close` is the name of it now."""
        warnings.warn("stop() is deprecated; use close()", DeprecationWarning, stacklevel=2)
        await self.close()


class FeedBookClient(FeedClient, SequencedBookClient):
    """Keeps whole order books from a feed of numbered changes."""

    def __init__(
        self,
        callback: Callable[..., Any] | None = None,
        *,
        url: str = "",
        sandbox: bool = False,
        proxy: str | None = None,
        verify: ssl.SSLContext | bool = True,
        timeout: float = 10.0,
        silence_timeout: float | None = 10.0,
        buffer_size: int = 10_000,
        max_size: int = 64 * 2**20,
        timing: Timing | None = None,
    ) -> None:
        """Make a client.

        Args:
            callback: Function or coroutine function, called with `pair` and `message` after each update.
            url: Address of the exchange, with or without `wss://` and the path.
            sandbox: Connect to the exchange's test environment.
            proxy: Address of a proxy; that of the environment when left out.
            verify: False switches the check of TLS certificates off; or a TLS context of your own.
            timeout: Seconds to wait for a connection, and for the reply to a request.
            silence_timeout: Seconds without any message after which the connection is questioned; None never does.
            buffer_size: How many calls of the callback may wait.
            max_size: Largest message that is accepted, in bytes.
            timing: Clock, sleep and random numbers, for tests.

        Raises:
            InvalidRequest: An option is not allowed.
        """
        super().__init__(
            url=url,
            sandbox=sandbox,
            proxy=proxy,
            verify=verify,
            timeout=timeout,
            silence_timeout=silence_timeout,
            buffer_size=buffer_size,
            max_size=max_size,
            timing=timing,
        )
        self._keep_books(callback)
