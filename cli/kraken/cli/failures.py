"""What a failure looks like: one line with a hint on stderr, or one object of JSON on stdout, and an exit code."""

from __future__ import annotations

import json
from typing import Any

import click

from kraken.runtime.errors import (
    ConnectionLost,
    CredentialsError,
    ExchangeError,
    InvalidRequest,
    KrakenError,
    NotSent,
    OrderStateUnknown,
    ReplyLost,
)

__all__ = ["report"]

FAILED, REFUSED, NOT_REACHED, LIMITED, UNKNOWN = 1, 2, 3, 4, 5

_EXIT_CODES: tuple[tuple[type[KrakenError], int], ...] = (
    (CredentialsError, REFUSED),
    (InvalidRequest, REFUSED),
    (OrderStateUnknown, UNKNOWN),
    (ReplyLost, UNKNOWN),
    (NotSent, NOT_REACHED),
    (ConnectionLost, NOT_REACHED),
)


def report(error: click.ClickException | KrakenError, *, as_json: bool) -> int:
    """Tell what went wrong.

    Args:
        error: What ended the command.
        as_json: Whether to print an object with `error`, `code`, `message`, `retryable` and `hint` on stdout, instead of
            one line on stderr.

    Returns:
        The exit code.
    """
    told, exit_code = (_of_kraken(error), exit_code_of(error)) if isinstance(error, KrakenError) else _of_usage(error)
    if as_json:
        click.echo(json.dumps(told))
    else:
        hint = f" ({told['hint']})" if told["hint"] else ""
        click.echo(f"Error: {_one_line(told['message'] + hint)}", err=True)
    return exit_code


def exit_code_of(error: KrakenError) -> int:
    """The exit code for an error of the client or of Kraken."""
    if error.category == "rate_limit":
        return LIMITED
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), FAILED)


def _of_kraken(error: KrakenError) -> dict[str, Any]:
    message, facts = str(error.args[0]), error.facts
    return {
        "error": error.category,
        "code": facts.code,
        "message": f"{facts.operation}: {message}" if facts.operation else message,
        "retryable": error.retryable,
        "hint": facts.hint,
        **({"cl_ord_id": facts.cl_ord_id} if facts.cl_ord_id and not isinstance(error, ExchangeError) else {}),
    }


def _of_usage(error: click.ClickException) -> tuple[dict[str, Any], int]:
    hint = ""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        hint = f"see {error.ctx.command_path} --help"
    category = "request" if error.exit_code == REFUSED else "client"
    return {
        "error": category,
        "code": "",
        "message": _one_line(error.format_message()),
        "retryable": False,
        "hint": hint,
    }, error.exit_code


def _one_line(text: str) -> str:
    return " ".join(text.split())
