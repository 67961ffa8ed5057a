"""Keys, signatures, nonces and WebSocket tokens, checked with code of the emulator's own."""

from __future__ import annotations

import base64
import bisect
import hashlib
import hmac
import random
import uuid
from typing import TYPE_CHECKING

from kraken.emulator.errors import Refusal, Words
from kraken.emulator.wire import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

NONCE_WINDOW = 1000
"""How many Futures nonces are remembered; one below all of them is too old."""


class Keys:
    """The one API key of the emulated account, and the tokens made with it.

    Args:
        seed: Makes key and secret repeatable.
        clock: Unix time in nanoseconds.
        token_lifetime: Seconds that a token can be used for.
        otp: The one-time password that signed requests must have; None for a key that needs none.
    """

    def __init__(self, seed: int, clock: Callable[[], int], token_lifetime: int, otp: str | None = None) -> None:
        self._random = random.Random(f"keys {seed}")
        self._clock = clock
        self._secret = self._random.randbytes(64)
        self._otp = otp
        self._last_nonce = -1
        self._tokens: dict[str, int] = {}
        self.token_lifetime = token_lifetime
        self.key = base64.b64encode(self._random.randbytes(42)).decode()
        self.secret = base64.b64encode(self._secret).decode()

    def check(
        self, key: str | None, signature: str | None, nonce: object, target: str, body: bytes, otp: object = None
    ) -> None:
        """Refuse a request that is not signed as Kraken wants it.

        Args:
            key: Header ``API-Key``.
            signature: Header ``API-Sign``.
            nonce: The nonce in the body or in header ``API-Nonce``, number or text.
            target: Path and query string.
            body: The body as it came.
            otp: The one-time password in the body or in header ``API-OTP``.

        Raises:
            Refusal: key, signature, one-time password or nonce is wrong. Kraken has no words of its own for the
                password.
        """
        if key != self.key:
            raise Refusal(Words.INVALID_KEY)
        text = str(nonce)
        if isinstance(nonce, bool) or not (text.isascii() and text.isdigit()) or int(text) >= 2**64:
            raise Refusal(Words.INVALID_NONCE)
        if not hmac.compare_digest(self._sign(target, text, body), (signature or "").encode()):
            raise Refusal(Words.INVALID_SIGNATURE)
        if self._otp is not None and str(otp) != self._otp:
            raise Refusal(Words.INVALID_SIGNATURE)
        if int(text) <= self._last_nonce:
            raise Refusal(Words.INVALID_NONCE)
        self._last_nonce = int(text)

    def _sign(self, target: str, nonce: str, body: bytes) -> bytes:
        return signature_of(self._secret, target, nonce, body)

    def new_token(self) -> str:
        """A WebSocket token that can be used from now on."""
        token = base64.b64encode(self._random.randbytes(33), b"-_").decode()
        self._tokens[token] = self._clock() + self.token_lifetime * SECOND
        return token

    def check_token(self, token: object) -> None:
        """Refuse a WebSocket request without a token that is good now.

        Raises:
            Refusal: the token is missing, unknown or expired.
        """
        if not isinstance(token, str) or token not in self._tokens:
            raise Refusal(Words.INVALID_TOKEN)
        if self._clock() >= self._tokens[token]:
            raise Refusal(Words.INVALID_SESSION)

    def expire_tokens(self) -> None:
        """End the life of all tokens."""
        self._tokens = dict.fromkeys(self._tokens, 0)


class FuturesKeys:
    """The one API key of the emulated Futures account.

    Args:
        seed: Makes key and secret repeatable.
    """

    def __init__(self, seed: int) -> None:
        chance = random.Random(f"futures keys {seed}")
        self._secret = chance.randbytes(64)
        self._nonces: list[int] = []
        """The highest nonces so far, in their order."""
        self.key = base64.b64encode(chance.randbytes(42)).decode()
        self.secret = base64.b64encode(self._secret).decode()
        self._random = chance
        self._challenges: set[str] = set()

    def new_challenge(self) -> str:
        """A challenge that a WebSocket connection can answer from now on."""
        challenge = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        self._challenges.add(challenge)
        return challenge

    def check_challenge(self, key: object, challenge: str | None, original: object, signed: object) -> None:
        """Refuse a WebSocket request that does not answer the challenge of its connection.

        Args:
            key: The key in the request.
            challenge: The challenge of the connection; None if it never asked for one.
            original: The challenge in the request.
            signed: Its signature there.

        Raises:
            Refusal: key, challenge or signature is wrong, or the challenge has been taken back.
        """
        if challenge is None or challenge not in self._challenges or (key, original) != (self.key, challenge):
            raise Refusal(Words.AUTHENTICATION)
        if not hmac.compare_digest(answer_of(self._secret, challenge), str(signed).encode()):
            raise Refusal(Words.AUTHENTICATION)

    def expire_challenges(self, challenge: str | None = None) -> None:
        """Take a challenge back, or all."""
        self._challenges -= self._challenges.copy() if challenge is None else {challenge}

    def check(self, key: str | None, authent: str | None, nonce: str | None, path: str, data: bytes) -> None:
        """Refuse a request that is not signed as Kraken wants it. Nonces may come in any order, each only once.

        Args:
            key: Header ``APIKey``.
            authent: Header ``Authent``.
            nonce: Header ``Nonce``; None without it.
            path: The path.
            data: Query string and body as they came.

        Raises:
            Refusal: key, signature or nonce is wrong.
        """
        wanted = authent_of(self._secret, path, nonce or "", data)
        if key != self.key or not hmac.compare_digest(wanted, (authent or "").encode()):
            raise Refusal(Words.AUTHENTICATION)
        if nonce is None:
            return
        if not (nonce.isascii() and nonce.isdigit()):
            raise Refusal(Words.NONCE_BELOW)
        number = int(nonce)
        if number in self._nonces:
            raise Refusal(Words.NONCE_TWICE)
        if len(self._nonces) == NONCE_WINDOW and number < self._nonces[0]:
            raise Refusal(Words.NONCE_BELOW)
        bisect.insort(self._nonces, number)
        del self._nonces[:-NONCE_WINDOW]


def answer_of(secret: bytes, challenge: str) -> bytes:
    """The signature that a WebSocket challenge must be answered with.

    Args:
        secret: The secret, decoded.
        challenge: The challenge.
    """
    return base64.b64encode(hmac.new(secret, hashlib.sha256(challenge.encode()).digest(), hashlib.sha512).digest())


def authent_of(secret: bytes, path: str, nonce: str, data: bytes) -> bytes:
    """The value that header ``Authent`` must have.

    Args:
        secret: The secret, decoded.
        path: The path as it was sent.
        nonce: The nonce; empty without one.
        data: Query string and body as they were sent.
    """
    signed = path[len("/derivatives") :] if path.startswith("/derivatives/") else path
    digest = hashlib.sha256(data + nonce.encode() + signed.encode()).digest()
    return base64.b64encode(hmac.new(secret, digest, hashlib.sha512).digest())


def signature_of(secret: bytes, target: str, nonce: str, body: bytes) -> bytes:
    """The value that header ``API-Sign`` must have.

    Args:
        secret: The secret, decoded.
        target: Path and query string.
        nonce: The nonce as text.
        body: The body as sent.
    """
    digest = hashlib.sha256(nonce.encode() + body).digest()
    return base64.b64encode(hmac.new(secret, target.encode() + digest, hashlib.sha512).digest())
