"""Bases of the generated pydantic models, and rows: positional arrays with names."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, ClassVar, Self, TypeVar, get_type_hints, overload

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    ModelWrapValidatorHandler,
    SerializationInfo,
    TypeAdapter,
    ValidationInfo,
    model_validator,
)
from pydantic_core import core_schema

from .errors import DecodeError
from .json import MALFORMED, WIRE, decode
from .tables import Tables

__all__ = ["Choice", "KeyedRows", "LazyRows", "RequestModel", "ResponseModel", "row"]

T = TypeVar("T", bound=type)
R = TypeVar("R")


class ResponseModel(BaseModel):
    """What Kraken answers: unknown fields are kept, and are attributes like the known ones."""

    # Values stay out of messages: one may be a token, and the raw reply is in the error anyway.
    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="allow", defer_build=True, populate_by_name=True, protected_namespaces=(), hide_input_in_errors=True
    )

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Only what came: fields that the reply did not have are left out."""
        return [
            (name, value)
            for name, value in super().__repr_args__()
            if value is not None or name in self.model_fields_set
        ]


class KeyedRows(ResponseModel):
    """Entries by Kraken's name of them, in a result that has other fields beside them.

    A new field beside them is told from an entry by its form, and becomes an attribute.
    """

    are_rows: ClassVar[bool] = True
    """Whether an entry is a list of rows; it is an object otherwise."""

    @model_validator(mode="wrap")
    @classmethod
    def _tell_fields_from_entries(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        new = (
            {name: inner for name, inner in value.items() if not cls._is_entry(inner)}
            if isinstance(value, dict)
            else {}
        )
        new = {name: inner for name, inner in new.items() if name not in cls.model_fields}
        made = handler({name: inner for name, inner in value.items() if name not in new} if new else value)
        vars(made).update(new)
        return made

    def __wire__(self) -> dict[str, Any]:
        """The result as it was on the wire."""
        known = self.model_dump(by_alias=True, exclude_unset=True, context=WIRE, warnings=False)
        return {**known, **self._new_fields()}

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return [*super().__repr_args__(), *self._new_fields().items()]

    def _new_fields(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in type(self).model_fields}

    @classmethod
    def _is_entry(cls, value: Any) -> bool:
        if not cls.are_rows:
            return isinstance(value, dict)
        return isinstance(value, list) and (not value or isinstance(value[0], list))

    def __len__(self) -> int:
        return len(self.__pydantic_extra__ or ())

    def __contains__(self, name: object) -> bool:
        return name in (self.__pydantic_extra__ or ())


class LazyRows(Sequence[R]):
    """A list of rows which holds what came, and makes rows of it when it is first looked at."""

    row: ClassVar[type]
    _adapters: ClassVar[dict[type, TypeAdapter[Any]]] = {}

    def __init__(self, raw: list[Any] | bytes) -> None:
        self._held = raw
        self._rows: list[R] | None = None

    @property
    def _raw(self) -> list[Any]:
        if isinstance(self._held, bytes):
            try:
                self._held = decode(self._held)
            except MALFORMED as error:
                raise DecodeError(f"a table that is not JSON: {error}") from error
        assert not isinstance(self._held, bytes)
        return self._held

    @classmethod
    def _adapter(cls) -> TypeAdapter[Any]:
        adapter = cls._adapters.get(cls.row)
        if adapter is None:
            adapter = cls._adapters[cls.row] = TypeAdapter(list[cls.row])  # type: ignore[name-defined]
        return adapter

    @property
    def _made(self) -> list[R]:
        if self._rows is None:
            try:
                self._rows = self._adapter().validate_python(self._raw)
            except ValueError as error:
                raise DecodeError(f"rows that are not of the documented form: {error}") from error
        assert self._rows is not None
        return self._rows

    @overload
    def __getitem__(self, index: int) -> R: ...

    @overload
    def __getitem__(self, index: slice) -> list[R]: ...

    def __getitem__(self, index: int | slice) -> R | list[R]:
        return self._made[index]

    def __len__(self) -> int:
        return len(self._raw)

    def __eq__(self, other: object) -> bool:
        return self._made == (other._made if isinstance(other, LazyRows) else other)

    def __hash__(self) -> int:
        return hash(tuple(self._made))

    def __repr__(self) -> str:
        return repr(self._made)

    def __wire__(self) -> list[Any]:
        """The rows as they were on the wire."""
        return self._raw

    @classmethod
    def _of(cls, raw: Any, info: ValidationInfo) -> Self:
        if isinstance(info.context, Tables) and (text := info.context.get(raw)) is not None:
            return cls(text)
        if not isinstance(raw, list):
            raise ValueError(f"a {type(raw).__name__} is not a list of rows")
        return cls(raw)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: type, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(
            cls._of, serialization=core_schema.plain_serializer_function_ser_schema(_dump, info_arg=True)
        )


def _dump(rows: LazyRows[Any], info: SerializationInfo) -> Any:
    return (
        rows
        if info.context is WIRE
        else rows._adapter().dump_python(rows._made, mode="json" if info.mode == "json" else "python")
    )


class RequestModel(BaseModel):
    """What is sent to Kraken: an unknown field or a wrong value is refused, by name."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", defer_build=True, populate_by_name=True, protected_namespaces=()
    )


class Choice(RequestModel):
    """An object of whose members only some may be given together."""

    members: ClassVar[tuple[int, int]]
    """How many at least, and at most."""

    @model_validator(mode="after")
    def _count(self) -> Self:
        known = type(self).model_fields
        given = [name for name in known if getattr(self, name) is not None]
        least, most = self.members
        if not least <= len(given) <= most:
            count = f"exactly {least}" if least == most else f"{least} to {most}"
            raise ValueError(f"{' and '.join(given) or 'nothing'} given; allowed: {count} of {', '.join(known)}")
        return self


class _Optional:
    """Descriptor of a trailing element that a row may lack."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __get__(self, row: tuple[Any, ...] | None, owner: type) -> Any:
        if row is None:
            return self
        return row[self.index] if len(row) > self.index else None


def _row_repr(self: Any) -> str:
    named = [f"{name}={value!r}" for name, value in zip(self._fields, self, strict=False)]
    return f"{type(self).__name__}({', '.join([*named, *map(repr, self[len(self._fields) :])])})"


def row(cls: T) -> T:
    """Make a named tuple hold what came: missing trailing elements read as None, further ones are kept behind.

    Kraken lengthens its positional arrays now and then; a row of another length must neither fail nor lose anything.
    """
    fields: tuple[str, ...] = cls._fields  # type: ignore[attr-defined]
    defaults: dict[str, Any] = cls._field_defaults  # type: ignore[attr-defined]
    for index, name in enumerate(fields):
        if name in defaults:
            setattr(cls, name, _Optional(index))

    # Without a Python frame per row: replies hold tens of thousands of them.
    make = partial(tuple.__new__, cls)

    def schema(_: type, __: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        hints = _hints(cls)
        items = [handler.generate_schema(hints[name]) for name in fields]
        required = len(fields) - len(defaults)
        return core_schema.no_info_after_validator_function(make, _tuple_schema(items, required))

    cls.__repr__ = _row_repr  # type: ignore[method-assign, assignment]
    cls.__get_pydantic_core_schema__ = classmethod(schema)  # type: ignore[attr-defined]
    return cls


def _tuple_schema(items: list[core_schema.CoreSchema], required: int) -> core_schema.CoreSchema:
    """The longest form of the array that fits: all optional elements and any further ones, or fewer."""
    longest = core_schema.tuple_schema([*items, core_schema.any_schema()], variadic_item_index=len(items))
    shorter = [core_schema.tuple_schema(items[:count]) for count in range(len(items) - 1, required - 1, -1)]
    return core_schema.union_schema([longest, *shorter], mode="left_to_right") if shorter else longest


def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls, vars(sys.modules[cls.__module__]), include_extras=True)
