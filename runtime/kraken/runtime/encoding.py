"""Arguments -> what goes out, checked first: the field, the value and what is allowed are named before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from keyword import iskeyword
from typing import Any, NamedTuple, cast, get_args

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from .errors import Facts, InvalidRequest
from .forms import bracketed, form, repeated, segment
from .json import WIRE, encode
from .models import LazyRows
from .operation import Encoded, Operation

__all__ = ["Codec", "codec", "encode_arguments", "validated"]


class Codec(NamedTuple):
    """The validators of one operation, built once."""

    request: type[BaseModel]
    wire_names: dict[str, str]
    """Python name to Kraken's name, in Kraken's order."""
    result: TypeAdapter[Any]
    lazy: frozenset[str]
    """Names of the tables in the result that are left as text."""


@cache
def codec(operation: Operation[Any]) -> Codec:
    """The validators of an operation; its models are imported on first use."""
    module = import_module(operation.models)
    request: type[BaseModel] = module.REQUESTS[operation.name]
    request.model_rebuild()
    wire_names = {name: field.alias or name for name, field in request.model_fields.items()}
    result = module.RESULTS[operation.name]
    return Codec(request, wire_names, _adapter(result), frozenset(_lazy_fields(result)))


def _lazy_fields(hint: Any) -> Iterator[str]:
    for inside in get_args(hint):
        yield from _lazy_fields(inside)
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        for name, field in hint.model_fields.items():
            if any(isinstance(each, type) and issubclass(each, LazyRows) for each in get_args(field.annotation)):
                yield field.alias or name


def _adapter(result: Any) -> TypeAdapter[Any]:
    if isinstance(result, type) and issubclass(result, BaseModel):
        # Once it is built, the adapter takes its validator with its configuration.
        result.model_rebuild()
        return TypeAdapter(result)
    return TypeAdapter(result, config=ConfigDict(hide_input_in_errors=True))


def encode_arguments(
    operation: Operation[Any], arguments: Mapping[str, Any], extra: Mapping[str, Any] | None
) -> Encoded:
    """Check arguments against the operation's model and lay them out as they travel."""
    known = codec(operation)
    given = {name: value for name, value in arguments.items() if value is not None}
    for name in operation.list_fields:
        if isinstance(value := given.get(name), str):
            given[name] = value.split(",")
    check_groups(operation.name, given, operation.exclusive, operation.one_of)
    model = validated(operation.name, known.request, given)
    values = vars(model)
    # In JSON a decimal is a text or a number, as its field says; in a form everything is text.
    packed = operation.packed
    nested = operation.encoding == "json" or operation.deep_fields or operation.json_fields or packed
    in_json = model.model_dump(by_alias=True, exclude_none=True, context=WIRE) if nested else {}
    path = operation.path
    query: list[tuple[str, Any]] = []
    body: list[tuple[str, Any]] = []
    together: dict[str, Any] = {}
    for name, wire_name in known.wire_names.items():
        if name not in given:
            continue
        value = values[name]
        in_query = operation.encoding == "query" or name in operation.query_fields
        if name in operation.path_fields:
            path = path.replace("{" + wire_name + "}", segment(name, value))
        elif name in operation.deep_fields:
            query.extend(bracketed(wire_name, in_json[wire_name]))
        elif packed and name in packed.fields:
            if not together:
                (query if in_query else body).append((packed.parameter, together))
            together[wire_name] = in_json[wire_name]
        elif name in operation.json_fields:
            (query if in_query else body).append((wire_name, encode(in_json[wire_name]).decode()))
        elif name in operation.repeated_fields:
            (query if in_query else body).extend(repeated([(wire_name, value)]))
        elif in_query:
            query.append((wire_name, value))
        else:
            body.append((wire_name, in_json.get(wire_name, value)))
    (query if operation.method in ("GET", "DELETE") else body).extend((extra or {}).items())
    return Encoded(path, form(query), body, {name: values[name] for name in given})


def validated(name: str, model: type[BaseModel], given: Mapping[str, Any]) -> BaseModel:
    """The model of some arguments; what does not fit raises `InvalidRequest`."""
    try:
        return cast("BaseModel", model.__pydantic_validator__.validate_python(given))
    except ValidationError as error:
        problems = "; ".join(_explain(each, model) for each in error.errors(include_url=False))
        # The cause would print the arguments again, all of them.
        raise InvalidRequest(problems, Facts(name, sent=False)) from None


def _explain(error: Any, model: type[BaseModel]) -> str:
    field, *inside = error["loc"]
    names = {each.alias: name for name, each in model.model_fields.items()}
    where = ".".join(map(str, (_argument(names.get(field, field)), *inside)))
    if error["type"] == "extra_forbidden":
        return (
            f"{where}: unknown argument; allowed: {', '.join(map(_argument, _owner(model, error['loc']).model_fields))}"
        )
    if error["type"] == "missing":
        return f"{where}: missing"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "literal_error":
        message = f"allowed: {error['ctx']['expected']}"
    shown = "" if message.startswith(repr(error["input"])) else f"{error['input']!r}: "
    return f"{where}: {shown}{message}"


def _owner(model: type[BaseModel], at: Iterable[str | int]) -> type[BaseModel]:
    """The model in which a place is, which may be one inside of another, or one of several that a word tells apart."""
    candidates: list[type[BaseModel]] = []
    for part in at:
        field = next((each for name, each in model.model_fields.items() if part in (name, each.alias)), None)
        if field is not None:
            candidates = list(_models(field.annotation))
            model = next(iter(candidates), model)
        else:
            model = next((each for each in candidates if _is_told_by(each, part)), model)
        model.model_rebuild()
    return model


def _is_told_by(model: type[BaseModel], word: str | int) -> bool:
    return any(word in get_args(field.annotation) for field in model.model_fields.values())


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(getattr(annotation, "__value__", annotation)):
        yield from _models(inner)


def _argument(field: str) -> str:
    """The argument behind a field. Both bear the underscore of a keyword; one that only a model needs does not count."""
    return field if iskeyword(field.removesuffix("_")) else field.removesuffix("_")


def check_groups(
    name: str, given: Mapping[str, Any], exclusive: Iterable[tuple[str, ...]], one_of: Iterable[tuple[str, ...]]
) -> None:
    """Refuse arguments that exclude one another, or lack one of which one is needed."""
    for group in exclusive:
        found = [each for each in group if each in given]
        if len(found) > 1:
            raise InvalidRequest(
                f"{' and '.join(found)} exclude one another; allowed: one of {', '.join(group)}",
                Facts(name, sent=False),
            )
    for group in one_of:
        if not any(each in given for each in group):
            raise InvalidRequest(f"one of {', '.join(group)} is needed", Facts(name, sent=False))


def json_body(pairs: Iterable[tuple[str, Any]]) -> bytes:
    """JSON text of some pairs; a decimal is written as a number."""
    try:
        return encode(dict(pairs))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"the parameters cannot be JSON: {error}", Facts(sent=False)) from None
