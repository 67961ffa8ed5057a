"""The server's face: HTTP requests and WebSocket handshakes, with the faults that were asked for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.websockets import WebSocket

from kraken.emulator import problems
from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.faults import CONNECT, Kind
from kraken.emulator.schema import Mode
from kraken.emulator.spot_ws import Services, Session
from kraken.emulator.wire import NotJson, dumps, loads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Receive, Scope, Send

    from kraken.emulator.handlers import Answer
    from kraken.emulator.specs import Operation

LOGGER = logging.getLogger(__name__)

WS_PATH = "/v2"
JSON = "application/json"

_GATEWAY_PAGE = (
    "<!DOCTYPE html><html><head><title>{status}</title></head>"
    "<body><h1>Error {status}</h1><p>The web server reported an error.</p></body></html>"
)


class Given(NamedTuple):
    """The arguments of a request."""

    values: Mapping[str, Any]
    mode: Mode
    """How those in the body came."""
    refusal: Refusal | None = None
    """Why they cannot be used, if that is so."""


class App:
    """The ASGI application.

    Args:
        services: What all connections share.
        answers: What answers the REST operations, by operation id; the others answer with their canned example.
        pass_time: Does what is due, before each request.
        servers: Names of the WebSocket servers by port: ``public``, ``private`` and ``level3``.
        abort: Resets the connection with a client address, or ends it in an orderly way behind the bytes that it is
            given.
        banned: Whether one more WebSocket handshake is one too many.
        connection_id: Makes connection ids.
    """

    def __init__(
        self,
        services: Services,
        answers: Mapping[str, Answer],
        pass_time: Callable[[], None],
        servers: Mapping[int, str],
        abort: Callable[[tuple[str, int], bytes], None],
        connection_id: Callable[[], int],
        banned: Callable[[], bool],
    ) -> None:
        self.sessions: set[Session] = set()
        self.silent = False
        """Whether new connections are sent nothing but replies."""
        self._services = services
        self._answers = answers
        self._pass_time = pass_time
        self._servers = servers
        self._abort = abort
        self._connection_id = connection_id
        self._banned = banned

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
        path = request.scope["raw_path"].decode("ascii")
        operation, in_path = self._services.specs.route(request.method, path) or (None, {})
        given = _given(request, body, operation, in_path)
        self._services.record(request.method, path, given.values)
        if operation is None:
            return _unknown(path)
        fault = self._services.faults.take(operation.name)
        if fault in ("reset-before", "hang-before", "html", "error-500"):
            return await self._broken(request, fault)
        response = self._answer(operation, request, body, given)
        return response if fault is None else await self._broken(request, fault, response)

    def _answer(self, operation: Operation, request: Request, body: bytes, given: Given) -> Response:
        try:
            if given.refusal is not None:
                raise given.refusal
            if operation.signed:
                self._check_signature(operation, request, body, given.values)
            arguments = operation.shape.check(given.values, given.mode)
            self._pass_time()
            answer = self._answers.get(operation.id)
            if answer is None:
                return Response(operation.example(), media_type=operation.media)
            return _success(operation, answer(arguments))
        except Refusal as refusal:
            return _refusal(operation, refusal)
        except Exception:
            LOGGER.exception("%s %s failed", operation.method, operation.path)
            return _refusal(operation, Refusal(Words.INTERNAL_ERROR))

    def _check_signature(
        self, operation: Operation, request: Request, body: bytes, arguments: Mapping[str, Any]
    ) -> None:
        path, query = request.scope["raw_path"].decode("ascii"), request.scope["query_string"].decode("ascii")
        headers = request.headers
        if operation.signing == "spot-funding":
            nonce, otp = headers.get("API-Nonce", ""), headers.get("API-OTP")
        else:
            nonce, otp = arguments.get("nonce", ""), arguments.get("otp")
        target = f"{path}?{query}" if query else path
        self._services.keys.check(headers.get("API-Key"), headers.get("API-Sign"), nonce, target, body, otp)

    async def _broken(self, request: Request, fault: Kind, response: Response | None = None) -> Response:
        """What a client sees of a fault."""
        if fault in ("hang-before", "accept-then-hang"):
            await _disconnected(request)
        elif fault in ("reset-before", "accept-then-reset"):
            assert request.client is not None
            self._abort((request.client.host, request.client.port), b"")
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
        if self._banned():
            await websocket.send_denial_response(HTMLResponse(_GATEWAY_PAGE.format(status=429), 429))
        elif fault == "reset-before":
            self._abort(client, b"")
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
        session = Session(
            self._services, websocket, server, self._connection_id(), lambda last: self._abort(client, last)
        )
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


def _success(operation: Operation, result: Any) -> Response:
    if isinstance(result, bytes):
        return Response(result, media_type=operation.media)
    wrapped = result if operation.envelope == "bare" else {"error": [], "result": result}
    return Response(dumps(wrapped), media_type=JSON)


def _refusal(operation: Operation, refusal: Refusal) -> Response:
    if operation.envelope == "bare":
        found = problems.problem(refusal)
        return Response(dumps(found), found["status"], media_type=problems.MEDIA)
    return _wrapped(refusal)


def _wrapped(refusal: Refusal, status: int = 200) -> Response:
    return Response(dumps({"error": [str(refusal)]}), status, media_type=JSON)


def _unknown(path: str) -> Response:
    """Unknown paths are wrapped everywhere; only the old ones hide that from HTTP."""
    return _wrapped(Refusal(Words.UNKNOWN_METHOD), 200 if path.startswith("/0/") else 404)


def _given(request: Request, body: bytes, operation: Operation | None, in_path: Mapping[str, str]) -> Given:
    """Arguments from all places, refused where they do not belong."""
    in_body = _in_body(request, body, json_only=operation is not None and operation.signing == "spot-funding")
    query, twice = _pairs(request.scope["query_string"])
    found: dict[str, Any] = {}
    refusal = in_body.refusal or twice
    for place, values in (("path", in_path), ("query", query), ("body", in_body.values)):
        for name, value in values.items():
            expected = None if operation is None else operation.places.get(name.partition("[")[0])
            if name in found or expected not in (place, None):
                refusal = refusal or InvalidArgument(name, unknown=True)
            found[name] = value
    return Given(found, in_body.mode, refusal)


def _in_body(request: Request, body: bytes, *, json_only: bool) -> Given:
    """Arguments in the body, which is JSON or a form; with ``json_only`` it is JSON, or empty where there is none."""
    if request.method in ("GET", "DELETE"):
        return Given({}, Mode.TEXT, Refusal(Words.BAD_REQUEST) if json_only and body else None)
    if request.headers.get("content-type", "").startswith(JSON):
        try:
            given = loads(body or b"{}")
        except NotJson:
            given = None
        if isinstance(given, dict):
            return Given(given, Mode.LENIENT)
    elif not json_only:
        values, twice = _pairs(body)
        return Given(values, Mode.TEXT, twice)
    return Given({}, Mode.LENIENT, Refusal(Words.BAD_REQUEST))


def _pairs(text: bytes) -> tuple[dict[str, str], Refusal | None]:
    pairs = parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True)
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    return dict(pairs), None if twice is None else InvalidArgument(twice)
