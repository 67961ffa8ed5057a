"""Keyrings for tests, written as the library `keyring` documents it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError, PasswordSetError

KEY = "0123456789/the+key+of+the+tests/abcdefghijklmnopqrstuvwx"
SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
OTHER_KEY = "9876543210/another+key+of+tests/abcdefghijklmnopqrstuvw"
OTHER_SECRET = "c2VjcmV0IG9mIGFub3RoZXIga2V5LCBhcyBsb25nIGFzIGEgcmVhbCBvbmUgaXMsIHdoaWNoIGlzIDY0IGJ5dGVz"


class Ring(KeyringBackend):
    """A keyring in memory."""

    priority: float = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.held.pop((service, username), None) is None:
            raise PasswordDeleteError("not found")


class Refusing(Ring):
    """One that takes nothing, and says aloud what it was given."""

    def set_password(self, service: str, username: str, password: str) -> None:
        raise PasswordSetError(f"cannot store {password}")


class Forgetful(Ring):
    """One that takes everything and keeps nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class Locked(Ring):
    """One that holds a key and does not give it."""

    def get_password(self, service: str, username: str) -> str | None:
        raise OSError(f"locked: {self.held}")


class PlaintextKeyring(Ring):
    """One that protects nothing, and that somebody recommends."""


class Weak(Ring):
    """One that is not recommended, as those are which store plain text."""

    priority = 0.5


class Chain(Ring):
    """A chain of a weak one and others."""

    priority = 10

    def __init__(self, *backends: KeyringBackend) -> None:
        super().__init__()
        self.backends = backends


class OnDisk(Ring):
    """One that outlives the process, in the file that `RING` names."""

    def get_password(self, service: str, username: str) -> str | None:
        path = Path(os.environ["RING"])
        held: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        return held.get(service)

    def set_password(self, service: str, username: str, password: str) -> None:
        Path(os.environ["RING"]).write_text(json.dumps({service: password}))

    def delete_password(self, service: str, username: str) -> None:
        Path(os.environ["RING"]).unlink()
