"""Spot REST, earn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kraken.emulator.handlers import Arguments, Handlers
from kraken.emulator.pages import Pages
from kraken.emulator.wire import ZERO, fixed, rfc3339

if TYPE_CHECKING:
    from decimal import Decimal

    from kraken.emulator.earn import Earn, Holding, Part, Strategy
    from kraken.emulator.instruments import Asset

Row = dict[str, Any]

MOST = 65_535
"""Strategies on a page when nobody says otherwise: all of them."""


class SpotEarn:
    """The state behind the operations.

    Args:
        earn: Strategies and holdings.
    """

    def __init__(self, earn: Earn) -> None:
        self.earn = earn
        self.strategies = Pages[Row]("strategies")


HANDLERS: Handlers[SpotEarn] = Handlers()
"""By operation id."""


@HANDLERS.answers("allocateStrategy")
def _allocate(spot: SpotEarn, arguments: Arguments) -> Any:
    spot.earn.ask("allocate", arguments["strategy_id"], arguments["amount"])
    return True


@HANDLERS.answers("deallocateStrategy")
def _deallocate(spot: SpotEarn, arguments: Arguments) -> Any:
    spot.earn.ask("deallocate", arguments["strategy_id"], arguments["amount"])
    return True


@HANDLERS.answers("getAllocateStrategyStatus")
def _allocate_status(spot: SpotEarn, arguments: Arguments) -> Any:
    return {"pending": spot.earn.pending("allocate", arguments["strategy_id"])}


@HANDLERS.answers("getDeallocateStrategyStatus")
def _deallocate_status(spot: SpotEarn, arguments: Arguments) -> Any:
    return {"pending": spot.earn.pending("deallocate", arguments["strategy_id"])}


# ---------------------------------------------------------------------- strategies


@HANDLERS.answers("listStrategies")
def _strategies(spot: SpotEarn, arguments: Arguments) -> Any:
    if "cursor" in arguments:
        page, further = spot.strategies.next(arguments["cursor"], arguments.get("limit"))
    else:
        instruments = spot.earn.exchange.instruments
        asset = instruments.asset(arguments["asset"]) if "asset" in arguments else None
        found = [
            _strategy(each)
            for each in spot.earn.strategies.values()
            if asset in (None, each.asset) and each.lock["type"] in arguments.get("lock_type", (each.lock["type"],))
        ]
        found.sort(key=lambda row: str(row["id"]), reverse=not arguments.get("ascending", False))
        page, further = spot.strategies.first(found, arguments.get("limit", MOST))
    return {"next_cursor": further, "items": page}


def _strategy(strategy: Strategy) -> Row:
    low, high = strategy.apr
    return {
        "id": strategy.id,
        "asset": strategy.asset.symbol,
        "asset_class": "currency",
        "lock_type": strategy.lock,
        "apr_estimate": {"low": low, "high": high},
        "user_min_allocation": None if strategy.minimum is None else format(strategy.minimum, "f"),
        "user_cap": None if strategy.cap is None else fixed(strategy.cap, strategy.asset.decimals),
        "allocation_fee": "0.0000",
        "deallocation_fee": "0.0000",
        "auto_compound": strategy.auto_compound,
        "yield_source": {"type": strategy.source},
        "can_allocate": not strategy.closed and not strategy.restrictions,
        "can_deallocate": not strategy.closed,
        "allocation_restriction_info": list(strategy.restrictions),
    }


# ---------------------------------------------------------------------- allocations


class Shown:
    """Amounts of one asset, each also converted.

    Args:
        earn: Where the prices are.
        asset: The asset.
        converted: The asset to convert to.
    """

    def __init__(self, earn: Earn, asset: Asset, converted: Asset) -> None:
        self._rates = earn.rates
        self._asset = asset
        self._converted = converted

    def worth(self, amount: Decimal) -> Decimal:
        """An amount, converted."""
        return self._rates.worth(amount, self._asset, self._converted)

    def amount(self, amount: Decimal) -> Row:
        """An amount in both assets."""
        return {
            "native": fixed(amount, self._asset.decimals),
            "converted": fixed(self.worth(amount), self._converted.decimals),
        }

    def parts(self, parts: list[Part]) -> Row:
        """An amount that moves on part by part."""
        return {
            **self.amount(sum((part.amount for part in parts), ZERO)),
            "allocation_count": len(parts),
            "allocations": [
                {
                    "created_at": rfc3339(part.created, 0),
                    "expires": rfc3339(part.expires, 3),
                    **self.amount(part.amount),
                }
                for part in parts
            ],
        }


@HANDLERS.answers("listAllocations")
def _allocations(spot: SpotEarn, arguments: Arguments) -> Any:
    earn = spot.earn
    converted = earn.exchange.instruments.asset(arguments.get("converted_asset", "USD"))
    allocated = rewarded = ZERO
    rows: list[tuple[Decimal, Row]] = []
    for holding in earn.holdings.values():
        shown = Shown(earn, holding.strategy.asset, converted)
        worth = shown.worth(holding.total)
        allocated, rewarded = allocated + worth, rewarded + shown.worth(holding.rewarded)
        if holding.total or holding.request or not arguments.get("hide_zero_allocations", False):
            rows.append((worth, _holding(holding, shown, earn.exchange.now())))
    rows.sort(key=lambda row: row[0], reverse=not arguments.get("ascending", False))
    return {
        "converted_asset": converted.symbol,
        "total_allocated": fixed(allocated, converted.decimals),
        "total_rewarded": fixed(rewarded, converted.decimals),
        "next_cursor": None,
        "items": [row for _, row in rows],
    }


def _holding(holding: Holding, shown: Shown, now: int) -> Row:
    amounts: Row = {}
    if holding.bonding:
        amounts["bonding"] = shown.parts(holding.bonding)
    if holding.unbonding:
        amounts["unbonding"] = shown.parts(holding.unbonding)
    if holding.request is not None:
        sign = 1 if holding.request.kind == "allocate" else -1
        amounts["pending"] = shown.amount(sign * holding.request.amount)
    row: Row = {
        "strategy_id": holding.strategy.id,
        "native_asset": holding.strategy.asset.symbol,
        "amount_allocated": {**amounts, "total": shown.amount(holding.total)},
        "total_rewarded": shown.amount(holding.rewarded),
    }
    if holding.total:
        earned = holding.reward(now)
        row["payout"] = {
            "accumulated_reward": shown.amount(holding.accumulated + earned),
            "estimated_reward": shown.amount(holding.reward(holding.period_end) - earned),
            "period_start": rfc3339(holding.period_start, 0),
            "period_end": rfc3339(holding.period_end, 0),
        }
    return row
