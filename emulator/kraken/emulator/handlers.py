"""How a group of operations says which function answers which of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

State = TypeVar("State")

Arguments = Mapping[str, Any]
Answer = Callable[[Arguments], Any]
"""The result of an operation: what becomes JSON, or bytes."""


class Handlers(dict[str, Callable[[State, Arguments], Any]], Generic[State]):
    """Functions by operation id, each of which takes the state of its group and the arguments."""

    def answers(
        self, operation_id: str
    ) -> Callable[[Callable[[State, Arguments], Any]], Callable[[State, Arguments], Any]]:
        """Register the function that answers an operation."""

        def register(handler: Callable[[State, Arguments], Any]) -> Callable[[State, Arguments], Any]:
            self[operation_id] = handler
            return handler

        return register


def bind(handlers: Mapping[str, Callable[[State, Arguments], Any]], state: State) -> dict[str, Answer]:
    """Handlers with their state in them."""
    return {name: functools.partial(handler, state) for name, handler in handlers.items()}
