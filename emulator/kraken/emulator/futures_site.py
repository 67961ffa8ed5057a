"""Futures over HTTP: signatures, envelopes, and the several ways in which its services refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse, Response

from kraken.emulator.errors import InvalidArgument, Numbered, RateLimited, Refusal, Words
from kraken.emulator.site import JSON, Signed, Site
from kraken.emulator.wire import dumps, rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kraken.emulator.auth import FuturesKeys
    from kraken.emulator.handlers import Answer, Arguments
    from kraken.emulator.limits import Pools
    from kraken.emulator.specs import Operation, Specs

HISTORY, CHARTS, ANALYTICS = "/api/history/", "/api/charts/", "/api/charts/v1/analytics/"
_SPOT_WORDS = {Words.BAD_REQUEST: Words.JSON_PARSE, Words.INTERNAL_ERROR: Words.SERVER_ERROR}
"""What the common parts of the emulator say, in the words of Futures."""


class FuturesSite(Site):
    """Futures REST.

    Args:
        specs: What it offers.
        answers: What answers its operations, by operation id.
        keys: The account's key.
        pools: The account's rate limits, if there are any.
        now: Unix time in nanoseconds.
    """

    takes_query = True

    def __init__(
        self,
        specs: Specs,
        answers: Mapping[str, Answer],
        keys: FuturesKeys,
        pools: Pools | None,
        now: Callable[[], int],
    ) -> None:
        super().__init__(specs, answers)
        self._keys = keys
        self._pools = pools
        self._now = now

    def authenticate(self, operation: Operation, request: Signed) -> None:
        """Refuse a request that is not signed as it must be."""
        del operation
        headers, data = request.headers, request.query.encode() + request.body
        self._keys.check(headers.get("APIKey"), headers.get("Authent"), headers.get("Nonce"), request.path, data)

    def admit(self, operation: Operation, arguments: Arguments) -> None:
        """Refuse a request that would cost too much."""
        if self._pools is not None:
            self._pools.charge(operation.id, arguments)

    def canned(self, operation: Operation) -> Response:
        """The operation's example."""
        return Response(operation.example(), media_type=operation.media)

    def success(self, operation: Operation, result: Any) -> Response:
        """The reply to a request that was carried out."""
        if isinstance(result, bytes):
            return Response(result, media_type=operation.media)
        if operation.envelope == "futures":
            return _json({"result": "success", **result, "serverTime": self._time()})
        headers = {}
        if operation.path.startswith(HISTORY) and isinstance(result, dict) and "elements" in result:
            token = result.get("continuationToken")
            headers = {"is-truncated": "false" if token is None else "true"}
            headers |= {} if token is None else {"Next-Continuation-Token": token}
        return _json(result, headers=headers)

    def refusal(self, operation: Operation, refusal: Refusal) -> Response:
        """The reply to a request that was refused."""
        words = _SPOT_WORDS.get(refusal.words, refusal.words)
        status = 500 if words is Words.SERVER_ERROR else 400
        if operation.envelope == "futures":
            return self._enveloped(refusal, status if status == 500 else 200)
        if isinstance(refusal, RateLimited):
            return PlainTextResponse("Too many requests", 429, {"rate-limit-reset": str(refusal.wait)})
        if words is Words.AUTHENTICATION:
            return _unauthorized(operation)
        if operation.path.startswith(ANALYTICS):
            return _json({"result": None, "errors": [_analytics_error(refusal)]}, status)
        return _json({"error": _text(refusal)}, 404 if words is Words.CONTRACT_NOT_FOUND else status)

    def unknown(self, path: str) -> Response:
        """What the gateway says of paths that it does not know."""
        moment = self._now() // 1_000_000
        page = {"timestamp": moment, "path": path, "status": 404, "error": "Not Found", "message": ""}
        return _json(page, 404)

    def _enveloped(self, refusal: Refusal, status: int) -> Response:
        if isinstance(refusal, Numbered):
            told: dict[str, Any] = {"errors": [{"code": refusal.code, "message": refusal.message}]}
        else:
            told = {"error": _text(refusal)}
        return _json({"result": "error", **told, "serverTime": self._time()}, status)

    def _time(self) -> str:
        return rfc3339(self._now(), 3)


def _json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(dumps(value), status, headers=headers, media_type=JSON)


def _text(refusal: Refusal) -> str:
    if not isinstance(refusal, InvalidArgument):
        return _SPOT_WORDS.get(refusal.words, refusal.words)
    return Words.ARGUMENT_MISSING if refusal.missing else f"{Words.ARGUMENT_INVALID}: {refusal.name}"


def _unauthorized(operation: Operation) -> Response:
    told: dict[str, Any]
    if operation.path.startswith(HISTORY):
        told = {"status": "unauthorized", "reason": "You are not authorized to access this endpoint."}
    else:
        told = {"error": "unauthorized", "message": "Key or signature is wrong.", "suberror": None}
    return _json(told, 401)


def _analytics_error(refusal: Refusal) -> dict[str, Any]:
    argument = refusal.name if isinstance(refusal, InvalidArgument) else None
    kind = "Unknown symbol" if refusal.words is Words.CONTRACT_NOT_FOUND else "Invalid arguments"
    return {"severity": "E", "error_class": "General", "type": kind, "msg": None, "value": None, "field": argument}
