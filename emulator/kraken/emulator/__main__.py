"""``python -m kraken.emulator``: run until interrupted, after one line of JSON that says where."""

from __future__ import annotations

import argparse
import json
import signal
import threading
from typing import TYPE_CHECKING

from kraken.emulator.control import Emulator

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run an emulator until SIGINT or SIGTERM.

    Args:
        arguments: Command line without the program; the process's own when left out.

    Returns:
        The exit status, 0.
    """
    parser = argparse.ArgumentParser(prog="python -m kraken.emulator", description="A Kraken on localhost.")
    parser.add_argument(
        "--port", type=int, default=0, help="port of REST and the public WebSocket; a free one by default"
    )
    parser.add_argument(
        "--auth-port", type=int, default=0, help="port of the authenticated WebSocket; a free one by default"
    )
    parser.add_argument(
        "--level3-port", type=int, default=0, help="port of the WebSocket with single orders; a free one by default"
    )
    parser.add_argument(
        "--futures-port",
        type=int,
        default=0,
        help="port of Futures REST and Derivatives WebSocket v1; a free one by default",
    )
    parser.add_argument(
        "--unified-port", type=int, default=0, help="port of the Unified WebSocket; a free one by default"
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same keys and the same market")
    parser.add_argument(
        "--market-interval", type=float, default=0.05, help="seconds between two actions of the market; 0: none"
    )
    parser.add_argument(
        "--token-lifetime", type=int, default=900, help="seconds that a WebSocket token can be used for"
    )
    parser.add_argument("--otp", help="one-time password that private REST calls must have; none by default")
    parser.add_argument(
        "--tier", help="tier whose rate limits are enforced: starter, intermediate or pro; none by default"
    )
    parser.add_argument("--futures-limits", action="store_true", help="enforce the rate limits of Futures")
    options = parser.parse_args(arguments)
    interrupted = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: interrupted.set())
    emulator = Emulator(
        seed=options.seed,
        market_interval=options.market_interval or None,
        token_lifetime=options.token_lifetime,
        port=options.port,
        auth_port=options.auth_port,
        level3_port=options.level3_port,
        futures_port=options.futures_port,
        unified_port=options.unified_port,
        otp=options.otp,
        tier=options.tier,
        futures_limits=options.futures_limits,
    )
    with emulator:
        spot = ("spot_url", "spot_ws_url", "spot_ws_auth_url", "spot_ws_level3_url")
        names = (
            *spot,
            "futures_url",
            "futures_ws_url",
            "unified_ws_url",
            "key",
            "secret",
            "futures_key",
            "futures_secret",
        )
        print(json.dumps({name: getattr(emulator, name) for name in names}), flush=True)
        interrupted.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
