"""The canned exchanges of the specs, through both clients: what goes out, and what comes back."""

from __future__ import annotations

import pytest

from kraken.futures.decode import _OPERATIONS, find_operation

from ..exchanges import check_exchange
from ..specs import Exchange, rest_exchanges
from ..support import FuturesOpener

EXCHANGES = list(rest_exchanges("futures"))


def test_there_is_one_for_each_operation() -> None:
    assert {each.operation for each in EXCHANGES} == set(_OPERATIONS)


@pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")
@pytest.mark.parametrize("exchange", EXCHANGES, ids=str)
def test_exchanges(exchange: Exchange, opener: FuturesOpener) -> None:
    check_exchange(exchange, opener, find_operation)
