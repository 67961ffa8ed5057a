"""A client of Funding (Beta) and a clock that is set by hand."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import httpx

from kraken.emulator.wire import SECOND

from .conftest import Account
from .schemas import PROBLEM, RESULTS, check


class Clock:
    """Unix nanoseconds, moved by hand.

    Times in the emulator are never the same twice, so they run a little ahead of a clock that stands still: ``pass_``
    lets a moment more pass.
    """

    def __init__(self) -> None:
        self.now = 1_795_000_000 * SECOND

    def __call__(self) -> int:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += int(seconds * SECOND) + SECOND // 1000


class Beta:
    """Signs like Funding (Beta): nonce in a header, the query in the path, a compact body."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def headers(self, target: str, body: str, nonce: str) -> dict[str, str]:
        return {**self.account.headers(target, nonce, body), "API-Nonce": nonce}

    def send(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        text = "" if body is None else json.dumps(body, separators=(",", ":"))
        target = f"/funding/{path}" + (f"?{urlencode(query)}" if query else "")
        headers = self.headers(target, text, str(next(self.account.nonces)))
        if text:
            headers["Content-Type"] = "application/json"
        return self.account.http.request(method, target, content=text, headers=headers)

    def call(self, operation: str, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The result of an operation, which must be what the specs say."""
        answer = self.send(method, path, body, **query)
        result = json.loads(answer.text, parse_float=Decimal)
        assert answer.status_code == 200, result
        check(RESULTS[operation], result)
        return result

    def problem(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str]:
        """Status and title of a refusal."""
        answer = self.send(method, path, body, **query)
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        found = answer.json()
        assert found["status"] == answer.status_code >= 400
        check(PROBLEM, found)
        return answer.status_code, found["title"]
