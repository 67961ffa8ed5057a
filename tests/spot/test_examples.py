"""The canned exchanges of the specs, through both clients: what goes out, and what comes back."""

from __future__ import annotations

import pytest

from kraken.runtime import to_json
from kraken.runtime.websocket.frames import UnknownFrame
from kraken.spot import decode_message
from kraken.spot.decode import _OPERATIONS, find_operation

from ..exchanges import check_exchange
from ..specs import Exchange, frames, rest_exchanges
from ..support import Opener, numbers_as_text

EXCHANGES = list(rest_exchanges())
FRAMES = list(frames())


def test_there_is_one_for_each_operation() -> None:
    assert {each.operation for each in EXCHANGES} == set(_OPERATIONS)


@pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")
@pytest.mark.parametrize("exchange", EXCHANGES, ids=str)
def test_exchanges(exchange: Exchange, opener: Opener) -> None:
    check_exchange(exchange, opener, find_operation)


@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
def test_frames(frame: str) -> None:
    message = decode_message(frame)
    assert not isinstance(message, UnknownFrame)
    assert repr(message)
    assert numbers_as_text(to_json(message)) == numbers_as_text(frame)
