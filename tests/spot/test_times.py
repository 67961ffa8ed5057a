"""Moments that Kraken sends as numbers: kept as they are, with a view in UTC that is exact to the microsecond."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from importlib import import_module
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kraken.runtime import to_json
from kraken.runtime.models import RequestModel
from kraken.runtime.types import moment
from kraken.spot import decode_response

from ..specs import FOLDER, read
from ..support import numbers_as_text

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PER_SECOND = {"Unix seconds": 1, "Unix milliseconds": 1000, "Unix nanoseconds": 10**9}
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)).map(lambda each: each.replace(tzinfo=UTC))


class Time(NamedTuple):
    """A field that the specs call a moment."""

    owner: Any
    field: str
    per_second: int

    def __str__(self) -> str:
        return f"{self.owner.__name__}.{self.field}"

    def view(self, value: Any) -> Any:
        """What the view of an object with this value shows."""
        if issubclass(self.owner, tuple):
            row = tuple(value if name == self.field else None for name in self.owner._fields)
            return getattr(tuple.__new__(self.owner, row), f"{self.field}_utc")
        return getattr(self.owner.model_construct(**{self.field: value}), f"{self.field}_utc")


def times() -> Iterator[Time]:
    """All moments in results, as plain YAML tells."""
    for file in sorted(FOLDER.glob("spot/rest/*.yaml")):
        document = read(file)
        if "x-kraken-group" not in document:
            continue
        group = document["x-kraken-group"]
        module = import_module(f"kraken.spot.models.{group}")
        for name, schema in document.get("components", {}).get("schemas", {}).items():
            owner = getattr(module, name, None)
            if owner is None or issubclass(owner, RequestModel):
                continue
            named = dict(zip(schema.get("x-kraken-row", ()), schema.get("prefixItems", ()), strict=True))
            for field, facts in {**schema.get("properties", {}), **named}.items():
                if facts.get("x-kraken-unit") in PER_SECOND:
                    yield Time(owner, facts.get("x-kraken-name", field), PER_SECOND[facts["x-kraken-unit"]])


TIMES = list(times())


def test_there_are_some() -> None:
    assert len(TIMES) >= 30
    assert {time.per_second for time in TIMES} == {1, 10**9}
    assert {"Trade.time", "ServerTime.unixtime", "OrderInfo.opentm"} <= set(map(str, TIMES))


def micros(when: datetime) -> int:
    return (when - EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize("time", TIMES, ids=str)
def test_every_moment_has_a_view(time: Time) -> None:
    when = datetime(2026, 11, 22, 8, 0, 0, 123457, tzinfo=UTC)
    number = Decimal(micros(when)) * time.per_second / 10**6
    for value in (number, str(number), format(number, "f") + ("0" if "." in format(number, "f") else "")):
        assert time.view(value) == when
    assert time.view(int(number)).microsecond == (0 if time.per_second == 1 else when.microsecond)
    assert time.view(None) is None
    assert time.view(0) is None
    assert type(time.owner).__name__ != "property"
    view = getattr(time.owner, f"{time.field}_utc")
    assert f"`{time.field}` in UTC" in view.__doc__


@given(when=MOMENTS, per_second=st.sampled_from([1, 1000, 10**6, 10**9]))
def test_exact_to_the_microsecond(when: datetime, per_second: int) -> None:
    number = Decimal(micros(when)) * per_second / 10**6
    for value in (number, str(number), f"{number:f}"):
        found = moment(value, per_second)
        assert found == when
        assert found.tzinfo is UTC
    assert moment(number + Decimal("0.000000999") * per_second, per_second) == when
    if number == int(number):
        assert moment(int(number), per_second) == when


@pytest.mark.parametrize(
    "value", [None, 0, "0", "", Decimal(0), "0.0000", "soon", "+5", 10**30, "1E+999999999", "NaN", "Infinity"]
)
def test_what_is_no_moment(value: Any) -> None:
    assert moment(value) == (EPOCH + timedelta(seconds=5) if value == "+5" else None)


def test_the_digits_stay() -> None:
    text = '{"error":[],"result":{"XXBTZUSD":[["1.0","2.0",1795334400.1234567,"b","l","",4]],"last":"1795334400123456789"}}'
    result = decode_response("get_recent_trades", text)
    (trade,) = result["XXBTZUSD"]
    assert trade.time == Decimal("1795334400.1234567")
    assert trade.time_utc == datetime(2026, 11, 22, 8, 0, 0, 123456, tzinfo=UTC)
    assert trade.time_utc.astimezone(timezone(timedelta(hours=2))).hour == 10
    assert result.last == "1795334400123456789"
    assert result.last_utc == datetime(2026, 11, 22, 8, 0, 0, 123456, tzinfo=UTC)
    assert numbers_as_text(to_json(result)) == numbers_as_text(text)["result"]
