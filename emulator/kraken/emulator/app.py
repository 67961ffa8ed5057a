"""The server's face: HTTP requests and WebSocket handshakes, with the faults that were asked for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.websockets import WebSocket

from kraken.emulator.connection import Link
from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.faults import CONNECT, Kind
from kraken.emulator.schema import Mode
from kraken.emulator.site import JSON, Signed
from kraken.emulator.wire import NotJson, loads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Receive, Scope, Send

    from kraken.emulator.connection import Connection, Services
    from kraken.emulator.site import Site
    from kraken.emulator.specs import Operation

LOGGER = logging.getLogger(__name__)

PINGED = "kraken.pinged"
"""Where the scope of a WebSocket has what is to be called when a ping of the protocol comes."""

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


class Door(NamedTuple):
    """Where WebSocket connections come in."""

    name: str
    """Such as ``public``, ``private`` or ``futures``."""
    serve: Callable[[Link], Connection]
    full: Callable[[], bool]
    """Whether one more connection is one too many."""


class App:
    """The ASGI application.

    Args:
        services: What all connections share, whatever they are for.
        sites: What answers HTTP requests, by port.
        pass_time: Does what is due, before each request.
        doors: Where WebSocket connections come in, by port and path.
        abort: Resets the connection with a client address, or ends it in an orderly way behind the bytes that it is
            given.
        connection_id: Makes connection ids.
    """

    def __init__(
        self,
        services: Services,
        sites: Mapping[int, Site],
        pass_time: Callable[[], None],
        doors: Mapping[tuple[int, str], Door],
        abort: Callable[[tuple[str, int], bytes], None],
        connection_id: Callable[[], int],
    ) -> None:
        self.connections: set[Connection] = set()
        self.silent = False
        """Whether new connections are sent nothing but replies."""
        self._services = services
        self._sites = sites
        self._pass_time = pass_time
        self._doors = doors
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
        site = self._sites[request.scope["server"][1]]
        path = request.scope["raw_path"].decode("ascii")
        operation, in_path = site.specs.route(request.method, path) or (None, {})
        given = _given(request, body, operation, in_path, anywhere=site.takes_query)
        self._services.record(request.method, path, given.values)
        if operation is None:
            return site.unknown(path)
        fault = self._services.faults.take(operation.name)
        if fault in ("reset-before", "hang-before", "html", "error-500"):
            return await self._broken(request, fault)
        response = self._answer(site, operation, Signed.of(request, body, given.values), given)
        return response if fault is None else await self._broken(request, fault, response)

    def _answer(self, site: Site, operation: Operation, request: Signed, given: Given) -> Response:
        try:
            if given.refusal is not None:
                raise given.refusal
            if operation.signed:
                site.authenticate(operation, request)
            arguments = operation.shape.check(given.values, given.mode)
            site.admit(operation, arguments)
            self._pass_time()
            answer = site.answers.get(operation.id)
            return site.canned(operation) if answer is None else site.success(operation, answer(arguments))
        except Refusal as refusal:
            return site.refusal(operation, refusal)
        except Exception:
            LOGGER.exception("%s %s failed", operation.method, operation.path)
            return site.refusal(operation, Refusal(Words.INTERNAL_ERROR))

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
        door = self._doors.get((websocket.scope["server"][1], websocket.url.path))
        if door is not None and door.full():
            await websocket.send_denial_response(HTMLResponse(_GATEWAY_PAGE.format(status=429), 429))
        elif fault == "reset-before":
            self._abort(client, b"")
        elif fault == "hang-before":
            await websocket.receive()
            await websocket.receive()
        elif fault is not None or door is None:
            status = 404 if fault is None else 503 if fault == "html" else 500
            await websocket.send_denial_response(HTMLResponse(_GATEWAY_PAGE.format(status=status), status))
        else:
            await self._serve(websocket, client, door)

    async def _serve(self, websocket: WebSocket, client: tuple[str, int], door: Door) -> None:
        await websocket.accept()
        link = Link(websocket, door.name, self._connection_id(), lambda last: self._abort(client, last))
        connection = door.serve(link)
        connection.silent = self.silent
        websocket.scope[PINGED] = connection.pinged
        self.connections.add(connection)
        try:
            await connection.run()
        finally:
            self.connections.discard(connection)


async def _disconnected(request: Request) -> None:
    message = await request.receive()
    while message["type"] != "http.disconnect":
        message = await request.receive()


def _given(
    request: Request, body: bytes, operation: Operation | None, in_path: Mapping[str, str], *, anywhere: bool
) -> Given:
    """Arguments from all places, refused where they do not belong; ``anywhere`` is in the query and in the body."""
    in_body = _in_body(request, body, operation)
    query, twice = _pairs(request.scope["query_string"], operation)
    found: dict[str, Any] = {}
    refusal = in_body.refusal or twice
    for place, values in (("path", in_path), ("query", query), ("body", in_body.values)):
        for name, value in values.items():
            expected = None if operation is None else operation.places.get(name.partition("[")[0])
            allowed = (place, None) if place == "path" or not anywhere else ("query", "body", None)
            if name in found or expected not in allowed:
                refusal = refusal or InvalidArgument(name, unknown=True)
            found[name] = value
    return Given(found, in_body.mode, refusal)


def _in_body(request: Request, body: bytes, operation: Operation | None) -> Given:
    """Arguments in the body, which is JSON or a form; Funding (Beta) takes no forms, and no body where none belongs."""
    json_only = operation is not None and operation.signing == "spot-funding"
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
        values, twice = _pairs(body, operation)
        return Given(values, Mode.TEXT, twice)
    return Given({}, Mode.LENIENT, Refusal(Words.BAD_REQUEST))


def _pairs(text: bytes, operation: Operation | None) -> tuple[dict[str, Any], Refusal | None]:
    """The names and values of a form or a query; only lists of some operations may have a name twice."""
    pairs = parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True)
    repeated = frozenset() if operation is None else operation.repeated
    lists: dict[str, Any] = {name: [value for other, value in pairs if other == name] for name, _ in pairs}
    twice = next((name for name, values in lists.items() if name not in repeated and len(values) > 1), None)
    found = {name: values if name in repeated else values[-1] for name, values in lists.items()}
    return found, None if twice is None else InvalidArgument(twice)
