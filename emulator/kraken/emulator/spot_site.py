"""Spot over HTTP: signatures, envelopes and problems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from kraken.emulator import problems
from kraken.emulator.errors import Refusal, Words
from kraken.emulator.site import JSON, Signed, Site
from kraken.emulator.wire import dumps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kraken.emulator.auth import Keys
    from kraken.emulator.handlers import Answer, Arguments
    from kraken.emulator.limits import Limits
    from kraken.emulator.specs import Operation, Specs


class SpotSite(Site):
    """Spot REST and Funding (Beta).

    Args:
        specs: What it offers.
        answers: What answers its operations, by operation id.
        keys: The account's key.
        limits: The account's rate limits, if there are any.
    """

    def __init__(self, specs: Specs, answers: Mapping[str, Answer], keys: Keys, limits: Limits | None) -> None:
        super().__init__(specs, answers)
        self._keys = keys
        self._limits = limits

    def authenticate(self, operation: Operation, request: Signed) -> None:
        """Refuse a request that is not signed as it must be."""
        headers = request.headers
        if operation.signing == "spot-funding":
            nonce, otp = headers.get("API-Nonce", ""), headers.get("API-OTP")
        else:
            nonce, otp = request.arguments.get("nonce", ""), request.arguments.get("otp")
        target = f"{request.path}?{request.query}" if request.query else request.path
        self._keys.check(headers.get("API-Key"), headers.get("API-Sign"), nonce, target, request.body, otp)

    def admit(self, operation: Operation, arguments: Arguments) -> None:
        """Refuse a request that would cost too much."""
        del arguments
        if self._limits is not None:
            self._limits.admit(operation.id)

    def canned(self, operation: Operation) -> Response:
        """The operation's example."""
        return Response(operation.example(), media_type=operation.media)

    def success(self, operation: Operation, result: Any) -> Response:
        """The reply to a request that was carried out."""
        if isinstance(result, bytes):
            return Response(result, media_type=operation.media)
        wrapped = result if operation.envelope == "bare" else {"error": [], "result": result}
        return Response(dumps(wrapped), media_type=JSON)

    def refusal(self, operation: Operation, refusal: Refusal) -> Response:
        """The reply to a request that was refused."""
        if operation.envelope == "bare":
            found = problems.problem(refusal)
            return Response(dumps(found), found["status"], media_type=problems.MEDIA)
        return _wrapped(refusal)

    def unknown(self, path: str) -> Response:
        """Unknown paths are wrapped everywhere; only the old ones hide that from HTTP."""
        return _wrapped(Refusal(Words.UNKNOWN_METHOD), 200 if path.startswith("/0/") else 404)


def _wrapped(refusal: Refusal, status: int = 200) -> Response:
    return Response(dumps({"error": [str(refusal)]}), status, media_type=JSON)
