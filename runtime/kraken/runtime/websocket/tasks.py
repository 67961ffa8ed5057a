"""Tasks that begin with the next turn of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["begin"]

T = TypeVar("T")


def begin(coroutine: Coroutine[Any, Any, T], *, name: str | None = None) -> asyncio.Task[T]:
    """Make a task, also where the loop makes eager ones (`asyncio.eager_task_factory`).

    An eager task runs before whoever made it has taken hold of it, and what it then looks up is not there yet.

    Args:
        coroutine: What to run.
        name: Name of the task.
    """
    return asyncio.Task(coroutine, loop=asyncio.get_running_loop(), name=name)
