"""Errors as users handle them. Read, never run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_type

from kraken.exceptions import (
    ExchangeError,
    Facts,
    KrakenError,
    KrakenInsufficientFundsError,
    OrderStateUnknown,
    RateLimitError,
)
from kraken.spot import SpotClient


def place(client: SpotClient) -> str | None:
    try:
        order = client.trading.add_order(pair="BTC/USD", type="buy", ordertype="market", volume="0.1")
    except OrderStateUnknown as error:
        assert_type(error.cl_ord_id, str | None)
        assert_type(error.facts, Facts)
        assert_type(error.facts.ids, Mapping[str, Any])
        return error.cl_ord_id
    except (KrakenInsufficientFundsError, RateLimitError) as error:
        assert_type(error.code, str)
        return None
    except ExchangeError as error:
        assert_type(error.category, str)
        raise
    except KrakenError as error:
        assert_type(error.retryable, bool)
        raise
    return order.txid[0] if order.txid else None
