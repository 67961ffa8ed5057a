"""How results are printed: as a table for people, or as JSON, JSON lines, CSV or YAML for programs, with every digit."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click
import msgspec

from kraken.runtime.json import to_json

from .commands import Refused
from .settings import Settings

__all__ = ["Exact", "format_of", "lines", "show"]


class _Exact(float):
    """A number that keeps the digits it came with, and is a float for those who count with it."""

    text: str

    def __new__(cls, text: str) -> _Exact:
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


# Libraries that look at a value's type by its name, as JMESPath does, shall see a number.
Exact = _Exact
Exact.__name__ = "float"

_decode = msgspec.json.Decoder(float_hook=_Exact).decode


def show(result: Any, settings: Settings) -> None:
    """Print a result.

    Args:
        result: What a client returned.
        settings: The format, and what to take from the result.

    Raises:
        Refused: The query cannot be understood.
    """
    chosen = format_of(settings)
    if settings.query:
        result = _queried(_decode(to_json(result)), settings.query)
    if chosen == "table":
        from .tables import print_table

        print_table(result)
    elif chosen == "csv":
        from .tables import print_csv

        print_csv(result)
    elif chosen == "json":
        click.echo(msgspec.json.format(_json(result), indent=2))
    elif chosen == "ndjson":
        for row in _rows(_decode(_json(result))):
            click.echo(_json(row))
    else:
        click.echo(_yaml(_decode(_json(result))), nl=False)


def format_of(settings: Settings) -> str:
    """The format in which results are printed."""
    return settings.output or ("table" if sys.stdout.isatty() else "json")


def lines(settings: Settings) -> Callable[[str], None]:
    """What prints the messages of a stream, given as JSON text: one line each, whatever format is chosen.

    Raises:
        Refused: Messages cannot be printed in this format, or the query cannot be understood.
    """
    if settings.output in ("csv", "yaml", "table"):
        raise Refused(f"--output: a stream cannot be printed as {settings.output}; allowed: json, ndjson")
    query = settings.query

    def write(text: str) -> None:
        found = _json(_queried(_decode(text), query)) if query else text
        if found != "null":
            # At once: who reads must not wait until a buffer is full.
            sys.stdout.write(found + "\n")
            sys.stdout.flush()

    return write


def _queried(value: Any, query: str) -> Any:
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        return jmespath.search(query, value)
    except JMESPathError as error:
        raise Refused(f"--query: {' '.join(str(error).split())}") from None


def _json(value: Any) -> str:
    return to_json(_raw(value))


def _raw(value: Any) -> Any:
    """A value with its exact numbers as they were written; what a client returned stays as it is."""
    if isinstance(value, _Exact):
        return msgspec.Raw(value.text.encode())
    if type(value) is dict:
        return {key: _raw(each) for key, each in value.items()}
    return [_raw(each) for each in value] if type(value) is list else value


def _rows(value: Any) -> list[Any]:
    """What stands on a line of its own: the elements of a list, the entries of a map of objects."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and value and all(isinstance(each, dict | list) for each in value.values()):
        return [{key: each} for key, each in value.items()]
    return [value]


def _yaml(value: Any) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

    Dumper.add_representer(_Exact, lambda dumper, each: dumper.represent_scalar("tag:yaml.org,2002:float", each.text))
    return str(yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True))
