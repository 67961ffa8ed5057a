"""The results as a page of Markdown."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from where import OTHER, STEPS
from worker import OURS, PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scenarios import Scenario

__all__ = ["BARE", "Result", "Row", "page"]

BARE = "bare interpreter"
"""A row that is nobody's: the part of importing that is not the client's."""

HEAD = """# Benchmarks

Written by `make bench`; do not edit. This SDK beside other Python clients for Kraken, on one machine, against a server
on the same machine. Figures are for comparing within a table: another machine gives others.

## How it is measured

- Every sample is a fresh process that runs one client through one scenario. A round takes one sample of each client,
  in an order that changes from round to round.
- The cost is the processor time of the client's process, user and system, unless the unit says elapsed. The server is a
  process of its own and is not counted. There is neither TLS nor compression, for anybody.
- Command lines are installed from wheels, as users have them, ours in an environment of its own with the libraries of the
  one above. The other scenarios use this checkout, which takes longer to import.
- Quoted are the median and the range over all rounds. A ratio compares samples of the same round with the best
  peer's, and is the median of those: what slows the machine down for a while slows both.
- *The best peer* of a scenario is the one with the lowest median, also where it does less work than the others: what it
  leaves out is in its notes.
- Replies, numbers of messages, checksums and best prices are checked, and a client that gets one wrong is not listed
  but named below the table. The server verifies signatures with its own code. All data are made from a fixed seed.
"""

PROFILE = """A profile of our own process in these streams, by sampling: the parts of its processor time that each step of a message
takes. What the socket and the splitting of frames cost is all that another library for WebSockets could save."""


@dataclass
class Row:
    """The samples of one client, or of one of its import statements."""

    contender: str
    label: str = ""
    samples: list[dict[str, Any]] = field(default_factory=list)
    missing: str = ""
    """Why there are none."""
    beside: str = ""
    """For a bare row: the client in whose environment it is."""
    bare: Row | None = None
    """The bare row in the same environment."""

    @property
    def costs(self) -> list[float]:
        return [sample["cost"] for sample in self.samples]

    @property
    def median(self) -> float:
        return statistics.median(self.costs)

    def ratio(self, other: Row) -> float:
        """The median of the ratios within a round."""
        return statistics.median(own / others for own, others in zip(self.costs, other.costs, strict=True))

    def newest(self, name: str) -> Any:
        """A note of the last sample."""
        return self.samples[-1].get(name)


@dataclass
class Result:
    """A scenario with what came of it."""

    scenario: Scenario
    rows: list[Row]

    @property
    def measured(self) -> list[Row]:
        return sorted((row for row in self.rows if not row.missing), key=lambda row: row.median)

    @property
    def ours(self) -> Row | None:
        """Our first row, which is the one that is used most."""
        return next((row for row in self.rows if row.contender == OURS and not row.missing), None)

    @property
    def best_peer(self) -> Row | None:
        return next((row for row in self.measured if row.contender not in (OURS, PLAIN, BARE)), None)

    @property
    def aims(self) -> list[str]:
        """What was aimed at for our first row, and whether it was reached."""
        ours, scenario = self.ours, self.scenario
        if ours is None:
            return []
        others = (
            ("the best peer", scenario.most_of_peer, self.best_peer),
            ("the bare line", scenario.most_of_bare, ours.bare),
        )
        found = [(name, most, ours.ratio(row)) for name, most, row in others if most and row and not row.missing]
        return [
            f"at most {most} of {name}: {ratio:.2f}, {'reached' if ratio <= most else '**missed**'}"
            for name, most, ratio in found
        ]


def page(
    results: list[Result], environment: dict[str, str], rounds: int, profiles: Mapping[str, Mapping[str, float]]
) -> str:
    """The whole page.

    Args:
        results: By scenario.
        environment: Names and values for the table of machine and versions.
        rounds: How many samples there are of each.
        profiles: Titles of scenarios, and what part of our time each step takes there, as parts of any whole.
    """
    lines = [HEAD, "## Where", "", *_table(["", ""], [*environment.items(), ("Rounds", str(rounds))])]
    compared = [result for result in results if result.ours and result.best_peer]
    if compared:
        lines += ["## Overview", "", *_overview(compared), *_behind(compared)]
    for result in results:
        lines += _section(result)
    if profiles:
        lines += ["## Where our time goes", "", PROFILE, "", *_profiles(profiles)]
    return "\n".join(lines).rstrip() + "\n"


def _profiles(profiles: Mapping[str, Mapping[str, float]]) -> list[str]:
    rows = [
        (step, *(f"{steps.get(step, 0.0) / sum(steps.values()):.0%}" for steps in profiles.values()))
        for step in [*STEPS, OTHER]
    ]
    return _table(["step", *profiles], rows)


def _overview(results: list[Result]) -> list[str]:
    rows = []
    for result in results:
        ours, best = result.ours, result.best_peer
        assert ours is not None
        assert best is not None
        link = f"[{result.scenario.title}](#{_anchor(result.scenario.title)})"
        ratio = _bold_if_behind(ours.ratio(best))
        rows.append((link, result.scenario.unit, _number(ours.median), best.contender, _number(best.median), ratio))
    return _table(["scenario", "unit", "ours", "best peer", "theirs", "ratio"], rows)


def _behind(results: list[Result]) -> list[str]:
    pairs = [(result, result.ours.ratio(result.best_peer)) for result in results if result.ours and result.best_peer]
    behind = sorted((pair for pair in pairs if pair[1] > 1), key=lambda pair: -pair[1])
    if not behind:
        return ["Ours has the lowest cost in every scenario above.", ""]
    items = [
        f"- {result.scenario.title}: {ratio:.2f} times the cost of {result.best_peer.contender}"
        for result, ratio in behind
        if result.best_peer
    ]
    return [f"**Behind** in {len(behind)} of {len(results)} scenarios:", "", *items, ""]


def _section(result: Result) -> list[str]:
    scenario, best = result.scenario, result.best_peer
    has_bare = any(row.bare for row in result.rows)
    extras = _extras(result.measured)
    rows = [
        (
            _name(row),
            _number(row.median),
            f"{_number(min(row.costs))} – {_number(max(row.costs))}",
            f"{row.ratio(best):.2f}" if best and row.contender != BARE else "",
            *([f"{row.ratio(row.bare):.2f}" if row.bare and not row.bare.missing else ""] if has_bare else []),
            *(_cell(row, name, scenario.count) for name in extras),
        )
        for row in result.measured
    ]
    header = ["client", f"median, {scenario.unit}", "range", "÷ best peer", *["÷ bare"] * has_bare, *extras.values()]
    missing = [f"- {_name(row)}: {row.missing}" for row in result.rows if row.missing]
    not_measured = ["Not measured:", "", *missing, ""] if missing else []
    aims = [f"Aimed at: {'; '.join(result.aims)}.", ""] if result.aims else []
    return [f"## {scenario.title}", "", scenario.text, "", *_table(header, rows), *aims, *not_measured]


_COLUMNS = {
    "peak_mb": "peak memory, MB",
    "rate": "per second, elapsed",
    "callbacks": "calls of the reader",
    "verified": "verified",
    "note": "notes",
}


def _extras(rows: list[Row]) -> dict[str, str]:
    return {name: title for name, title in _COLUMNS.items() if any(row.newest(name) not in (None, "") for row in rows)}


def _cell(row: Row, name: str, count: int) -> str:
    value = row.newest(name)
    if value is None:
        return ""
    if name in ("rate", "peak_mb"):
        return _number(statistics.median(sample[name] for sample in row.samples))
    if name == "verified":
        return f"{value:,} of {count:,}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _name(row: Row) -> str:
    name = f"**{row.contender}**" if row.contender == OURS else f"*{BARE}*" if row.contender == BARE else row.contender
    where = f", beside {row.beside}" if row.beside else ""
    return f"{name}: `{row.label}`{where}" if row.label else name


def _bold_if_behind(ratio: float) -> str:
    return f"**{ratio:.2f}**" if ratio > 1 else f"{ratio:.2f}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value >= 100 else f"{value:.1f}"


def _anchor(title: str) -> str:
    kept = "".join(character for character in title.lower() if character.isalnum() or character in " -")
    return kept.replace(" ", "-")


def _table(header: list[str], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [*("| " + " | ".join(line) + " |" for line in lines), ""]
