"""The interface of old: plain dicts in, plain dicts out, nothing checked but what must be known to route them."""

from __future__ import annotations

import logging
from typing import Any

from ..errors import ExchangeError, InvalidRequest, ReplyLost
from .client import WebSocketClient
from .protocol import Channel

__all__ = ["ParamsClient"]

log = logging.getLogger("kraken.runtime.websocket")


class ParamsClient(WebSocketClient):
    """A client that is also told what to subscribe by the parameters of the request, as a dict."""

    async def subscribe(self, params: dict[str, Any], req_id: int | None = None) -> None:
        """Subscribe to a channel; its messages go to `on_message`, the callback and handlers.

        The parameters are sent as they are, with a token where one is needed, and again after each reconnect. A
        refusal is logged, and arrives as a message. For typed parameters and results use the channel's own method.

        Args:
            params: Parameters of the request, with at least `channel`.
            req_id: Id that the replies shall carry.

        Raises:
            InvalidRequest: There is no `channel`, or it needs a key and this client has none.
            NotSent: No connection could be made.
        """
        channel = self._channel_of(params)
        request = {name: value for name, value in params.items() if name not in ("channel", "token")}
        session = self._session(channel.socket)
        session.want(self._lenient, channel, request, req_id)
        try:
            await session.settle(self._lenient)
        except (ExchangeError, ReplyLost) as error:
            log.warning("subscribing failed: %s", error)

    async def unsubscribe(self, params: dict[str, Any], req_id: int | None = None) -> None:
        """Unsubscribe from a channel that was subscribed with `subscribe`.

        Args:
            params: Parameters of the request, with at least `channel`.
            req_id: Id that the replies shall carry.

        Raises:
            InvalidRequest: There is no `channel`, or it needs a key and this client has none.
        """
        channel = self._channel_of(params)
        session = self._session(channel.socket)
        values = params.get(channel.each) if channel.each else None
        given = [s for s in session.owned(self._lenient) if s.channel.name == channel.name]
        if values is not None:
            given = [s for s in given if s.value in values]
        await session.ended(session.unwant(self._lenient, given, req_id))

    async def send_message(self, message: dict[str, Any], raw: bool = False) -> None:
        """Send a message as it is; replies arrive in `on_message`.

        Args:
            message: The message, with at least `method`.
            raw: Send it without adding a token, and without remembering subscriptions for a reconnect.

        Raises:
            InvalidRequest: The message has no method, or it needs a key and this client has none.
            NotSent: There is no connection.
        """
        if not isinstance(message, dict) or not isinstance(message.get("method"), str):
            raise InvalidRequest("message: a dict with a text as 'method' is needed")
        name = message["method"]
        if name in ("subscribe", "unsubscribe"):
            channel = self._channel_of(message.get("params"))
            if not raw:
                act = self.subscribe if name == "subscribe" else self.unsubscribe
                await act(message["params"], message.get("req_id"))
                return
            socket, auth = channel.socket, channel.auth
        else:
            method = self.methods.get(name)
            socket = method.socket if method else self._default_socket()
            auth = method is not None and method.auth
        self._require_key(auth, name)
        await self._session(socket).send(message, auth and not raw)

    async def get_ws_token(self) -> dict[str, Any]:
        """Ask the exchange for a token; the client does so by itself where one is needed.

        Returns:
            `token`, and its lifetime in seconds as `expires`.
        """
        self._require_key(True, "get_ws_token")
        token, expires = await self._fetch_token()
        return {"token": token, "expires": expires}

    @property
    def active_public_subscriptions(self) -> list[dict[str, Any]]:
        """The live subscriptions that need no token, each as the parameters of its request.

        Raises:
            ConnectionError: The client was made with `no_public`.
        """
        if self._no_public:
            raise ConnectionError("this client was made without public connections")
        return self._live(auth=False)

    @property
    def active_private_subscriptions(self) -> list[dict[str, Any]]:
        """The live subscriptions that need a token, each as the parameters of its request, without the token.

        Raises:
            ConnectionError: The client has no key.
        """
        if not self._key:
            raise ConnectionError("this client has no key, and so no private connections")
        return self._live(auth=True)

    def _live(self, auth: bool) -> list[dict[str, Any]]:
        return [
            request
            for name, session in self._sessions.items()
            if self.sockets[name].auth is auth
            for request in session.live()
        ]

    def _channel_of(self, params: Any) -> Channel:
        name = params.get("channel") if isinstance(params, dict) else None
        if not isinstance(name, str):
            raise InvalidRequest("params: a dict with a text as 'channel' is needed")
        channel = self.channels.get(name)
        if channel is None:
            # A channel this version does not know: every parameter counts as part of its identity.
            others = tuple(key for key in params if key not in ("channel", "token"))
            channel = Channel(name, self._default_socket(), unsubscribe=others, key=others)
        self._require_key(channel.auth, name)
        return channel

    def _default_socket(self) -> str:
        return next(name for name, socket in self.sockets.items() if not socket.auth)
