"""Seeded market data, in the shapes of Kraken's REST replies and of both its sockets.

Everything is made from integers (price steps, quantity units), and checksums are computed from those: a client that
verifies them is checked against arithmetic that none of the clients shares.
"""

from __future__ import annotations

import base64
import json
import random
import string
from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KEY", "PRICE_DECIMALS", "QTY_DECIMALS", "SECRET", "SYMBOL", "TIME", "ensure", "messages", "meta", "reply"]

VERSION = 2
"""Part of the folder's name; raised when the data changes."""

KEY = "benchmark-key"
SECRET = base64.b64encode(b"not a secret: signs requests to 127.0.0.1 only, 64 bytes long ..").decode()

SYMBOL = "BTC/USD"
PRICE_DECIMALS, QTY_DECIMALS = 1, 8
V1_PRICE_DECIMALS = 5
"""The older socket writes all prices of this pair with so many decimals."""
PAIRS = 1850
DEPTHS = (10, 100, 1000)
CHECKSUM_LEVELS = 10

Change = list[tuple[int, int]]
"""Levels of one side as price steps and quantity units; 0 units remove a level."""


def _decimal(units: int, places: int) -> str:
    sign, units = ("-", -units) if units < 0 else ("", units)
    whole, rest = divmod(units, 10**places)
    return f"{sign}{whole}.{rest:0{places}d}"


def _price(steps: int) -> str:
    return _decimal(steps, PRICE_DECIMALS)


def _v1_price(steps: int) -> str:
    return _decimal(steps * 10 ** (V1_PRICE_DECIMALS - PRICE_DECIMALS), V1_PRICE_DECIMALS)


def _qty(units: int) -> str:
    return _decimal(units, QTY_DECIMALS)


def _time(index: int) -> str:
    seconds, micros = divmod(index * 1913, 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    return f"2026-05-04T{minutes // 60 % 24:02d}:{minutes % 60:02d}:{seconds:02d}.{micros:06d}Z"


def _v1_time(index: int) -> str:
    return _decimal(1_777_852_800_000_000 + index * 1913, 6)


# ---------------------------------------------------------------- streams


def _tickers(count: int) -> tuple[list[str], list[str]]:
    rng = random.Random("ticker")
    bid = 1_083_598
    v2, v1 = [], []
    for index in range(count):
        bid += rng.randint(-9, 9)
        ask = bid + rng.randint(1, 12)
        bid_qty, ask_qty = rng.randint(1, 10**9), rng.randint(1, 10**9)
        volume, vwap = 180_000_000_000 + index * 4099, 1_082_000 + index % 311
        low, high, opened = 1_068_240, 1_113_000, 1_102_798
        figures = {
            "bid": _price(bid),
            "bid_qty": _qty(bid_qty),
            "ask": _price(ask),
            "ask_qty": _qty(ask_qty),
            "last": _price(bid),
            "volume": _qty(volume),
            "vwap": _price(vwap),
            "low": _price(low),
            "high": _price(high),
            "change": _price(bid - opened),
            "change_pct": _decimal((bid - opened) * 10_000 // opened, 2),
        }
        body = ",".join(f'"{name}":{value}' for name, value in figures.items())
        kind = "update" if index else "snapshot"
        v2.append(
            f'{{"channel":"ticker","type":"{kind}","data":[{{"symbol":"{SYMBOL}",{body},"timestamp":"{_time(index)}"}}]}}'
        )
        twice = {
            "v": _qty(volume),
            "p": _v1_price(vwap),
            "l": _v1_price(low),
            "h": _v1_price(high),
            "o": _v1_price(opened),
        }
        columns: dict[str, list[Any]] = {
            "a": [_v1_price(ask), ask_qty // 10**8, _qty(ask_qty)],
            "b": [_v1_price(bid), bid_qty // 10**8, _qty(bid_qty)],
            "c": [_v1_price(bid), "0.01000000"],
            **{name: [value, value] for name, value in twice.items()},
            "t": [11_493, 16_346],
        }
        v1.append(_compact([340, columns, "ticker", "XBT/USD"]))
    return v2, v1


def _trades(count: int) -> tuple[list[str], list[str], int]:
    rng = random.Random("trade")
    steps, number = 1_083_598, 0
    v2, v1 = [], []
    for index in range(count):
        items, rows = [], []
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            number += 1
            steps += rng.randint(-6, 6)
            units = rng.randint(1, 3 * 10**8)
            side, kind = rng.choice(("buy", "sell")), rng.choice(("limit", "market"))
            items.append(
                f'{{"symbol":"{SYMBOL}","side":"{side}","price":{_price(steps)},"qty":{_qty(units)},"ord_type":"{kind}",'
                f'"trade_id":{70_000_000 + number},"timestamp":"{_time(index)}"}}'
            )
            rows.append([_v1_price(steps), _qty(units), _v1_time(index), side[0], kind[0], ""])
        v2.append(f'{{"channel":"trade","type":"update","data":[{",".join(items)}]}}')
        v1.append(_compact([337, rows, "trade", "XBT/USD"]))
    return v2, v1, number


class _Side:
    """One side of a market that is deeper than what is shown of it. `ranks` ascend from the best price."""

    def __init__(self, rng: random.Random, best: int, sign: int, depth: int) -> None:
        self.sign = sign
        self.ranks: list[int] = []
        self.units: dict[int, int] = {}
        self._rng = rng
        self._depth = depth
        self._deepen(sign * best)

    def _deepen(self, rank: int) -> None:
        """Add levels far from the market until removals cannot reach the end."""
        while len(self.ranks) < self._depth + 10:
            self._set(rank)
            rank += self._rng.randint(1, 5)

    def _set(self, rank: int) -> int:
        if rank not in self.units:
            insort(self.ranks, rank)
        self.units[rank] = self._rng.randint(1, 5 * 10**8)
        return self.units[rank]

    def shown(self, count: int) -> Change:
        return [(rank * self.sign, self.units[rank]) for rank in self.ranks[:count]]

    def change(self, limit: int) -> Change:
        """Change a level near the market; what a client with `depth` levels is told. Ranks stay above `limit`."""
        while True:
            index = min(int(self._rng.expovariate(0.3)), self._depth - 1)
            rank = self.ranks[index]
            action = self._rng.random()
            if action < 0.25:
                del self.ranks[index], self.units[rank]
                moved_up = self.ranks[self._depth - 1]
                told = [(rank, 0), (moved_up, self.units[moved_up])]
                self._deepen(self.ranks[-1] + self._rng.randint(1, 5))
            else:
                rank += self._rng.randint(-3, 3) if action < 0.5 else 0
                if rank <= limit or bisect_left(self.ranks, rank) >= self._depth:
                    continue
                told = [(rank, self._set(rank))]
                for far in self.ranks[self._depth + 60 :]:
                    del self.units[far]
                del self.ranks[self._depth + 60 :]
            return [(rank * self.sign, units) for rank, units in told]


def _books(count: int, depth: int) -> tuple[list[str], list[str], list[str]]:
    rng = random.Random(f"book {depth}")
    asks, bids = _Side(rng, 1_083_600, 1, depth), _Side(rng, 1_083_598, -1, depth)

    def digits(text: str) -> str:
        return text.replace(".", "").lstrip("0")

    def checksum(price: Any) -> int:
        levels = [*asks.shown(CHECKSUM_LEVELS), *bids.shown(CHECKSUM_LEVELS)]
        return crc32("".join(digits(price(steps)) + digits(_qty(units)) for steps, units in levels).encode())

    def v2_message(kind: str, index: int, changed: tuple[Change, Change]) -> str:
        lists = [",".join(f'{{"price":{_price(p)},"qty":{_qty(q)}}}' for p, q in levels) for levels in changed]
        return (
            f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{SYMBOL}","bids":[{lists[1]}],"asks":[{lists[0]}],'
            f'"checksum":{checksum(_price)},"timestamp":"{_time(index)}"}}]}}'
        )

    def v1_rows(levels: Change, index: int) -> list[list[str]]:
        return [[_v1_price(p), _qty(q), _v1_time(index)] for p, q in levels]

    def v1_message(parts: list[dict[str, Any]]) -> str:
        return _compact([336, *parts, f"book-{depth}", "XBT/USD"])

    snapshot = asks.shown(depth), bids.shown(depth)
    v2 = [v2_message("snapshot", 0, snapshot)]
    v1 = [v1_message([{"as": v1_rows(snapshot[0], 0), "bs": v1_rows(snapshot[1], 0)}])]
    top = [_top(asks, bids)]
    for index in range(1, count):
        which = rng.random()
        ask_changes = asks.change(-bids.ranks[0]) if which < 0.55 else []
        bid_changes = bids.change(-asks.ranks[0]) if which > 0.45 else []
        v2.append(v2_message("update", index, (ask_changes, bid_changes)))
        parts: list[dict[str, Any]] = [
            {name: v1_rows(levels, index)} for name, levels in (("a", ask_changes), ("b", bid_changes)) if levels
        ]
        parts[-1]["c"] = str(checksum(_v1_price))
        v1.append(v1_message(parts))
        top.append(_top(asks, bids))
    return v2, v1, top


def _top(asks: _Side, bids: _Side) -> str:
    """Best ask and best bid, to compare a client's book with."""
    return _compact([_price(asks.ranks[0] * asks.sign), _price(bids.ranks[0] * bids.sign)])


# ---------------------------------------------------------------- REST


def _pair(name: str, base: str, quote: str, rng: random.Random) -> dict[str, Any]:
    steps = [0, 10_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000]
    margin = [2, 3, 4, 5] if rng.random() < 0.4 else []
    return {
        "altname": name,
        "wsname": f"{base.removeprefix('X') if base == 'XXBT' else base}/{quote.removeprefix('Z')}",
        "aclass_base": "currency",
        "base": base,
        "aclass_quote": "currency",
        "quote": quote,
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": PRICE_DECIMALS if base == "XXBT" else rng.randint(2, 7),
        "lot_decimals": QTY_DECIMALS,
        "lot_multiplier": 1,
        "leverage_buy": margin,
        "leverage_sell": margin,
        "fees": [[step, round(0.4 - 0.03 * place, 2)] for place, step in enumerate(steps)],
        "fees_maker": [[step, round(0.25 - 0.025 * place, 3)] for place, step in enumerate(steps)],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": _decimal(rng.randint(1, 10**6), 5),
        "costmin": "0.5",
        "tick_size": "0.1" if base == "XXBT" else _decimal(1, rng.randint(2, 6)),
        "status": "online",
        "long_position_limit": rng.randint(10, 5000),
        "short_position_limit": rng.randint(10, 5000),
    }


def _asset_pairs() -> dict[str, Any]:
    rng = random.Random("pairs")
    quotes = ["ZUSD", "ZEUR", "USDT", "USDC", "ZGBP", "XXBT"]
    pairs = {"XXBTZUSD": _pair("XBTUSD", "XXBT", "ZUSD", rng)}
    while len(pairs) < PAIRS:
        base = "".join(rng.choices(string.ascii_uppercase, k=rng.randint(4, 6)))
        quote = quotes[len(pairs) % len(quotes)]
        name = base + quote[-3:]
        pairs[name] = _pair(name, base, quote, rng)
    return pairs


def _assets() -> dict[str, Any]:
    common = {"aclass": "currency", "status": "enabled"}
    return {
        "XXBT": {**common, "altname": "XBT", "decimals": 10, "display_decimals": 5},
        "ZUSD": {**common, "altname": "USD", "decimals": 4, "display_decimals": 2},
    }


TICKER = {
    "XXBTZUSD": {
        "a": ["108360.10000", "1", "1.000"],
        "b": ["108359.90000", "3", "3.000"],
        "c": ["108359.90000", "0.00165000"],
        "v": ["1024.43212345", "2158.32346723"],
        "p": ["108200.81234", "108150.02345"],
        "t": [21452, 45192],
        "l": ["106824.00000", "106824.00000"],
        "h": ["111300.00000", "111300.00000"],
        "o": "110279.80000",
    }
}
TIME = {"unixtime": 1777852800, "rfc1123": "Mon,  4 May 26 00:00:00 +0000"}
PLACED = {"descr": {"order": "buy 1.25000000 XBTUSD @ limit 37500.0"}, "txid": ["OBENCH-MARKS-ORDER1"]}


def reply(result: Any) -> bytes:
    """The body of a REST reply without errors."""
    return _compact({"error": [], "result": result}).encode()


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


# ---------------------------------------------------------------- files


def ensure(folder: Path, count: int) -> Path:
    """Make all data with streams of `count` messages, unless that has been done; returns where it is."""
    target = folder / f"v{VERSION}-{count}"
    done = target / "meta.json"
    if done.exists():
        return target
    target.mkdir(parents=True, exist_ok=True)
    files: dict[str, list[str]] = {}
    files["v2-ticker"], files["v1-ticker"] = _tickers(count)
    files["v2-trade"], files["v1-trade"], trade_count = _trades(count)
    for depth in DEPTHS:
        files[f"v2-book{depth}"], files[f"v1-book{depth}"], files[f"top-book{depth}"] = _books(count, depth)
    for name, lines in files.items():
        (target / f"{name}.txt").write_text("\n".join(lines))
    results = {"Ticker": TICKER, "AssetPairs": _asset_pairs(), "Assets": _assets(), "AddOrder": PLACED, "Time": TIME}
    for name, result in results.items():
        (target / f"{name}.json").write_bytes(reply(result))
    done.write_text(json.dumps({"count": count, "trades": trade_count, "last": _time(count - 1), "first": _time(0)}))
    return target


def messages(folder: Path, dialect: str, name: str, count: int | None = None) -> list[str]:
    """The first `count` messages of a stream, or all; `top` as dialect gives the best prices after each."""
    return (folder / f"{dialect}-{name}.txt").read_text().split("\n")[:count]


def meta(folder: Path) -> dict[str, Any]:
    """Counts and timestamps of the streams in a folder."""
    found: dict[str, Any] = json.loads((folder / "meta.json").read_text())
    return found
