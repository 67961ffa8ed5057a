"""Results as tables: for people in a terminal, and as CSV."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_csv", "print_table"]

Row = dict[str, Any]

MOST_TURNED = 6
"""Up to how many rows are shown as columns, where they do not fit otherwise."""


class Section(NamedTuple):
    """Rows that belong together."""

    title: str
    rows: list[Row]
    is_single: bool = False
    """Whether it is one object, whose fields stand below one another."""


_VALUE_WIDTH = 40


class Map(Row):
    """Things of one kind by their names, and not a thing with fields."""


class Moment(NamedTuple):
    """A time, as it came and as people read it."""

    value: Any
    utc: datetime

    def __str__(self) -> str:
        text = self.utc.strftime("%Y-%m-%d %H:%M:%S")
        fraction = f"{self.utc:%f}".rstrip("0")
        return f"{text}.{fraction}" if fraction else text


def print_table(result: Any) -> None:
    """Print a result as aligned tables. What does not fit the width of the terminal stands as one block per row."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=False)
    sections = sections_of(named(result))
    if not sections:
        console.print("nothing", style="dim")
    for index, section in enumerate(sections):
        if index:
            console.print()
        _print_section(console, section, titled=len(sections) > 1)


def print_csv(result: Any) -> None:
    """Print the rows of a result as CSV with a line of names; what has no place among them is named on stderr."""
    sections = sections_of(named(result))
    lists = [each for each in sections if not each.is_single] or sections
    main = max(lists, key=lambda each: len(each.rows), default=Section("", []))
    left = [each.title or ", ".join(each.rows[0]) for each in sections if each is not main]
    if left:
        click.echo(f"Warning: left out of the CSV: {'; '.join(left)}; use -o json for all", err=True)
    names = _names(main.rows)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if names:
        writer.writerow(names)
    writer.writerows([_csv(row.get(name)) for name in names] for row in main.rows)


def _csv(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value.value) if isinstance(value, Moment) else "" if value is None else _text(value)


# ---------------------------------------------------------------------- from results to rows


def named(value: Any) -> Any:
    """A result as maps and lists, with names for all that has one; moments as such."""
    if isinstance(value, Mapping):
        return Map({str(key): named(each) for key, each in value.items()})
    if hasattr(value, "_fields"):  # a row
        found = dict(zip(value._fields, value, strict=False))
        found |= {str(index): each for index, each in enumerate(value) if index >= len(value._fields)}
        return _with_moments(value, found)
    if hasattr(value, "__pydantic_fields_set__"):
        wanted = value.model_fields_set | set(value.model_extra or ())
        fields = type(value).model_fields
        found = {
            (fields[name].alias or name) if name in fields else name: each for name, each in value if name in wanted
        }
        found |= {name: each for name, each in (value.model_extra or {}).items() if name not in found}
        return _with_moments(value, found)
    if hasattr(value, "__struct_fields__"):
        from msgspec import UNSET

        present = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
        return {wire: named(each) for wire, name in present if (each := getattr(value, name)) is not UNSET}
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        return value
    return [_element(each) for each in value]


def _element(value: Any) -> Any:
    """An element of a list. Pages of a map give its entries as pairs: their names become the first column."""
    if type(value) is tuple and len(value) == 2 and isinstance(value[0], str):
        found = named(value[1])
        if isinstance(found, dict) and not isinstance(found, Map):
            return {"": value[0], **found}
    return named(value)


def _with_moments(owner: Any, found: Row) -> Row:
    shown = {}
    for name, value in found.items():
        utc = getattr(owner, f"{name}_utc", None)
        shown[name] = Moment(value, utc) if isinstance(utc, datetime) else named(value)
    return shown


def sections_of(value: Any, title: str = "") -> list[Section]:
    """The tables that show a result: fields that are plain, and each list or map of objects."""
    if isinstance(value, list):
        return [Section(title, [_flat(each) for each in value])] if value else []
    if not isinstance(value, dict):
        return [Section(title, [{"result": value}], True)]
    if _is_map(value):
        rows = [
            {"": key, **row}
            for key, each in value.items()
            for row in (map(_flat, each) if isinstance(each, list) else [_flat(each)])
        ]
        return [Section(title, rows)]
    plain = {name: each for name, each in value.items() if not _is_table(each)}
    tables = [(name, each) for name, each in value.items() if _is_table(each)]
    found = [Section(title, [_flat(plain)], True)] if plain else []
    return found + [section for name, each in tables for section in sections_of(each, name)]


def _is_table(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(each, dict | list) for each in value)
    return isinstance(value, dict) and _is_map(value)


def _is_map(value: Row) -> bool:
    """Whether an object is a map of things of one kind, and not a thing with fields."""
    if not isinstance(value, Map) or not any(value.values()):
        return False
    lists = [each for each in value.values() if isinstance(each, list)]
    if lists:
        return len(lists) == len(value) and all(isinstance(row, dict) for each in lists for row in each)
    return all(isinstance(each, dict) and not isinstance(each, Map) for each in value.values()) or all(
        isinstance(each, Map) for each in value.values()
    )


def _flat(value: Any) -> Row:
    """One row: the fields of objects inside of it have names with a dot."""
    if not isinstance(value, dict):
        return {"value": value}
    flat: Row = {}
    for name, each in value.items():
        if isinstance(each, dict) and each:
            flat |= {f"{name}.{inner}": deep for inner, deep in _flat(each).items()}
        else:
            flat[name] = each
    return flat


# ---------------------------------------------------------------------- from rows to the terminal


def _names(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _print_section(console: Console, section: Section, *, titled: bool) -> None:
    from rich.measure import Measurement

    if titled and section.title:
        console.print(section.title, style="bold")
    if section.is_single:
        console.print(_block(section.rows[0]))
        return
    names = _names(section.rows)
    across = [{"": name, **{str(i): row.get(name) for i, row in enumerate(section.rows)}} for name in names]
    turned = _table(across, heads=False) if len(section.rows) <= MOST_TURNED else None
    for table in (_table(section.rows), turned):
        if (
            table is not None
            and Measurement.get(console, console.options.update(width=10_000), table).maximum <= console.width
        ):
            console.print(table)
            return
    for index, row in enumerate(section.rows):
        if index:
            console.print()
        console.print(_block(row))


def _table(rows: list[Row], *, heads: bool = True) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0), show_header=heads)
    for name in _names(rows):
        values = [row[name] for row in rows if row.get(name) is not None]
        right = (bool(values) and all(map(_is_number, values))) or (not heads and bool(name))
        table.add_column(
            _text(name), justify="right" if right else "left", no_wrap=True, style="cyan" if not name else ""
        )
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in _names(rows)))
    return table


def _block(row: Row) -> Any:
    """The fields of one object below one another."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", overflow="fold")
    # Numbers below one another are compared: they end in one column, where there is nothing but numbers.
    right = all(_is_number(value) for value in row.values())
    # Rather the names are broken than the values, of which most are numbers.
    width = min(max((len(_text(value)) for value in row.values()), default=0), _VALUE_WIDTH)
    table.add_column(justify="right" if right else "left", overflow="fold", min_width=width)
    for name, value in row.items():
        table.add_row(_text(name), _cell(value))
    return table


def _cell(value: Any) -> Any:
    from rich.text import Text

    if value is None or value in ([], {}):
        return Text("-" if value is None else "none", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    text = _text(value)
    return Text(text, style="red") if _is_number(value) and text.startswith("-") else Text(text)


def _text(value: Any) -> str:
    """A value in one line, with every digit."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, list | dict):
        if isinstance(value, list) and all(isinstance(each, str | Decimal | int) for each in value):
            return ", ".join(map(_text, value))
        return json.dumps(_plain(value), default=str)
    # Control characters, which a name from elsewhere may hold, must not reach the terminal.
    return "".join(each if each.isprintable() else "�" for each in str(value))


def _plain(value: Any) -> Any:
    """What stands in a cell as JSON: times as they came, and no exponents."""
    if isinstance(value, Moment):
        return value.value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float | Decimal):
        return True
    return isinstance(value, str) and value.lstrip("-").replace(".", "", 1).isdigit() and value.isascii()
