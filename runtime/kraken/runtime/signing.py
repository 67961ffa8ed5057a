"""Credentials, nonces and signatures. What is signed is byte for byte what is sent."""

from __future__ import annotations

import binascii
import hmac
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256, sha512

from .errors import CredentialsError, Facts

__all__ = ["NonceSource", "SpotSigner", "nonce_source"]


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


class SpotSigner:
    """Signs Spot requests: HMAC-SHA512 over the path and the SHA-256 of nonce and body."""

    def __init__(self, key: str, secret: str) -> None:
        self.key = key
        self._mac = hmac.new(decode_secret(key, secret), digestmod=sha512)

    def headers(self, path: str, nonce: int, body: bytes) -> dict[str, str]:
        """The headers that authenticate a body which contains the nonce."""
        mac = self._mac.copy()
        mac.update(path.encode("ascii") + sha256(b"%d%b" % (nonce, body)).digest())
        return {"API-Key": self.key, "API-Sign": b64encode(mac.digest()).decode("ascii")}

    def __repr__(self) -> str:
        return "SpotSigner(key=<hidden>, secret=<hidden>)"


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
