"""The canned exchanges of the specs, through both clients: what goes out, and what comes back."""

from __future__ import annotations

import pytest

from kraken import exceptions
from kraken.exceptions import ExchangeError
from kraken.runtime import Reply, to_json
from kraken.runtime.websocket.frames import UnknownFrame
from kraken.spot import decode_message
from kraken.spot.decode import _OPERATIONS, find_operation

from ..support import FakeTransport, Opener, numbers_as_text, pairs_of
from .specs import Exchange, frames, rest_exchanges

EXCHANGES = list(rest_exchanges())
FRAMES = list(frames())


def test_there_is_one_for_each_operation() -> None:
    assert {each.operation for each in EXCHANGES} == set(_OPERATIONS)


@pytest.mark.parametrize("exchange", EXCHANGES, ids=str)
def test_exchanges(exchange: Exchange, opener: Opener) -> None:
    operation = find_operation(exchange.operation)
    assert operation is not None
    transport = FakeTransport(Reply(200, {}, exchange.response.encode()))
    client = opener(transport=transport)
    call = getattr(getattr(client, operation.models.rpartition(".")[2]), operation.name)
    if exchange.raises:
        with pytest.raises(ExchangeError) as caught:
            call(**exchange.arguments)
        assert type(caught.value) is getattr(exceptions, exchange.raises)
        assert caught.value.facts.operation == operation.name
    else:
        result = call(**exchange.arguments)
        assert repr(result)
        assert numbers_as_text(to_json(result)) == numbers_as_text(exchange.response)["result"]
    request = transport.last
    assert f"{request.method} {request.target.partition('?')[0]}" == exchange.operation
    if operation.auth:
        sent = [f"{name}={value}" for name, value in pairs_of(request) if name != "nonce"]
        made_up = "cl_ord_id" in "&".join(sent) and "cl_ord_id" not in exchange.wire
        assert not made_up
        assert "&".join(sent) == exchange.wire
    else:
        assert request.target.partition("?")[2] == exchange.wire


@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
def test_frames(frame: str) -> None:
    message = decode_message(frame)
    assert not isinstance(message, UnknownFrame)
    assert repr(message)
    assert numbers_as_text(to_json(message)) == numbers_as_text(frame)
