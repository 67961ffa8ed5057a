"""Errors: each is plain data that survives pickling, and each row of the table gives its class."""

from __future__ import annotations

import asyncio
import copy
import inspect
import multiprocessing
import pickle
import traceback
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from kraken import exceptions
from kraken.exceptions import (
    TABLE,
    ExchangeError,
    Facts,
    KrakenError,
    KrakenInsufficientFundsError,
    KrakenInvalidArgumentsError,
    KrakenWarning,
)
from kraken.runtime.errors import ErrorRow, ErrorTable
from kraken.spot import SpotAsyncClient, SpotClient, decode_response

from ..specs import error_categories, error_rows
from ..support import KEY, ORDER, SECRET, FakeTransport, Opener, field, refusal

CLASSES = [value for value in vars(exceptions).values() if inspect.isclass(value) and issubclass(value, KrakenError)]
ROWS, CATEGORIES = error_rows(), error_categories()
FACTS = Facts(
    operation="add_order",
    code="EOrder:Something",
    sent=True,
    hint="do this",
    cl_ord_id="mine",
    ids={"cl_ord_id": "mine", "userref": 7},
    body=b"\xff",
)


def same(one: KrakenError, other: KrakenError) -> None:
    assert type(one) is type(other)
    assert one.args == other.args
    assert one.facts == other.facts
    assert (str(one), repr(one)) == (str(other), repr(other))


def test_the_classes_are_all_here() -> None:
    assert len(CLASSES) > 60
    assert set(exceptions.__all__) == {name for name in vars(exceptions) if name in exceptions.__all__}
    assert {each.__name__ for each in CLASSES} <= set(exceptions.__all__)
    assert all(each.__doc__ for each in CLASSES)


@pytest.mark.parametrize("kind", CLASSES)
def test_errors_are_plain_data(kind: type[KrakenError]) -> None:
    error = kind("Kraken's words", FACTS)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        same(error, pickle.loads(pickle.dumps(error, protocol)))
    same(error, copy.copy(error))
    same(error, copy.deepcopy(error))
    assert str(error) == "add_order: Kraken's words (do this)"
    assert repr(error) == f'{kind.__name__}("{error}")'
    assert error.code == "EOrder:Something"
    assert error.cl_ord_id == "mine"
    same(kind(), pickle.loads(pickle.dumps(kind())))
    assert str(kind("only words")) == "only words"
    assert kind.category
    assert isinstance(kind.retryable, bool)
    assert "".join(traceback.format_exception(error)).strip().endswith(str(error))


def test_errors_cross_from_process_to_process() -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        error = pool.submit(decode_response, "add_order", '{"error":["EOrder:Insufficient funds"]}').exception(60)
    assert isinstance(error, KrakenInsufficientFundsError)
    same(error, TABLE.error("EOrder:Insufficient funds", Facts("add_order", body=error.facts.body)))


def test_errors_of_real_calls_pickle(opener: Opener) -> None:
    for outcome in (refusal("EOrder:Insufficient funds"), refusal("ENew:thing"), FakeTransport().outcomes[0]):
        with pytest.raises(KrakenError) as caught:
            opener(transport=FakeTransport(outcome)).trading.add_order(**ORDER)
        same(caught.value, pickle.loads(pickle.dumps(caught.value)))


def test_one_base_catches_everything() -> None:
    assert all(issubclass(each, Exception) for each in CLASSES)
    assert issubclass(KrakenWarning, UserWarning)
    assert not issubclass(KrakenWarning, KrakenError)
    assert issubclass(exceptions.CredentialsError, ValueError)


# ---------------------------------------------------------------------- the table


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["code"])
def test_rows(row: dict[str, Any]) -> None:
    category = CATEGORIES[row["category"]]
    kind = getattr(exceptions, row.get("exception", category["exception"]))
    for code in (row["code"], *([f"{row['code']}:detail, more"] if row["match"] == "prefix" else [])):
        if code.startswith("W"):
            continue
        transport = FakeTransport(refusal(code))
        client = SpotClient(KEY, SECRET, transport=transport)
        with client, pytest.raises(ExchangeError) as caught:
            client.trading.add_order(**ORDER)
        error = caught.value
        assert type(error) is kind
        assert error.code == code
        assert error.category == row["category"]
        assert error.facts.hint == row["hint"]
        assert str(error) == f"add_order: {code} ({row['hint']})"
        assert error.cl_ord_id == field(transport.last, "cl_ord_id")
        found = TABLE.row(code)
        assert found is not None
        assert (found.exception, found.retry, found.hint) == (kind, row["retry"], row["hint"])
        assert len(transport.requests) == 1


def test_classes_by_category() -> None:
    for name, category in CATEGORIES.items():
        kind = getattr(exceptions, category["exception"])
        assert kind.category == name or kind is exceptions.ConnectionLost
        assert kind.retryable is (category["retry"] != "never") or kind is exceptions.ConnectionLost
    for row in ROWS:
        if "exception" in row:
            category = CATEGORIES[row["category"]]
            kind, base = getattr(exceptions, row["exception"]), getattr(exceptions, category["exception"])
            assert issubclass(kind, base)


def test_names_that_users_know() -> None:
    # A sample of the names by which callers of the generic request catch errors.
    for name in (
        "KrakenInvalidNonceError",
        "KrakenInsufficientFundsError",
        "KrakenRateLimitExceededError",
        "KrakenPermissionDeniedError",
        "KrakenInvalidArgumentsError",
        "KrakenServiceUnavailableError",
        "KrakenUnknownAssetPairError",
        "KrakenAuthenticationError",
        "MaxReconnectError",
    ):
        assert issubclass(getattr(exceptions, name), KrakenError)


@pytest.mark.parametrize(
    "code", ["EOrder:Something new", "ENew:thing", "E", "", "Maintenance!", "EGeneral:Invalid argument", "  ", "ü"]
)
def test_codes_that_are_not_known_keep_their_words(opener: Opener, code: str) -> None:
    with pytest.raises(ExchangeError) as caught:
        opener(transport=FakeTransport(refusal(code))).account_data.get_account_balance()
    assert type(caught.value) is ExchangeError
    assert caught.value.code == code
    assert str(caught.value) == f"get_account_balance: {code}"
    assert TABLE.row(code) is None


def test_the_longest_beginning_wins() -> None:
    class Short(ExchangeError):
        pass

    class Long(ExchangeError):
        pass

    class Exact(ExchangeError):
        pass

    table = ErrorTable(
        {"EOrder:Bad price": ErrorRow(Exact, "never")},
        {"EOrder:": ErrorRow(Short, "never"), "EOrder:Bad": ErrorRow(Long, "never", "look")},
    )
    cases: dict[str, type[ExchangeError]] = {
        "EOrder:": Short,
        "EOrder:x": Short,
        "EOrder:Bad": Long,
        "EOrder:Bad price": Exact,
        "EOrder:Bad price:1": Long,
        "eorder:bad PRICE": Exact,
        "EOrde": ExchangeError,
        "x EOrder:Bad": ExchangeError,
    }
    for code, kind in cases.items():
        error = table.error(code)
        assert type(error) is kind, code
        assert error.code == code
    assert table.error("EOrder:Badly").facts.hint == "look"


def test_a_more_exact_row_of_the_real_table() -> None:
    assert type(TABLE.error("EGeneral:Invalid arguments:volume")) is KrakenInvalidArgumentsError
    exact = [row["code"] for row in ROWS if row["match"] == "exact" and row["code"].startswith("EGeneral:Invalid arg")]
    assert exact
    assert all(type(TABLE.error(code)) is not KrakenInvalidArgumentsError for code in exact)


def test_errors_in_tasks_keep_their_causes() -> None:
    async def main() -> None:
        async with SpotAsyncClient(KEY, SECRET, "http://127.0.0.1:1", retries=0) as client:
            await asyncio.gather(*(client.trading.add_order(**ORDER) for _ in range(3)))

    with pytest.raises(exceptions.NotSent) as caught:
        asyncio.run(main())
    assert caught.value.__cause__ is not None
