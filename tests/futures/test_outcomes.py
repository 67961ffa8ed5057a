"""What replies mean: `result: success` is not success, and errors come in several forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kraken import exceptions
from kraken.exceptions import (
    TABLE,
    BadRequestError,
    ExchangeError,
    KrakenApiLimitExceededError,
    KrakenAuthenticationError,
    KrakenInsufficientAvailableFundsError,
    KrakenInsufficientMarginError,
    KrakenNotFoundError,
    KrakenOrderForEditNotFoundError,
    OrderError,
    OrderStateUnknown,
    ReplyLost,
)
from kraken.futures import FuturesClient, decode_response
from kraken.runtime import Reply

from ..specs import error_rows, operations
from ..support import FakeTransport, FuturesOpener
from .replies import ORDER, refusal, reply, sent

V3 = "/derivatives/api/v3"
# That an order is filled is an error for what cancels it alone.
ROWS = [row for row in error_rows() if "futures" in row["products"] and row["code"] != "filled"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["code"]))
def test_every_row_of_the_table(row: dict[str, Any], opener: FuturesOpener) -> None:
    """As the error of a request, as the status of an order, and in a row of a batch."""
    code = row["code"] if row["match"] == "exact" else f"{row['code']} something"
    expected = row.get("exception") or type(TABLE.error(code)).__name__
    for answer in (refusal(code), sent(code)):
        with pytest.raises(ExchangeError) as caught:
            opener(transport=FakeTransport(answer), retries=0).order_management.send_order(**ORDER)
        assert type(caught.value) is getattr(exceptions, expected)
        assert caught.value.code == code
        assert row["hint"] in str(caught.value)
    batch = decode_response(f"POST {V3}/batchorder", reply(batchStatus=[{"status": code}]).body)
    assert type(batch.batchStatus[0].exception) is getattr(exceptions, expected)


@pytest.mark.parametrize("word", ["placed", "partiallyFilled", "filled"])
def test_orders_that_were_taken(opener: FuturesOpener, word: str) -> None:
    result = opener(transport=FakeTransport(sent(word))).order_management.send_order(**ORDER)
    assert result.sendStatus.status == word


def test_words_that_are_new(opener: FuturesOpener) -> None:
    """Nobody knows what they mean, so that nobody may take them for a success."""
    with pytest.raises(ExchangeError, match="beingConsidered") as caught:
        opener(transport=FakeTransport(sent("beingConsidered"))).order_management.send_order(**ORDER, cliOrdId="mine")
    assert type(caught.value) is ExchangeError
    assert caught.value.cl_ord_id == "mine"
    assert caught.value.facts.body == sent("beingConsidered").body


CASES: dict[str, tuple[Callable[[FuturesClient], Any], Reply, type[ExchangeError] | None]] = {
    "an order without margin": (
        lambda client: client.order_management.send_order(**ORDER),
        sent("insufficientAvailableFunds"),
        KrakenInsufficientAvailableFundsError,
    ),
    "an edit of nothing": (
        lambda client: client.order_management.edit_order(orderId="a", size="1"),
        reply(editStatus={"status": "orderForEditNotFound"}),
        KrakenOrderForEditNotFoundError,
    ),
    "an edit that fills": (
        lambda client: client.order_management.edit_order(orderId="a", size="1"),
        reply(editStatus={"status": "filled"}),
        None,
    ),
    "a cancel of nothing": (
        lambda client: client.order_management.cancel_order(order_id="a"),
        reply(cancelStatus={"status": "notFound"}),
        KrakenNotFoundError,
    ),
    "a cancel that came too late": (
        lambda client: client.order_management.cancel_order(order_id="a"),
        reply(cancelStatus={"status": "filled"}),
        OrderError,
    ),
    "nothing to cancel": (
        lambda client: client.order_management.cancel_all_orders(),
        reply(cancelStatus={"status": "noOrdersToCancel"}),
        None,
    ),
    "a refusal at the top": (
        lambda client: client.rfq.cancel_rfq(rfqUid="5e1f0c2a-0001-4d7b-9a31-0c4d5e6f7a81"),
        Reply(200, {}, b'{"result":"success","status":"failed","reason":"rfqNotFound"}'),
        OrderError,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_outcomes_of_single_calls(opener: FuturesOpener, name: str) -> None:
    call, answer, expected = CASES[name]
    client = opener(transport=FakeTransport(answer))
    if expected is None:
        assert call(client)
        return
    with pytest.raises(expected) as caught:
        call(client)
    assert type(caught.value) is expected


def test_every_status_is_looked_at() -> None:
    """Whatever the specs know as an outcome of a single order is raised."""
    found = {each.name: each.outcome.field for each in operations("futures").values() if each.outcome}
    assert {name: found[name] for name in ("send_order", "edit_order", "cancel_order", "send_batch_order")} == {
        "send_order": "sendStatus",
        "edit_order": "editStatus",
        "cancel_order": "cancelStatus",
        "send_batch_order": "batchStatus",
    }


def test_batches_row_by_row(opener: FuturesOpener) -> None:
    words = ["placed", "edited", "cancelled", "filled", "notFound", "insufficientAvailableFunds", "new"]
    answer = reply(batchStatus=[{"status": word, "order_tag": word} for word in words])
    client = opener(transport=FakeTransport(answer))
    rows = client.order_management.send_batch_order(batchOrder=[{"order": "cancel", "order_id": "a"}]).batchStatus
    assert [type(row.exception) for row in rows[4:]] == [
        KrakenNotFoundError,
        KrakenInsufficientAvailableFundsError,
        ExchangeError,
    ]
    assert [row.exception for row in rows[:4]] == [None] * 4


def test_orders_that_were_refused_later(opener: FuturesOpener) -> None:
    rows = [{"order": {"orderId": "a"}, "error": None}, {"order": {"orderId": "b"}, "error": "INSUFFICIENT_MARGIN"}]
    client = opener(transport=FakeTransport(reply(orders=rows)))
    fine, refused = client.order_management.get_order_status(orderIds="a,b").orders or []
    assert fine.exception is None
    assert isinstance(refused.exception, KrakenInsufficientMarginError)


# ---------------------------------------------------------------------- errors of requests


def test_both_forms_of_errors(opener: FuturesOpener) -> None:
    lists: dict[str, Any] = {
        "92: INSUFFICIENT_MARGIN": [{"code": 92, "message": "INSUFFICIENT_MARGIN"}],
        "authenticationError": [{"code": None, "message": "authenticationError"}],
        "11: Argument invalid: size; 7: another": [
            {"code": 11, "message": "Argument invalid: size"},
            {"code": 7, "message": "another"},
        ],
    }
    classes = [KrakenInsufficientMarginError, KrakenAuthenticationError, BadRequestError]
    for status in (200, 400, 500):
        for (words, errors), expected in zip(lists.items(), classes, strict=True):
            with pytest.raises(expected) as caught:
                opener(transport=FakeTransport(refusal(errors, status))).order_management.send_order(**ORDER)
            assert str(caught.value).startswith(f"send_order: {words}")
    with pytest.raises(KrakenApiLimitExceededError):
        opener(transport=FakeTransport(refusal("apiLimitExceeded")), retries=0).account_information.get_accounts()


def test_statuses_without_a_word_of_futures(opener: FuturesOpener) -> None:
    def fetch(answer: Reply) -> Any:
        return opener(transport=FakeTransport(answer), retries=0).market_data.get_tickers()

    for status in (400, 401, 403, 404, 429):
        with pytest.raises(ExchangeError, match=f"HTTP {status}"):
            fetch(Reply(status, {}, b"{}"))
    with pytest.raises(BadRequestError, match="Not Found"):
        fetch(Reply(404, {}, b'{"timestamp":1,"status":404,"error":"Not Found","message":""}'))
    for broken in (Reply(500, {}, b'{"status":500,"error":"Internal Server Error"}'), Reply(200, {}, b"<html>")):
        with pytest.raises(ReplyLost):
            fetch(broken)
    with pytest.raises(OrderStateUnknown):
        opener(
            transport=FakeTransport(Reply(500, {}, b'{"status":500,"error":"Internal Server Error"}'))
        ).order_management.send_order(**ORDER)


def test_payloads_without_an_envelope(opener: FuturesOpener) -> None:
    """History and charts say it by the status; a member that is called `result` is their own."""
    body = b'{"result":{"timestamp":[1],"data":["1.50"],"more":false},"errors":[]}'
    client = opener(transport=FakeTransport(Reply(200, {}, body)))
    result = client.analytics.market_analytics(
        symbol="PF_XBTUSD", analytics_type="trade-count", since=1, interval=3600
    ).result
    assert result is not None
    assert result.timestamp == [1]
    refused = Reply(400, {}, b'{"result":"error","error":"invalidArgument: since"}')
    with pytest.raises(BadRequestError, match="invalidArgument: since"):
        opener(transport=FakeTransport(refused)).account_history.get_order_events(since=1)
    refused = Reply(404, {}, b'{"errors":[{"message":"market not found"}]}')
    with pytest.raises(ExchangeError, match="market not found"):
        opener(transport=FakeTransport(refused)).charts.tick_types()


def test_csv_comes_as_a_file(opener: FuturesOpener, tmp_path: Any) -> None:
    csv = b"uid,dateTime\na,b\n"
    answer = Reply(200, {"content-type": "text/csv"}, csv)
    assert opener(transport=FakeTransport(answer)).account_history.account_log_csv() == csv
    target = tmp_path / "log.csv"
    assert opener(transport=FakeTransport(answer)).account_history.account_log_csv(to=target) == b""
    assert target.read_bytes() == csv
    refused = FakeTransport(refusal("authenticationError"))
    with pytest.raises(KrakenAuthenticationError):
        opener(transport=refused).account_history.account_log_csv(to=target)
    assert target.read_bytes() == csv
