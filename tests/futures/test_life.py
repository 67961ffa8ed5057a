"""Where clients go, what they load, and what they say about the end of what they call."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import warnings
from typing import Any

import pytest

import kraken.futures
from kraken.exceptions import InvalidRequest
from kraken.futures import FuturesAsyncClient, FuturesClient
from kraken.runtime import Reply

from ..specs import FOLDER, operations, read
from ..support import KEY, SECRET, FakeTransport, FuturesOpener
from .replies import ORDER, reply, sent

END = read(FOLDER / "futures" / "rest" / "lifecycle.yaml")["x-kraken-end"]


def test_production_demo_and_other_hosts() -> None:
    for client in (FuturesClient, FuturesAsyncClient):
        hosts = [client()._core.url, client(sandbox=True)._core.url, client(url="http://x/", sandbox=True)._core.url]
        assert hosts == ["https://futures.kraken.com", "https://demo-futures.kraken.com", "http://x"]


def test_spot_and_futures_have_settings_of_their_own() -> None:
    for client in (FuturesClient, FuturesAsyncClient):
        assert not {"otp", "tier"} & set(inspect.signature(client).parameters)
        with pytest.raises(InvalidRequest, match="on_limit: 'never'"):
            client(on_limit="never")


def test_the_package_is_lazy() -> None:
    assert kraken.futures.__all__ == [
        "FuturesAsyncClient",
        "FuturesClient",
        "FuturesOrderBookClient",
        "FuturesSyncWSClient",
        "FuturesWSClient",
        "decode_message",
        "decode_response",
    ]
    program = """
import sys, json
from kraken.futures import FuturesClient
FuturesClient("key", "c2VjcmV0").order_management
FuturesClient("key", "c2VjcmV0").prepare("GET", "/derivatives/api/v3/accounts")
print(json.dumps(sorted(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    modules = set(json.loads(done.stdout))
    assert not {name for name in modules if name.startswith(("kraken.futures.models", "kraken.spot"))}
    assert not modules & {"pydantic", "httpx", "aiohttp", "websockets", "msgspec", "yaml", "ssl"}


def test_all_groups_are_preloaded() -> None:
    client = FuturesClient(transport=FakeTransport())
    client.preload("charts", "rfq")
    with pytest.raises(InvalidRequest, match="'trading' is unknown"):
        client.preload("trading")


def test_calls_without_a_nonce_need_not_wait_for_one_another() -> None:
    ours = FuturesClient(KEY, SECRET)
    assert not ours._core.is_in_order
    assert FuturesClient(KEY, SECRET, nonce=lambda: 1)._core.is_in_order


# ---------------------------------------------------------------------- the end


def test_the_end_in_the_specs() -> None:
    assert END["date"] == "2027-03-01"
    ending = {key for key in operations("futures") if key.partition(" ")[2].startswith(END["paths"])}
    assert {key.partition(" ")[2].split("/")[1] for key in ending} == {"derivatives"}
    assert {key.partition(" ")[2].split("/")[2] for key in set(operations("futures")) - ending} == {
        "auth",
        "charts",
        "history",
        "stats",
    }


def of_the_end(caught: list[warnings.WarningMessage]) -> list[str]:
    assert all(each.category is DeprecationWarning for each in caught)
    return [str(each.message) for each in caught if END["date"] in str(each.message)]


@pytest.mark.parametrize("first", ["typed", "generic", "download"])
def test_it_is_told_once_per_process(opener: FuturesOpener, first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kraken.runtime.core._warned", set())
    transport = FakeTransport(sent())
    client = opener(transport=transport)
    calls: dict[str, Any] = {
        "typed": lambda: client.order_management.send_order(**ORDER),
        "generic": lambda: client.request("POST", "/derivatives/api/v3/sendorder"),
        "download": lambda: client.order_management.send_order(**ORDER),
    }
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        calls[first]()
        for call in calls.values():
            call()
        opener(transport=transport).order_management.send_order(**ORDER)
    (message,) = of_the_end(caught)
    assert END["replaced_by"] in message
    assert END["paths"] in message
    assert caught[0].filename == __file__ or opener.colour == "async"


def test_what_does_not_end_says_nothing(opener: FuturesOpener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kraken.runtime.core._warned", set())
    client = opener(transport=FakeTransport(Reply(200, {}, b'["trade"]')))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client.charts.tick_types()
        client.request("GET", "/api/charts/v1/", auth=False)
    assert caught == []


def test_the_end_is_told_in_the_documentation() -> None:
    for client in (FuturesClient, FuturesAsyncClient):
        text = " ".join((inspect.getdoc(client) or "").split())
        assert END["date"] in text
        assert END["replaced_by"] in text


def test_deprecated_calls_name_what_takes_their_place(opener: FuturesOpener) -> None:
    client = opener(transport=FakeTransport(reply(feeSchedules=[])))
    with pytest.warns(DeprecationWarning, match="get_fee_schedules_v3 is deprecated; use "):
        client.fee_schedules.get_fee_schedules_v3()
