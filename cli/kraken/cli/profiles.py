"""Stored API keys: in the operating system's keyring where there is one, else in files that only their owner can read.

Each profile is one file. Where the keyring holds the key, the file says only that, because a keyring cannot be listed.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .commands import Failed, Refused
from .credentials import Credentials, shortened

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

__all__ = [
    "PRODUCTS",
    "Profile",
    "check_name",
    "exists",
    "find",
    "folder",
    "names",
    "parse_key",
    "read",
    "read_key_file",
    "remove",
    "require",
    "store",
    "stored",
]

PRODUCTS = ("spot", "futures")
"""The products that have keys of their own."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_MOST = 65_536
"""Bytes that are read of a file; a key has some two hundred."""
_TWO_LINES = "the key belongs in the first line and its secret in the second"


@dataclass(frozen=True)
class Profile:
    """A stored key, without the key itself."""

    name: str
    product: str
    stored_in: str
    """`keyring` or `file`."""
    key: str
    """The key, shortened."""
    path: Path
    entry: str = ""
    """Which entry of the keyring holds it."""

    def __str__(self) -> str:
        return f"profile {self.name!r} of {self.product.title()} ({self.stored_in})"


def folder() -> Path:
    """Where profiles are: below `KRAKEN_CONFIG_DIR`, or the platform's folder for settings."""
    return Path(os.environ.get("KRAKEN_CONFIG_DIR") or click.get_app_dir("kraken")).expanduser() / "profiles"


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a profile, without repeating it: it may be a key that was pasted there.

    Raises:
        Refused: It has other characters than names can have.
    """
    if not _NAME.fullmatch(name):
        raise Refused("NAME: allowed are up to 40 lower-case letters, digits, - and _, the first a letter or digit")


# ---------------------------------------------------------------------- looking for them


def stored() -> list[Profile]:
    """All profiles, by product and name.

    Raises:
        Refused: A file is damaged, or others can read it.
    """
    found = (find(name, product) for product, name in names())
    return [profile for profile in found if profile]


def names() -> list[tuple[str, str]]:
    """Product and name of all profiles, also of those that cannot be used."""
    pairs = (path.stem.partition("-")[::2] for path in sorted(folder().glob("*.json")))
    return [(product, name) for product, name in pairs if product in PRODUCTS and _NAME.fullmatch(name)]


def find(name: str, product: str) -> Profile | None:
    """A profile; None when there is none of that name for that product.

    Raises:
        Refused: Its file is damaged, or others can read it.
    """
    held = _load(name, product)
    if held is None:
        return None
    place = "keyring" if "entry" in held else "file"
    key = held["shortened"] if "entry" in held else shortened(held["key"])
    return Profile(name, product, place, key, _path(name, product), held.get("entry", ""))


def require(name: str, product: str) -> Profile:
    """A profile that must be there.

    Raises:
        Refused: It is not there; the message names those that are, the nearest first.
    """
    profile = find(name, product) if _NAME.fullmatch(name) else None
    if profile:
        return profile
    others = sorted(names(), key=lambda each: (each[0] != product, -SequenceMatcher(None, name, each[1]).ratio()))
    there = ", ".join(f"{other} ({owner})" for owner, other in others) or "none"
    raise Refused(f"no profile {name!r} for {product.title()}; stored: {there}")


def read(profile: Profile) -> Credentials:
    """The key of a profile.

    Raises:
        Refused: It is not there any more, or cannot be read.
    """
    if not profile.entry:
        held = _load(profile.name, profile.product) or {}
        return _whole(held, str(profile.path), profile)
    ring = _keyring()
    if ring is None:
        raise Refused(f"{profile}: no keyring can be used here; try: pip install 'kraken-typed-sdk[keyring]'")
    text, problem = None, ""
    try:
        text = ring.get_password(_service(profile.product, profile.name, profile.entry), profile.name)
    except Exception as error:  # keyrings raise whatever the system's libraries do; their texts may hold the key
        problem = type(error).__name__
    if problem:
        raise Refused(f"{profile}: the keyring does not give it ({problem}); is it locked?")
    if text is None:
        raise Refused(f"{profile}: the keyring does not hold it any more; {_again(profile.name, profile.product)}")
    return _whole(_object(text), "the keyring", profile)


def _load(name: str, product: str) -> dict[str, str] | None:
    """What the file of a profile says; None when there is no such file."""
    path = _path(name, product)
    try:
        content = _read_private(path, follow=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = "is a symbolic link" if error.errno == errno.ELOOP else f"cannot be read: {error.strerror}"
        raise Refused(f"{path} {reason}; {_again(name, product)}") from None
    if sys.platform != "win32" and path.parent.stat().st_mode & 0o022:
        raise Refused(f"{path.parent}: others can put files there; run: chmod 700 {shlex.quote(str(path.parent))}")
    held = _object(content)
    if not ({"key", "secret"} <= held.keys() or {"entry", "shortened"} <= held.keys()):
        raise Refused(f"{path} is damaged; {_again(name, product)}")
    return held


def _whole(held: dict[str, str], place: str, profile: Profile) -> Credentials:
    found = Credentials(held.get("key", ""), held.get("secret", ""))
    if not all(found):
        raise Refused(f"{place} does not hold a whole key; {_again(profile.name, profile.product)}")
    return found


def _object(text: str | bytes) -> dict[str, str]:
    """An object of texts; an empty one for anything else. No error escapes: those of JSON carry the whole text."""
    value: Any = None
    with suppress(ValueError, RecursionError):
        value = json.loads(text)
    if isinstance(value, dict) and all(isinstance(each, str) for each in value.values()):
        return value
    return {}


def _again(name: str, product: str) -> str:
    return f"`kraken auth add {name} --product {product}` stores it anew"


# ---------------------------------------------------------------------- files with a key


def read_key_file(path: str) -> Credentials:
    """A key from a file of two lines.

    Raises:
        Refused: The file is not there, others can read it, or it holds something else.
    """
    try:
        content = _read_private(Path(path), follow=True)
    except OSError as error:
        raise Refused(f"--api-key-file: {path}: {error.strerror}") from None
    return parse_key(content, f"--api-key-file: {path}")


def parse_key(content: bytes, place: str) -> Credentials:
    """A key from two lines, the key and its secret.

    Raises:
        Refused: There are fewer lines or more; the message says what is missing and repeats nothing.
    """
    text = None
    with suppress(UnicodeDecodeError):
        text = content.decode("utf-8-sig")
    if text is None:
        raise Refused(f"{place}: is not text")
    lines = [line.strip() for line in text.rstrip().splitlines()]
    if len(lines) > 2:
        raise Refused(f"{place}: has more than two lines; {_TWO_LINES}")
    key, secret = (*lines, "", "")[:2]
    if not key or not secret:
        raise Refused(f"{place}: {'the secret' if key else 'the key'} is missing; {_TWO_LINES}")
    return Credentials(key, secret)


def _read_private(path: Path, *, follow: bool) -> bytes:
    """A file's content; refused when others can read or change the file, which is looked at when it is open."""

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags if follow else flags | getattr(os, "O_NOFOLLOW", 0))

    with open(path, "rb", opener=opener) as file:  # Path.open takes no opener
        _refuse_if_shared(path, os.fstat(file.fileno()).st_mode)
        return file.read(_MOST)


def _refuse_if_shared(path: Path, mode: int) -> None:
    # Pipes and terminals have modes that say nothing about who reads them; on Windows there are none.
    if sys.platform != "win32" and stat.S_ISREG(mode) and mode & 0o077:
        raise Refused(f"{path}: others on this machine can read or change it; run: chmod 600 {shlex.quote(str(path))}")


# ---------------------------------------------------------------------- storing and removing


def exists(name: str, product: str) -> bool:
    """Whether a profile has a file, in whatever state."""
    return os.path.lexists(_path(name, product))


def store(name: str, product: str, credentials: Credentials) -> Profile:
    """Store a key, in the place of an older one of that name.

    The older one is there until the new one is, whatever happens in between.

    Args:
        name: Name of the profile.
        product: `spot` or `futures`.
        credentials: The key.

    Raises:
        Failed: The file cannot be written.
    """
    check_name(name)
    path = _path(name, product)
    before = _entry(path)
    entry = _into_keyring(name, product, credentials)
    held = {"entry": entry, "shortened": shortened(credentials.key)} if entry else credentials._asdict()
    try:
        _write(path, json.dumps(held, indent=2) + "\n")
    except OSError as error:
        if entry:
            _out_of_keyring(name, product, entry)
        raise Failed(f"{error.filename or path}: cannot be written: {error.strerror}") from None
    if before:
        _out_of_keyring(name, product, before)
    return Profile(name, product, "keyring" if entry else "file", shortened(credentials.key), path, entry)


def remove(name: str, product: str) -> None:
    """Remove a profile, also a damaged one.

    Raises:
        Failed: The keyring keeps it, or the file cannot be removed; then it is still there.
    """
    path = _path(name, product)
    if entry := _entry(path):
        problem = _out_of_keyring(name, product, entry)
        if problem:
            raise Failed(
                f"profile {name!r} of {product.title()}: the keyring does not remove it ({problem}); if it never will, "
                f"delete {path}"
            )
    try:
        path.unlink(missing_ok=True)
        for left in path.parent.glob(_temporary(path, "*")):
            left.unlink(missing_ok=True)
    except OSError as error:
        raise Failed(f"{error.filename or path}: cannot be removed: {error.strerror}") from None


def _path(name: str, product: str) -> Path:
    return folder() / f"{product}-{name}.json"


def _temporary(path: Path, unique: str) -> str:
    return f".{path.stem}.{unique}.tmp"


def _entry(path: Path) -> str:
    """The keyring's entry for a profile; empty when it has none, or its file is damaged."""
    with suppress(OSError):
        return _object(path.read_bytes()).get("entry", "")
    return ""


def _write(path: Path, text: str) -> None:
    """Write a file that nobody else can read at any time, whole or not at all."""
    from tempfile import mkstemp

    path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.parent.chmod(0o700)
    # It is made for its owner only, whatever the umask.
    descriptor, temporary = mkstemp(dir=path.parent, prefix=_temporary(path, "")[: -len(".tmp")], suffix=".tmp")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


# ---------------------------------------------------------------------- the keyring


def _keyring() -> KeyringBackend | None:
    """The system's keyring; None where there is none that protects what it holds."""
    try:
        import keyring
        from keyring.core import recommended

        chosen = keyring.get_keyring()
        # Several are chained where there are several, and the chain holds those that store plain text, too.
        candidates = getattr(chosen, "backends", [chosen])
        return next((each for each in candidates if recommended(each) and not _is_plain(each)), None)
    except Exception:  # not installed, or set up for something that is not there
        return None


def _is_plain(ring: KeyringBackend) -> bool:
    return "plaintext" in type(ring).__name__.lower()


def _service(product: str, name: str, entry: str) -> str:
    # One for each entry: Windows has only one user name per service, and moves the others.
    return f"kraken/{product}/{name}/{entry}"


def _into_keyring(name: str, product: str, credentials: Credentials) -> str:
    """Store a key in the keyring; returns its entry, or an empty text when the keyring does not take it."""
    from secrets import token_hex

    ring = _keyring()
    if ring is None:
        return ""
    entry, text = token_hex(8), json.dumps(credentials._asdict())
    service = _service(product, name, entry)
    try:
        ring.set_password(service, name, text)
        problem = "" if ring.get_password(service, name) == text else "it gives something else back"
    except Exception as error:  # keyrings raise whatever the system's libraries do; their texts may hold the key
        problem = type(error).__name__
    if not problem:
        return entry
    click.echo(f"Warning: the keyring does not take the key ({problem}); it is stored in a file", err=True)
    return ""


def _out_of_keyring(name: str, product: str, entry: str) -> str:
    """Remove an entry; returns what went wrong. One that is not there any more is removed."""
    ring, service = _keyring(), _service(product, name, entry)
    if ring is None:
        return "no keyring can be used here"
    try:
        if ring.get_password(service, name) is not None:
            ring.delete_password(service, name)
    except Exception as error:  # keyrings raise whatever the system's libraries do
        return type(error).__name__
    return ""
