"""The figures of the soak as a page of Markdown."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Iterable, Mapping

from .soak import Run

HEAD = """# Soak

Written by `make soak`; do not edit. A client lives through simulated time in which connections break every few seconds,
and everything that it shows and tells is compared with what was true.

## How it works

- The exchange is the emulator, in a process of its own; client and emulator talk over real sockets on one machine.
- Time is simulated, for both: while neither has anything to do it jumps ahead, by a quarter of a second at most. An hour
  so takes minutes, while timeouts, heartbeats, backoff and the budget of connection attempts keep their real figures.
- The emulator takes down every state of every book, before it tells anybody. Each state that the client shows, after
  each update and at a glance every 0.7 seconds, must be one that was true at the time that the book itself tells, digit
  for digit, single orders in their queues included; and no book may go back to a state before the one shown last.
- What nobody can notice is left out: a frame of a book that is lost while its connection lives on, and that changed
  nothing among the ten best prices, which are all that the exchange's checksum covers.
- Every fill of the account must be told once, also those that happened while there was no connection.
- In the end the trouble stops. Then all books, open orders and balances must be the exchange's.
- Derivatives WebSocket v1 tells a book one level at a time, so every state between two such messages counts as true. Its
  times are milliseconds, and the next millisecond can begin between two messages of one change.
- Orders and fills of Derivatives WebSocket v1 have no numbers: a frame of these is lost only together with its connection.
- One stream is never read, so that its buffer is full all the time.
- `python -m tests.soak --help` tells what can be chosen: the simulated time, and the seed that the market, the trouble
  and the user follow. Two runs with one seed differ in details, because threads and sockets keep their own order.
"""


def page(runs: Mapping[str, Run], seed: int) -> str:
    """The page.

    Args:
        runs: By product.
        seed: What they followed.
    """
    where = {
        "Date": datetime.datetime.now(datetime.UTC).date(),
        "System": f"{platform.system()}, {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "Seed": seed,
    }
    return "\n".join([HEAD, "## Where", "", _table(("", ""), where.items()), *map(_section, runs, runs.values())])


def _section(name: str, run: Run) -> str:
    world, memory = run.world, run.memory
    figures = {
        "Simulated time": f"{run.seconds / 60:g} minutes",
        "Real time": f"{run.real_seconds:.0f} s",
        "Connections opened": run.client["connections"],
        "Messages received": run.client["messages"],
        "True states of books": world["true_states"],
        "States shown and compared": world["states_shown"],
        "**Wrong states shown**": world["wrong_states"],
        "Fills": world["fills"],
        "of these told late, because they happened in a gap": world["fills_late"],
        "**Fills lost**": world["fills_lost"],
        "**Fills told twice**": world["fills_repeated"],
        "Fills told that never were": world["fills_invented"],
        "**Differences in the end**": len(run.differences),
        "What the client gave up": len(run.failures),
    }
    trouble = [(what, f"{world['every'][what]:g} s", times) for what, times in sorted(world["happened"].items())]
    heard = sorted(run.events.items())
    sizes = [(f"{each.minute:g}", f"{each.megabytes:.1f}", each.blocks) for each in memory]
    return "\n".join(
        [
            f"\n## {name}\n",
            _table(("", ""), figures.items()),
            "\n### What happened\n",
            _table(("what", "every", "times"), trouble),
            "\n### What the client noticed\n",
            _table(("event", "times"), heard),
            "\n### Memory of the client's process\n",
            _table(("simulated minute", "resident, MiB", "allocated blocks"), sizes),
            "",
        ]
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
