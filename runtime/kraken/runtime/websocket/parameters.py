"""Parameters of subscriptions and methods: checked by name, then ready for JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel

from ..encoding import check_groups, validated
from ..json import WIRE

__all__ = ["Parameters", "parameter_encoder"]


class Parameters(NamedTuple):
    """What is known about the parameters of one channel or method."""

    operation: str
    """Name of the channel or method, for messages."""
    model: type[BaseModel]
    exclusive: tuple[tuple[str, ...], ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()


def parameter_encoder(known: Mapping[str, Parameters]) -> Callable[[str, Mapping[str, Any]], dict[str, Any]]:
    """A function that checks the parameters of a model's name and gives them back by Kraken's names.

    One text stands for a list of one, or for several with commas. What does not fit raises `InvalidRequest`.
    """

    def encode_parameters(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        parameters = known[name]
        lists = _list_fields(parameters.model)
        values = {
            field: value.split(",") if field in lists and isinstance(value, str) else value
            for field, value in given.items()
        }
        check_groups(parameters.operation, values, parameters.exclusive, parameters.one_of)
        checked = validated(parameters.operation, parameters.model, values)
        return checked.model_dump(by_alias=True, exclude_unset=True, context=WIRE)

    return encode_parameters


@cache
def _list_fields(model: type[BaseModel]) -> frozenset[str]:
    model.model_rebuild()
    return frozenset(name for name, field in model.model_fields.items() if _is_list(field.annotation))


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is list or any(
        _is_list(each) for each in get_args(annotation) if each is not annotation
    )
