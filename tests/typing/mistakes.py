"""Mistakes that type checkers find: both say so where it is not an error, since the comments would be of no use."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from kraken.spot import SpotAsyncClient, SpotClient


def mistakes(client: SpotClient) -> None:
    add = client.trading.add_order
    add(pair="P", type="buy", ordertype="limit", volume="1", pricee="1")  # type: ignore[call-arg]
    add(pair="P", type="buy", ordertype="limit", volume=0.1)  # type: ignore[arg-type]
    add(pair="P", type="bye", ordertype="limit", volume="1")  # type: ignore[arg-type]
    add(pair="P", type="buy", ordertype="limit")  # type: ignore[call-arg]
    add("P", type="buy", ordertype="limit", volume="1")  # type: ignore[call-arg]
    add(pair="P", type="buy", ordertype="limit", volume="1", userref="7")  # type: ignore[arg-type]
    add(pair="P", type="buy", ordertype="limit", volume="1", oflags=["psot"])  # type: ignore[list-item]
    client.market_data.get_grouped_order_book(pair="P", depth=11)  # type: ignore[arg-type]
    client.market_data.get_ticker_information().price  # type: ignore[attr-defined]  # noqa: B018
    client.market_data.get_tickers()  # type: ignore[attr-defined]
    SpotClient("key", "secret", sandbox=True)  # type: ignore[call-arg]


async def asynchronous_mistakes(client: SpotAsyncClient) -> None:
    await client.account_data.get_account_balance(asset="XBT")  # type: ignore[call-arg]
    client.account_data.get_account_balance().items()  # type: ignore[attr-defined]
