"""The canned exchanges of the specs, through both clients: what goes out, and what comes back."""

from __future__ import annotations

import pytest

from kraken import exceptions
from kraken.exceptions import ExchangeError
from kraken.runtime import to_json
from kraken.runtime.websocket.frames import UnknownFrame
from kraken.spot import decode_message
from kraken.spot.decode import _OPERATIONS, find_operation

from ..support import FakeTransport, Opener, numbers_as_text, wire_of
from .specs import Exchange, frames, rest_exchanges

EXCHANGES = list(rest_exchanges())
FRAMES = list(frames())


def test_there_is_one_for_each_operation() -> None:
    assert {each.operation for each in EXCHANGES} == set(_OPERATIONS)


@pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")
@pytest.mark.parametrize("exchange", EXCHANGES, ids=str)
def test_exchanges(exchange: Exchange, opener: Opener) -> None:
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


@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
def test_frames(frame: str) -> None:
    message = decode_message(frame)
    assert not isinstance(message, UnknownFrame)
    assert repr(message)
    assert numbers_as_text(to_json(message)) == numbers_as_text(frame)
