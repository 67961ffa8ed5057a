"""Imports are lazy and stay so: what is not used is not loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

import kraken.spot

HEAVY = ("pydantic", "pydantic_core", "httpx", "httpcore", "aiohttp", "websockets", "ssl", "yaml", "click", "msgspec")
MODELS = "kraken.spot.models"


def loaded(code: str) -> set[str]:
    """Modules in a fresh interpreter after some code."""
    program = f"{code}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout.splitlines()[-1]))


def heavy(modules: set[str]) -> set[str]:
    return {name for name in modules if name in HEAVY or name.startswith(MODELS)}


KEYS = "'key', 'c2VjcmV0'"


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import kraken.spot", set()),
        ("import kraken.runtime", set()),
        ("import kraken.exceptions", set()),
        (f"from kraken.spot import SpotClient; SpotClient({KEYS})", set()),
        (f"from kraken.spot import SpotAsyncClient; SpotAsyncClient({KEYS})", {"ssl"}),
        (f"import kraken.spot as s; c = s.SpotClient({KEYS}); c.market_data, c.account_data, c.trading", set()),
        (
            f"import kraken.spot as s; c = s.SpotAsyncClient({KEYS}); c.market_data, c.account_data, c.trading",
            {"ssl"},
        ),
        (f"from kraken.spot import SpotClient; SpotClient({KEYS}).prepare('POST', '/0/private/Balance')", set()),
        ("from kraken.spot import SpotWSClient", {"ssl", "msgspec"}),
    ],
)
def test_what_is_not_used_is_not_loaded(code: str, allowed: set[str]) -> None:
    assert heavy(loaded(code)) <= allowed


def test_a_call_loads_the_models_of_its_group_only() -> None:
    code = """
from kraken.spot import SpotClient
from kraken.runtime import Reply
class Transport:
    def send(self, request): return Reply(200, {}, b'{"error":[],"result":{"unixtime":1,"rfc1123":""}}')
    def close(self): pass
SpotClient(transport=Transport()).market_data.get_server_time()
"""
    modules = heavy(loaded(code))
    assert {name for name in modules if name.startswith(f"{MODELS}.")} == {f"{MODELS}.market_data"}
    assert not {"httpx", "websockets"} & modules


COLD = """
import sys, threading
sys.setswitchinterval(1e-6)
start = threading.Barrier(16)
failures = []
def work(number):
    start.wait()
    try:
        {code}
    except BaseException as error:
        failures.append(repr(error))
threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join(60)
assert not any(thread.is_alive() for thread in threads), "dead-lock"
assert not failures, failures
"""
TOGETHER = [
    "import kraken.spot; getattr(kraken.spot, kraken.spot.__all__[number % len(kraken.spot.__all__)])",
    "from kraken.spot import SpotClient, decode_response; import kraken.spot as s;"
    " decode_response(('get_server_time', 'get_account_balance', 'get_websockets_token')[number % 3],"
    ' (\'{"error":[],"result":{"unixtime":1,"rfc1123":""}}\', \'{"error":[],"result":{}}\','
    ' \'{"error":[],"result":{"token":"x","expires":1}}\')[number % 3])',
]


@pytest.mark.parametrize("code", TOGETHER, ids=["names", "models"])
def test_sixteen_threads_import_cold(code: str) -> None:
    loaded(COLD.format(code=code))


def test_names_are_found_however_they_are_asked_for() -> None:
    assert dir(kraken.spot) == kraken.spot.__all__
    for name in kraken.spot.__all__:
        assert getattr(kraken.spot, name).__name__ == name
    missing: Any = kraken.spot
    with pytest.raises(AttributeError, match=r"module 'kraken\.spot' has no attribute 'SpotKlient'"):
        _ = missing.SpotKlient
    with pytest.raises(ImportError):
        from kraken.spot import nothing  # noqa: F401


def test_all_models_build() -> None:
    from kraken.runtime.encoding import codec
    from kraken.spot.decode import _OPERATIONS, find_operation

    for key in _OPERATIONS:
        operation = find_operation(key)
        assert operation is not None
        known = codec(operation)
        assert known.request.__pydantic_complete__
        assert known.result.validator


def test_building_waits_for_the_first_use() -> None:
    code = """
import kraken.spot.models.market_data as models
from pydantic import BaseModel
built = [name for name, each in vars(models).items()
         if isinstance(each, type) and issubclass(each, BaseModel) and each.__pydantic_complete__
         and each.__module__ == models.__name__]
assert not built, built
"""
    loaded(code)
