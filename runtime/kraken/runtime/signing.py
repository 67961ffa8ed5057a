"""Credentials, nonces and signatures. What is signed is byte for byte what is sent."""

from __future__ import annotations

import binascii
import hmac
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256, sha512
from typing import NamedTuple, Protocol

from .errors import CredentialsError, Facts
from .forms import form

__all__ = ["SIGNERS", "FuturesSigner", "NonceSource", "SpotSigner", "Unsigned", "nonce_source", "sign_challenge"]


class NonceSource:
    """Strictly increasing numbers, at least the clock in nanoseconds."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._last = 0
        self._lock = threading.Lock()

    def __call__(self) -> int:
        with self._lock:
            now = self._clock()
            self._last = now if now > self._last else self._last + 1
            return self._last


class _KeyState:
    """What all clients of one API key in this process share: its nonces, and the order in which they are sent."""

    def __init__(self) -> None:
        self.nonce = NonceSource()
        self.lock = threading.Lock()


_keys: dict[str, _KeyState] = {}
_keys_lock = threading.Lock()


def _key_state(key: str) -> _KeyState:
    with _keys_lock:
        return _keys.setdefault(key, _KeyState())


def nonce_source(key: str) -> Callable[[], int]:
    """The nonces of one API key, shared by every client of this process."""
    return _key_state(key).nonce


def key_lock(key: str) -> threading.Lock:
    """Held from signing to reply, so that nonces arrive in the order in which they were made."""
    return _key_state(key).lock


class Unsigned(NamedTuple):
    """A request to be signed."""

    signing: str
    """The scheme, by its name in the specs."""
    target: str
    """Path and query, encoded."""
    body: bytes
    is_json: bool


class Signer(Protocol):
    """Signs the requests of one key."""

    needs_nonce: bool
    """Whether Kraken refuses a request without a nonce."""

    def __init__(self, key: str, secret: str) -> None: ...

    def sign(self, request: Unsigned, nonce: int | None, otp: str | None, /) -> tuple[dict[str, str], bytes]:
        """The headers that authenticate a request, and its body."""


class SpotSigner:
    """Signs Spot requests: HMAC-SHA512 over the path and the SHA-256 of nonce and body."""

    needs_nonce = True

    def __init__(self, key: str, secret: str) -> None:
        self.key = key
        self._mac = hmac.new(decode_secret(key, secret), digestmod=sha512)

    def sign(self, request: Unsigned, nonce: int | None, otp: str | None, /) -> tuple[dict[str, str], bytes]:
        """The headers that authenticate a request, and its body, to which nonce and password are added."""
        assert nonce is not None
        if request.signing == "spot-funding":
            own = {"API-Nonce": str(nonce), **({"API-OTP": otp} if otp is not None else {})}
            return self.headers(request.target, nonce, request.body) | own, request.body
        pairs: list[tuple[str, str | int]] = [("nonce", nonce)]
        if otp is not None:
            pairs.append(("otp", otp))
        if request.is_json:
            from .json import encode

            start = encode(dict(pairs))
            body = start if request.body in (b"", b"{}") else start[:-1] + b"," + request.body[1:]
        else:
            body = b"&".join(filter(None, (form(pairs).encode("ascii"), request.body)))
        return self.headers(request.target, nonce, body), body

    def headers(self, path: str, nonce: int, body: bytes) -> dict[str, str]:
        """The headers that authenticate a body which contains the nonce."""
        return {"API-Key": self.key, "API-Sign": _signature(self._mac, path.encode("ascii"), b"%d%b" % (nonce, body))}

    def __repr__(self) -> str:
        return "SpotSigner(key=<hidden>, secret=<hidden>)"


class FuturesSigner:
    """Signs Futures requests: HMAC-SHA512 over the SHA-256 of query or body, nonce and path.

    Kraken takes requests without a nonce, and none is sent unless the caller gives a source of them: then calls of one
    key may be under way at the same time, and other programs with the key may count in another unit.
    """

    needs_nonce = False

    def __init__(self, key: str, secret: str) -> None:
        self.key = key
        self._mac = hmac.new(decode_secret(key, secret), digestmod=sha512)

    def sign(self, request: Unsigned, nonce: int | None, _otp: str | None, /) -> tuple[dict[str, str], bytes]:
        """The headers that authenticate a request, and its body as it was given."""
        own = {} if nonce is None else {"Nonce": str(nonce)}
        return {**self.headers(request.target, own.get("Nonce", ""), request.body), **own}, request.body

    def headers(self, target: str, nonce: str, body: bytes) -> dict[str, str]:
        """The headers that authenticate path, query and body as they are sent; the nonce is empty when none is."""
        path, _, query = target.partition("?")
        data = query.encode("ascii") + body + nonce.encode("ascii") + path.removeprefix("/derivatives").encode("ascii")
        return {"APIKey": self.key, "Authent": _signature(self._mac, b"", data)}

    def __repr__(self) -> str:
        return "FuturesSigner(key=<hidden>, secret=<hidden>)"


SIGNERS: Mapping[str, type[Signer]] = {"spot": SpotSigner, "futures": FuturesSigner}
"""What signs the requests of a product."""


def _signature(mac: hmac.HMAC, before: bytes, data: bytes) -> str:
    copy = mac.copy()
    copy.update(before + sha256(data).digest())
    return b64encode(copy.digest()).decode("ascii")


def decode_secret(key: str, secret: str) -> bytes:
    """The secret's bytes; refuses what cannot be a pair of Kraken credentials, naming the field but not its value."""
    for field, value in (("key", key), ("secret", secret)):
        if not isinstance(value, str) or not value.strip():
            raise _refused(field, "is empty", "give key and secret together, or neither")
        if value != value.strip() or not value.isascii() or any(character.isspace() for character in value):
            raise _refused(field, "has white space or other characters that are not part of it")
    with suppress(binascii.Error):
        return b64decode(secret, validate=True)
    raise _refused("secret", "is not base64")


def _refused(field: str, reason: str, hint: str = "copy it again, whole, from Kraken's API page") -> CredentialsError:
    return CredentialsError(f"{field} {reason}", Facts(sent=False, hint=hint))


def sign_challenge(key: str, secret: str, challenge: str) -> str:
    """The signature of a WebSocket challenge: HMAC-SHA512 of its SHA-256, as base64 text.

    Args:
        key: The API key, for the checks only.
        secret: The key's secret, base64 text.
        challenge: What the exchange sent.

    Raises:
        CredentialsError: Key or secret cannot be used.
    """
    return _signature(hmac.new(decode_secret(key, secret), digestmod=sha512), b"", challenge.encode())
