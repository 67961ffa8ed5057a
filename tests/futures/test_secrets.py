"""Key, secret and signatures: in no log line, repr, error, traceback or warning."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from kraken.exceptions import CredentialsError, KrakenError
from kraken.futures import FuturesAsyncClient, FuturesClient
from kraken.runtime import Reply
from kraken.runtime.transport import Lost

from ..hiding import Secrets
from ..support import KEY, SECRET, FakeTransport, FuturesOpener
from .replies import ORDER, refusal, reply, sent

OUTCOMES: dict[str, Lost | Reply] = {
    "lost": Lost(True, OSError("gone")),
    "never sent": Lost(False, OSError("refused")),
    "refused": refusal("apiLimitExceeded"),
    "refused by status": sent("invalidSize"),
    "a page": Reply(502, {}, b"<html>"),
    "another form": reply(sendStatus=7, accounts=7),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_whatever_comes_back(opener: FuturesOpener, secrets: Secrets, outcome: str) -> None:
    secrets.hide(KEY, SECRET, str(base64.b64decode(SECRET))[2:-1])
    client = opener(transport=FakeTransport(OUTCOMES[outcome]), retries=1, nonce=lambda: 7)
    calls: list[Callable[[], Any]] = [
        lambda: client.order_management.send_order(**ORDER),
        lambda: client.order_management.send_order(**{**ORDER, "size": 0.1}),
    ]
    for call in calls:
        with pytest.raises(KrakenError) as caught:
            call()
        secrets.show_error(caught.value)
    secrets.show(repr(client), client._core, client._core.signer, vars(client._core), client.order_management)
    prepared = client.prepare("POST", "/derivatives/api/v3/sendorder", dict(ORDER))
    secrets.show(prepared, [prepared])


@pytest.mark.parametrize("secret", [f"{SECRET} ", SECRET[:-1], SECRET.replace("=", "!")])
def test_credentials_that_are_refused(secrets: Secrets, secret: str) -> None:
    secrets.hide(KEY, secret)
    for client in (FuturesClient, FuturesAsyncClient):
        for key, other in ((KEY, secret), (f"{secret}\n", SECRET)):
            with pytest.raises(CredentialsError) as caught:
                client(key, other)
            secrets.show_error(caught.value)
