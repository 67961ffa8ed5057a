"""The server's face: HTTP requests and WebSocket handshakes, with the faults that were asked for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.websockets import WebSocket

from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.faults import CONNECT, Kind
from kraken.emulator.schema import Mode
from kraken.emulator.spot_rest import HANDLERS, SpotRest
from kraken.emulator.spot_ws import Services, Session
from kraken.emulator.wire import NotJson, dumps, loads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Receive, Scope, Send

    from kraken.emulator.specs import Operation

LOGGER = logging.getLogger(__name__)

WS_PATH = "/v2"

_GATEWAY_PAGE = (
    "<!DOCTYPE html><html><head><title>{status}</title></head>"
    "<body><h1>Error {status}</h1><p>The web server reported an error.</p></body></html>"
)


class App:
    """The ASGI application.

    Args:
        services: What all connections share.
        rest: The state behind the REST operations.
        servers: Names of the WebSocket servers by port: ``public`` and ``private``.
        abort: Resets the connection with a client address.
        connection_id: Makes connection ids.
    """

    def __init__(
        self,
        services: Services,
        rest: SpotRest,
        servers: Mapping[int, str],
        abort: Callable[[tuple[str, int]], None],
        connection_id: Callable[[], int],
    ) -> None:
        self.sessions: set[Session] = set()
        self.silent = False
        """Whether new connections are sent nothing but replies."""
        self._services = services
        self._rest = rest
        self._servers = servers
        self._abort = abort
        self._connection_id = connection_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or connection."""
        if scope["type"] == "http":
            response = await self._http(Request(scope, receive))
            await response(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(WebSocket(scope, receive, send))

    # ------------------------------------------------------------------ HTTP

    async def _http(self, request: Request) -> Response:
        body = await request.body()
        path = request.url.path
        arguments, mode, refusal = _arguments(request, body)
        self._services.record(request.method, path, arguments)
        operation = self._services.specs.operations.get(path)
        if operation is None or operation.method != request.method:
            return _envelope(Refusal(Words.UNKNOWN_METHOD))
        fault = self._services.faults.take(operation.name)
        if fault in ("reset-before", "hang-before", "html", "error-500"):
            return await self._broken(request, fault)
        answer = refusal or self._answer(operation, request, body, arguments, mode)
        response = _envelope(answer)
        return response if fault is None else await self._broken(request, fault, response)

    def _answer(
        self, operation: Operation, request: Request, body: bytes, arguments: Mapping[str, Any], mode: Mode
    ) -> str | Refusal:
        try:
            if operation.signed:
                self._check_signature(request, body, arguments)
            checked = operation.shape.check(arguments, mode)
            handler = HANDLERS.get(operation.id)
            if handler is None:
                return operation.example()
            return dumps({"error": [], "result": handler(self._rest, checked)})
        except Refusal as refusal:
            return refusal
        except Exception:
            LOGGER.exception("%s %s failed", operation.method, operation.path)
            return Refusal(Words.INTERNAL_ERROR)

    def _check_signature(self, request: Request, body: bytes, arguments: Mapping[str, Any]) -> None:
        query = request.url.query
        target = f"{request.url.path}?{query}" if query else request.url.path
        headers = request.headers
        self._services.keys.check(
            headers.get("API-Key"), headers.get("API-Sign"), arguments.get("nonce", ""), target, body
        )

    async def _broken(self, request: Request, fault: Kind, response: Response | None = None) -> Response:
        """What a client sees of a fault."""
        if fault in ("hang-before", "accept-then-hang"):
            await _disconnected(request)
        elif fault in ("reset-before", "accept-then-reset"):
            assert request.client is not None
            self._abort((request.client.host, request.client.port))
            await _disconnected(request)
        elif fault == "accept-then-garbage" and response is not None:
            whole = bytes(response.body)
            return Response(whole[: len(whole) // 2], media_type="application/json")
        status = {"html": 503, "accept-then-502": 502}.get(fault, 500)
        return HTMLResponse(_GATEWAY_PAGE.format(status=status), status)

    # ------------------------------------------------------------------ WebSocket

    async def _websocket(self, websocket: WebSocket) -> None:
        assert websocket.client is not None
        client = (websocket.client.host, websocket.client.port)
        fault = self._services.faults.take(CONNECT)
        if fault == "reset-before":
            self._abort(client)
        elif fault == "hang-before":
            await websocket.receive()
            await websocket.receive()
        elif fault is not None or websocket.url.path != WS_PATH:
            status = 404 if fault is None else 503 if fault == "html" else 500
            await websocket.send_denial_response(HTMLResponse(_GATEWAY_PAGE.format(status=status), status))
        else:
            await self._serve(websocket, client)

    async def _serve(self, websocket: WebSocket, client: tuple[str, int]) -> None:
        await websocket.accept()
        server = self._servers[websocket.scope["server"][1]]
        session = Session(self._services, websocket, server, self._connection_id(), lambda: self._abort(client))
        session.silent = self.silent
        self.sessions.add(session)
        try:
            await session.run()
        finally:
            self.sessions.discard(session)


async def _disconnected(request: Request) -> None:
    message = await request.receive()
    while message["type"] != "http.disconnect":
        message = await request.receive()


def _envelope(answer: str | Refusal) -> Response:
    body = dumps({"error": [str(answer)]}) if isinstance(answer, Refusal) else answer
    return Response(body, media_type="application/json")


def _arguments(request: Request, body: bytes) -> tuple[dict[str, Any], Mode, Refusal | None]:
    """Arguments of a request, how they came, and why they cannot be used if that is so."""
    if request.method == "GET":
        return _pairs(request.url.query)
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            given = loads(body or b"{}")
        except NotJson:
            given = None
        if isinstance(given, dict):
            return given, Mode.LENIENT, None
        return {}, Mode.LENIENT, Refusal(Words.BAD_REQUEST)
    return _pairs(body.decode("utf-8", "replace"))


def _pairs(text: str) -> tuple[dict[str, Any], Mode, Refusal | None]:
    pairs = parse_qsl(text, keep_blank_values=True)
    given = dict(pairs)
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    return given, Mode.TEXT, None if twice is None else InvalidArgument(twice)
