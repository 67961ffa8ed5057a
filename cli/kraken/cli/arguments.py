"""Arguments of commands: what is typed at the prompt, checked and made into what the client takes."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.shell_completion import CompletionItem

from kraken.runtime.command import Argument

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]  # not subscriptable in older versions of click
else:
    ParamType = click.ParamType

__all__ = ["argument_of", "json_value", "option_of"]


class OneOf(click.Choice[str]):
    """One of some words; what is wrong is answered with the nearest ones."""

    name = "choice"

    def __init__(self, choices: tuple[str, ...], kind: str) -> None:
        super().__init__(choices)
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value not in self.choices:
            from difflib import get_close_matches

            near = get_close_matches(str(value), self.choices, 3, 0.5)
            advice = f"did you mean {' or '.join(near)}? " if near else ""
            self.fail(f"{value!r} is not allowed; {advice}allowed: {', '.join(self.choices)}", param, ctx)
        return int(value) if self._kind == "integer" else value


class Amount(ParamType):
    """A decimal number, which keeps all its digits."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            is_amount = Decimal(value).is_finite() and value.isascii() and "_" not in value
        except InvalidOperation:
            is_amount = False
        if not is_amount:
            self.fail(f"{value!r} is not a number; allowed: digits with a point, such as 0.5", param, ctx)
        return value


class Json(ParamType):
    """A JSON object or list; no digit of its numbers is lost."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return json_value(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Text(ParamType):
    """Text, which the shell may complete with names of pairs and assets."""

    def __init__(self, kind: str, completes: str, product: str) -> None:
        self.name = {"time": "time", "price": "price"}.get(kind, "text")
        self._completes = completes
        self._product = product

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        if not self._completes:
            return []
        from .names import completions

        return completions(self._completes, incomplete)


class Either(ParamType):
    """One of several kinds, told apart by their form: `true`, `7` and `{"a": 1}` are what they look like."""

    def __init__(self, kinds: list[str]) -> None:
        self.name = "|".join(kinds)
        self._kinds = kinds

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if "boolean" in self._kinds and value in ("true", "false"):
            return value == "true"
        if "integer" in self._kinds and value.isascii() and value.lstrip("-").isdigit():
            return int(value)
        if "json" in self._kinds and value[:1] in ("[", "{"):
            return Json().convert(value, param, ctx)
        if self._kinds[-1] in ("boolean", "integer", "json"):
            self.fail(f"{value!r} is not allowed; allowed: {' or '.join(self._kinds)}", param, ctx)
        return value


class Many(ParamType):
    """Several values in one text, with commas between them."""

    def __init__(self, inner: ParamType) -> None:
        self.name = inner.name
        self._inner = inner

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        return self._inner.get_metavar(param, ctx)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(self._inner, Json):
            found = self._inner.convert(value, param, ctx)
            return found if isinstance(found, list) else [found]
        return [self._inner.convert(each, param, ctx) for each in value.split(",")]

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return self._inner.shell_complete(ctx, param, incomplete)


def json_value(text: str) -> Any:
    """A value from JSON text.

    Raises:
        ValueError: It is no JSON; the message does not repeat it, for it may hold a one-time password.
    """
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"not valid JSON at {where}: {error.msg}") from None
    except InvalidOperation:
        raise ValueError("a number has an exponent that is out of all bounds") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number of JSON")


def option_of(argument: Argument, product: str, default: Any = None) -> click.Option:
    """The option for an argument."""
    help_ = _help(argument)
    if argument.kind == "boolean":
        names = [f"{argument.option}/--no-{argument.option[2:]}", argument.name]
        return click.Option(
            names, help=help_, default=default, required=argument.required, allow_from_autoenv=False, show_default=True
        )
    return click.Option(
        [argument.option, argument.name],
        type=_type(argument, product),
        help=help_,
        required=argument.required and default is None,
        multiple=argument.many,
        default=default,
        show_default=default is not None,
        allow_from_autoenv=False,
    )


def argument_of(argument: Argument, product: str) -> click.Argument:
    """The argument without a name, as aliases have it."""
    return click.Argument(
        [argument.name],
        type=_type(argument, product),
        required=argument.required,
        nargs=-1 if argument.many else 1,
        metavar=argument.option[2:].replace("-", "_").upper(),
    )


def _help(argument: Argument) -> str:
    unit = f" Unit: {argument.unit}." if argument.unit else ""
    many = " May be given more than once, or with commas." if argument.many else ""
    return f"{argument.help}{unit}{many}"


def _type(argument: Argument, product: str) -> ParamType:
    made: ParamType
    if argument.choices:
        made = OneOf(argument.choices, argument.kind)
    elif argument.kind == "integer":
        made = click.INT
    elif argument.kind == "decimal":
        made = Amount()
    elif argument.kind == "json":
        made = Json()
    elif " or " in argument.kind:
        made = Either(argument.kind.split(" or "))
    else:
        made = Text(argument.kind, argument.completes, product)
    return Many(made) if argument.many else made
