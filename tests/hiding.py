"""What may be seen nowhere: collected while a test runs, and looked for in everything that was seen."""

from __future__ import annotations

import logging
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kraken.runtime import signing

HERE = str(Path(__file__).parent)


class Secrets:
    """What may be seen nowhere, and everything that was seen."""

    def __init__(self) -> None:
        self.secret: set[str] = set()
        self.shown: list[str] = []

    def hide(self, *values: str) -> None:
        for value in values:
            assert len(value) > 12
            self.secret |= {value, repr(value)[1:-1], value[:12]}

    def show(self, *values: Any) -> None:
        self.shown.extend(str(value) for value in values)

    def show_error(self, error: BaseException) -> None:
        """As a log, a terminal or an error tracker shows it, with the variables of all frames but those of tests."""
        self.show(error, repr(error), "".join(traceback.format_exception(error)))
        captured: traceback.TracebackException | None = traceback.TracebackException.from_exception(
            error, capture_locals=True
        )
        while captured is not None:
            self.show("".join(captured.format_exception_only()))
            for frame in captured.stack:
                if not frame.filename.startswith(HERE):
                    self.show(frame.locals)
            captured = captured.__cause__ or captured.__context__

    def check(self) -> None:
        assert self.shown
        found = {(secret, text[:2000]) for secret in self.secret for text in self.shown if secret in text}
        assert not found


class KeepAll(logging.Handler):
    """Keeps what is logged, formatted and bare."""

    def __init__(self, secrets: Secrets) -> None:
        super().__init__(logging.DEBUG)
        self.secrets = secrets
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1
        self.secrets.show(self.format(record), record.args, record.__dict__)


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Secrets]:
    """Logs of everything and all warnings are looked through in the end, and all signatures are secrets."""
    made = Secrets()
    original = signing._signature

    def signature(*arguments: Any) -> str:
        found = original(*arguments)
        made.hide(found)
        return found

    monkeypatch.setattr(signing, "_signature", signature)
    handler, root = KeepAll(made), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield made
    root.removeHandler(handler)
    root.setLevel(level)
    made.show(*caught)
    made.check()
