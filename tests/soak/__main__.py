"""`make soak`: an hour of simulated market in which much goes wrong, in a few minutes."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from .page import page
from .soak import PRODUCTS, soak


def main() -> int:
    """Run the soak, print its figures, and write them down.

    Returns:
        The exit status: 1 when something wrong was shown, or something was lost or told twice.
    """
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="simulated minutes; an hour by default")
    parser.add_argument("--seed", type=int, default=1, help="what happens, and what the user does")
    parser.add_argument("--output", type=Path, help="page that the figures are written to")
    parser.add_argument("--products", nargs="+", choices=PRODUCTS, default=list(PRODUCTS), help="whose clients")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # it would tell of every trouble that is made on purpose
    runs = {product: soak(product, options.minutes * 60, options.seed) for product in options.products}
    text = page(runs, options.seed)
    print(text)
    for name, run in runs.items():
        for each in (*run.differences, *run.failures, *run.world["wrong"]):
            print(f"{name}: {each}", file=sys.stderr)
    if options.output is not None:
        options.output.write_text(text)
    return 0 if all(run.is_good for run in runs.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
