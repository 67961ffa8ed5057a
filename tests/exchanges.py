"""What must hold for the canned exchanges of every product, through both clients."""

from __future__ import annotations

from typing import Any

import pytest

from kraken import exceptions
from kraken.exceptions import ExchangeError
from kraken.runtime import to_json

from .specs import Exchange
from .support import ClientOpener, FakeTransport, numbers_as_text, wire_of


def check_exchange(exchange: Exchange, opener: ClientOpener[Any], find_operation: Any) -> None:
    """What goes out is what the spec says, and what comes back has the same digits, or raises what the spec says."""
    operation = exchange.known
    transport = FakeTransport(exchange.reply)
    client = opener(transport=transport, retries=0)
    if exchange.raises:
        with pytest.raises(ExchangeError) as caught:
            exchange.call(client)
        assert type(caught.value) is getattr(exceptions, exchange.raises)
        assert caught.value.facts.operation == operation.name
    else:
        result = exchange.call(client)
        assert repr(result)
        if operation.binary:
            assert result == exchange.response.encode()
        else:
            assert numbers_as_text(to_json(result)) == exchange.result(numbers_as_text(exchange.response))
    (request,) = transport.requests
    assert find_operation(f"{request.method} {request.target.partition('?')[0]}") is operation
    assert wire_of(request) == exchange.wire
