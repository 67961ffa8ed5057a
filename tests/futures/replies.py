"""Replies as Futures gives them."""

from __future__ import annotations

import json
from typing import Any

from kraken.runtime import Reply

ORDER: dict[str, Any] = {"orderType": "lmt", "symbol": "PF_XBTUSD", "side": "buy", "size": "0.4", "limitPrice": "67500"}


def reply(status: int = 200, **fields: Any) -> Reply:
    """Something beside `result: success`."""
    body = json.dumps({"result": "success", "serverTime": "2026-11-22T09:00:00.000Z", **fields})
    return Reply(status, {"content-type": "application/json"}, body.encode())


def refusal(error: Any, status: int = 200) -> Reply:
    """An error: a word, or a list of objects."""
    body = json.dumps({"result": "error", "errors" if isinstance(error, list) else "error": error})
    return Reply(status, {"content-type": "application/json"}, body.encode())


def sent(word: str = "placed") -> Reply:
    """What became of an order."""
    return reply(sendStatus={"order_id": "a", "status": word, "orderEvents": []})
