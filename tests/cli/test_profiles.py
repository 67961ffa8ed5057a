"""The store of API keys: files that nobody else can read, and the keyring."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.core import load_keyring

from kraken.cli import profiles
from kraken.cli.commands import Failed, Refused
from kraken.cli.credentials import Credentials

from .keyrings import (
    KEY,
    OTHER_KEY,
    OTHER_SECRET,
    SECRET,
    Chain,
    Forgetful,
    Locked,
    PlaintextKeyring,
    Refusing,
    Ring,
    Weak,
)

PAIR = Credentials(KEY, SECRET)
OTHER = Credentials(OTHER_KEY, OTHER_SECRET)
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")


@pytest.fixture
def ring() -> Ring:
    made = Ring()
    keyring.set_keyring(made)
    return made


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def the_files(config: Path) -> list[Path]:
    return [path for path in config.rglob("*") if path.is_file()]


def texts(config: Path) -> str:
    return "".join(path.read_text() for path in the_files(config))


def everything_of(error: BaseException | None) -> str:
    """All that an error and those behind it hold: what a tool that reports errors would send."""
    text = ""
    while error is not None:
        text += repr(error) + str(error) + repr(error.args) + repr(vars(error))
        text += "".join(repr(getattr(error, name, "")) for name in ("doc", "object"))
        error = error.__cause__ or error.__context__
    return text


# ---------------------------------------------------------------------- files


def test_what_is_stored_is_read(config: Path) -> None:
    made = profiles.store("work", "spot", PAIR)
    assert (made.stored_in, made.path) == ("file", config / "profiles" / "spot-work.json")
    assert profiles.find("work", "spot") == made
    assert profiles.read(made) == PAIR
    assert profiles.find("work", "futures") is None


@POSIX
def test_files_and_folders_are_for_their_owner_only(config: Path, umask: int) -> None:
    profiles.store("work", "spot", PAIR)
    profiles.store("work", "spot", OTHER)
    assert [mode(path) for path in (config, config / "profiles", *the_files(config))] == [0o700, 0o700, 0o600]


@POSIX
def test_a_file_is_for_its_owner_only_before_it_has_any_content(
    config: Path, umask: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[int, int]] = []
    real = os.open

    def watched(path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
        descriptor = real(path, flags, mode, **options)
        if flags & os.O_CREAT:
            found = os.fstat(descriptor)
            opened.append((stat.S_IMODE(found.st_mode), found.st_size))
            assert flags & os.O_EXCL, "a file that others put there is not used"
        return descriptor

    monkeypatch.setattr(os, "open", watched)
    profiles.store("work", "spot", PAIR)
    assert opened == [(0o600, 0)]


@POSIX
def test_a_folder_that_is_open_to_others_is_closed(config: Path) -> None:
    (config / "profiles").mkdir(parents=True)
    (config / "profiles").chmod(0o777)
    profiles.store("work", "spot", PAIR)
    assert mode(config / "profiles") == 0o700


@POSIX
@pytest.mark.parametrize("bits", [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o666])
def test_a_profile_that_others_can_read_is_refused(config: Path, bits: int) -> None:
    made = profiles.store("work", "spot", PAIR)
    made.path.chmod(bits)
    for look in (lambda: profiles.read(made), lambda: profiles.find("work", "spot"), profiles.stored):
        with pytest.raises(Refused) as caught:
            look()
        assert caught.value.message.endswith(f"run: chmod 600 {made.path}")
        assert SECRET not in everything_of(caught.value)
    made.path.chmod(0o600)
    assert profiles.read(made) == PAIR


@POSIX
@pytest.mark.parametrize(("bits", "refused"), [(0o770, True), (0o702, True), (0o755, False)])
def test_a_folder_in_which_others_can_put_files_is_refused(config: Path, bits: int, refused: bool) -> None:
    made = profiles.store("work", "spot", PAIR)
    made.path.parent.chmod(bits)
    if refused:
        with pytest.raises(Refused, match=f"run: chmod 700 {made.path.parent}$"):
            profiles.read(made)
    else:
        assert profiles.read(made) == PAIR


@POSIX
def test_the_chmod_line_can_be_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRAKEN_CONFIG_DIR", str(tmp_path / "my; settings"))
    made = profiles.store("work", "spot", PAIR)
    made.path.chmod(0o644)
    with pytest.raises(Refused) as caught:
        profiles.read(made)
    subprocess.run(caught.value.message.partition("run: ")[2], shell=True, check=True)
    assert profiles.read(made) == PAIR


@POSIX
def test_a_symbolic_link_is_refused_and_not_followed_when_it_is_replaced(config: Path, tmp_path: Path) -> None:
    made = profiles.store("work", "spot", PAIR)
    elsewhere = made.path.rename(tmp_path / "elsewhere")
    made.path.symlink_to(elsewhere)
    with pytest.raises(Refused, match=r"is a symbolic link; `kraken auth add work --product spot` stores it anew"):
        profiles.read(made)
    profiles.store("work", "spot", OTHER)
    assert not made.path.is_symlink()
    assert KEY in elsewhere.read_text(), "what the link pointed to is as it was"
    assert profiles.read(made) == OTHER


def test_modes_do_not_matter_on_windows(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = profiles.store("work", "spot", PAIR)
    made.path.chmod(0o666)
    made.path.parent.chmod(0o777)
    monkeypatch.setattr(sys, "platform", "win32")
    assert profiles.read(made) == PAIR


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_ends_in_between_leaves_the_old_key(
    config: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    made = profiles.store("work", "spot", PAIR)

    def fail(_descriptor: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises((Failed, KeyboardInterrupt)) as caught:
        profiles.store("work", "spot", OTHER)
    if isinstance(caught.value, Failed):
        assert caught.value.message.endswith("cannot be written: No space left on device")
    assert the_files(config) == [made.path]
    assert profiles.read(made) == PAIR


@POSIX
def test_a_crash_in_between_leaves_the_old_key(config: Path, tmp_path: Path) -> None:
    made = profiles.store("work", "spot", PAIR)
    program = (
        "import os, signal\n"
        "from kraken.cli import profiles\n"
        "from kraken.cli.credentials import Credentials\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"profiles.store('work', 'spot', Credentials({OTHER_KEY!r}, {OTHER_SECRET!r}))\n"
    )
    nothing = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, **nothing}, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert profiles.read(made) == PAIR
    (left,) = set(the_files(config)) - {made.path}
    assert OTHER_SECRET in left.read_text()
    assert mode(left) == 0o600
    assert profiles.names() == [("spot", "work")]
    profiles.remove("work", "spot")
    assert the_files(config) == []


def test_what_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("KRAKEN_CONFIG_DIR", str(tmp_path / "file"))
    with pytest.raises(Failed, match="cannot be written: ") as caught:
        profiles.store("work", "spot", PAIR)
    assert SECRET not in everything_of(caught.value)


@pytest.mark.parametrize(
    "content",
    ["", "{", SECRET, f'["{SECRET}"]', json.dumps({"key": SECRET}), '{"key": 1, "secret": 2}', "[" * 60_000, "\udcff"],
)
def test_a_damaged_file_is_told_without_its_content(config: Path, content: str) -> None:
    made = profiles.store("work", "spot", PAIR)
    made.path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(Refused, match=r"is damaged; `kraken auth add work --product spot` stores it anew") as caught:
        profiles.find("work", "spot")
    assert SECRET not in everything_of(caught.value)
    profiles.store("work", "spot", PAIR)
    assert profiles.read(made) == PAIR


def test_half_a_stored_key_is_refused(config: Path) -> None:
    made = profiles.store("work", "spot", PAIR)
    made.path.write_text(json.dumps({"key": KEY, "secret": ""}))
    with pytest.raises(Refused, match="does not hold a whole key"):
        profiles.read(made)


def test_profiles_are_listed_by_product_and_name(config: Path) -> None:
    for name, product in (("work", "spot"), ("a-b_2", "spot"), ("work", "futures")):
        profiles.store(name, product, PAIR)
    for stranger in ("notes.json", "spot-.json", "spot-UPPER.json", "margin-x.json", ".spot-work.x.tmp"):
        (config / "profiles" / stranger).touch()
    listed = profiles.stored()
    assert [(each.product, each.name) for each in listed] == [("futures", "work"), ("spot", "a-b_2"), ("spot", "work")]
    assert [KEY in repr(each) or SECRET in repr(each) or SECRET in str(each) for each in listed] == [False] * 3


def test_without_a_folder_there_are_none(config: Path) -> None:
    assert profiles.stored() == []
    assert not config.exists(), "looking makes nothing"


@pytest.mark.parametrize("name", ["", "Work", "-x", "../x", "a/b", "a.b", "a b", "x" * 41, SECRET, "ä", "work\n"])
def test_names_that_are_none_are_refused_and_not_repeated(config: Path, name: str) -> None:
    with pytest.raises(Refused, match="NAME: allowed are up to 40 lower-case letters") as caught:
        profiles.store(name, "spot", PAIR)
    assert len(name) < 40 or name not in everything_of(caught.value)
    assert not config.exists()


def test_the_folder_is_the_platforms_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KRAKEN_CONFIG_DIR")
    assert profiles.folder() == Path(click.get_app_dir("kraken")) / "profiles"
    if sys.platform == "linux":
        monkeypatch.setenv("XDG_CONFIG_HOME", "/somewhere")
        assert profiles.folder() == Path("/somewhere/kraken/profiles")
    monkeypatch.setenv("KRAKEN_CONFIG_DIR", "~/keys")
    assert profiles.folder() == Path.home() / "keys" / "profiles"


def test_removing_removes(config: Path) -> None:
    profiles.store("work", "spot", PAIR)
    other = profiles.store("work", "futures", OTHER)
    profiles.remove("work", "spot")
    assert the_files(config) == [other.path]


@POSIX
def test_a_profile_that_cannot_be_used_can_be_removed(config: Path) -> None:
    made = profiles.store("work", "spot", PAIR)
    made.path.write_text("{")
    made.path.chmod(0o644)
    profiles.remove("work", "spot")
    assert the_files(config) == []


# ---------------------------------------------------------------------- the keyring


def test_the_keyring_holds_the_key_and_the_file_does_not(config: Path, ring: Ring) -> None:
    made = profiles.store("work", "spot", PAIR)
    assert made.stored_in == "keyring"
    assert [json.loads(text) for text in ring.held.values()] == [{"key": KEY, "secret": SECRET}]
    assert KEY not in texts(config)
    assert SECRET not in texts(config)
    assert profiles.find("work", "spot") == made
    assert profiles.read(made) == PAIR
    assert profiles.stored() == [made]


def test_each_entry_of_the_keyring_has_a_service_of_its_own(ring: Ring) -> None:
    for name, product in (("a", "spot"), ("b", "spot"), ("a", "futures")):
        profiles.store(name, product, PAIR)
    services = {service for service, _ in ring.held}
    assert len(services) == 3


def test_a_new_key_takes_the_place_of_the_old_one(config: Path, ring: Ring) -> None:
    profiles.store("work", "spot", PAIR)
    made = profiles.store("work", "spot", OTHER)
    assert len(ring.held) == 1
    assert profiles.read(made) == OTHER


def test_two_folders_do_not_share_their_keys(ring: Ring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = profiles.store("work", "spot", PAIR)
    monkeypatch.setenv("KRAKEN_CONFIG_DIR", str(tmp_path / "second"))
    second = profiles.store("work", "spot", OTHER)
    assert (profiles.read(first), profiles.read(second)) == (PAIR, OTHER)


def test_a_file_that_cannot_be_written_leaves_the_keyring_as_it_was(
    config: Path, ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = profiles.store("work", "spot", PAIR)
    before = dict(ring.held)

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(Failed):
        profiles.store("work", "spot", OTHER)
    assert ring.held == before
    assert profiles.read(made) == PAIR


def test_removing_removes_from_the_keyring(config: Path, ring: Ring) -> None:
    profiles.store("work", "spot", PAIR)
    profiles.remove("work", "spot")
    assert (ring.held, the_files(config)) == ({}, [])


def test_what_is_gone_from_the_keyring_can_be_removed_and_is_told(config: Path, ring: Ring) -> None:
    made = profiles.store("work", "spot", PAIR)
    ring.held.clear()
    with pytest.raises(Refused, match="the keyring does not hold it any more; `kraken auth add work --product spot`"):
        profiles.read(made)
    profiles.remove("work", "spot")
    assert the_files(config) == []


def test_a_locked_keyring_is_told_without_its_words(config: Path, ring: Ring) -> None:
    made = profiles.store("work", "spot", PAIR)
    locked = Locked()
    locked.held = ring.held
    keyring.set_keyring(locked)
    with pytest.raises(Refused, match=r"the keyring does not give it \(OSError\); is it locked\?") as caught:
        profiles.read(made)
    assert SECRET not in everything_of(caught.value)
    with pytest.raises(Failed, match="the keyring does not remove it") as failed:
        profiles.remove("work", "spot")
    assert SECRET not in everything_of(failed.value)
    assert made.path.exists()


def test_a_keyring_that_is_not_there_any_more_is_told(config: Path, ring: Ring) -> None:
    made = profiles.store("work", "spot", PAIR)
    keyring.set_keyring(load_keyring("keyring.backends.fail.Keyring"))
    with pytest.raises(Refused, match=r"no keyring can be used here; try: pip install 'kraken-typed-sdk\[keyring\]'"):
        profiles.read(made)


@pytest.mark.parametrize("kind", [Refusing, Forgetful, Locked])
def test_a_keyring_that_does_not_take_a_key_is_told_and_a_file_does(
    config: Path, capsys: pytest.CaptureFixture[str], kind: type[Ring]
) -> None:
    keyring.set_keyring(kind())
    made = profiles.store("work", "spot", PAIR)
    assert made.stored_in == "file"
    assert profiles.read(made) == PAIR
    told = capsys.readouterr().err
    assert told.startswith("Warning: the keyring does not take the key (")
    assert SECRET not in told


@pytest.mark.parametrize(
    "unusable",
    [
        load_keyring("keyring.backends.fail.Keyring"),
        load_keyring("keyring.backends.null.Keyring"),
        PlaintextKeyring(),
        Weak(),
        Chain(),
        Chain(Weak(), PlaintextKeyring()),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_keyring_that_protects_nothing_is_not_used(
    config: Path, capsys: pytest.CaptureFixture[str], unusable: KeyringBackend
) -> None:
    keyring.set_keyring(unusable)
    assert profiles.store("work", "spot", PAIR).stored_in == "file"
    assert getattr(unusable, "held", {}) == {}
    assert capsys.readouterr().err == "", "this is usual on servers"


def test_of_a_chain_one_that_protects_is_used(config: Path) -> None:
    weak, good = Weak(), Ring()
    keyring.set_keyring(Chain(weak, good))
    made = profiles.store("work", "spot", PAIR)
    assert (len(weak.held), len(good.held), made.stored_in) == (0, 1, "keyring")
    assert profiles.read(made) == PAIR


def test_without_the_library_a_file_takes_the_key(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert profiles.store("work", "spot", PAIR).stored_in == "file"


def test_a_keyring_that_is_set_up_wrongly_is_none(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "no.such.module.Keyring")
    assert profiles.store("work", "spot", PAIR).stored_in == "file"


# ---------------------------------------------------------------------- files with a key


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.touch(0o600)
    return path


@pytest.mark.parametrize("text", ["{}\n{}\n", "{}\n{}", "{}\r\n{}\r\n", "\ufeff{}\n{}\n\n\n", " {} \n\t{}\n"])
def test_a_key_file_has_two_lines(key_file: Path, text: str) -> None:
    key_file.write_bytes(text.format(KEY, SECRET).encode())
    assert profiles.read_key_file(str(key_file)) == PAIR


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the key is missing"),
        (" \n\n", "the key is missing"),
        (f"{KEY}\n", "the secret is missing"),
        (f"{KEY}\n\n\n", "the secret is missing"),
        (f"\n{SECRET}", "the key is missing"),
        (f"{KEY}\n{SECRET}\n{SECRET}", "has more than two lines"),
        (f"{KEY}\n\n{SECRET}", "has more than two lines"),
        (f"{KEY}\n{SECRET}\udcff", "is not text"),
    ],
)
def test_another_form_of_a_key_file_is_told_without_its_content(key_file: Path, text: str, reason: str) -> None:
    key_file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(Refused) as caught:
        profiles.read_key_file(str(key_file))
    assert caught.value.message.startswith(f"--api-key-file: {key_file}: {reason}")
    assert KEY not in everything_of(caught.value)
    assert SECRET not in everything_of(caught.value)


@POSIX
@pytest.mark.parametrize("bits", [0o640, 0o620, 0o604, 0o602, 0o644])
def test_a_key_file_that_others_can_read_is_refused(key_file: Path, bits: int) -> None:
    key_file.write_text(f"{KEY}\n{SECRET}\n")
    key_file.chmod(bits)
    with pytest.raises(Refused, match=f"run: chmod 600 {key_file}$"):
        profiles.read_key_file(str(key_file))


@POSIX
def test_a_link_to_a_key_file_is_as_good_as_what_it_points_to(key_file: Path, tmp_path: Path) -> None:
    key_file.write_text(f"{KEY}\n{SECRET}\n")
    link = tmp_path / "link"
    link.symlink_to(key_file)
    assert profiles.read_key_file(str(link)) == PAIR
    key_file.chmod(0o644)
    with pytest.raises(Refused, match="chmod 600"):
        profiles.read_key_file(str(link))


@POSIX
def test_a_key_file_may_be_a_pipe() -> None:
    reader, writer = os.pipe()
    os.fchmod(reader, 0o660)
    os.write(writer, f"{KEY}\n{SECRET}\n".encode())
    os.close(writer)
    try:
        assert profiles.read_key_file(f"/dev/fd/{reader}") == PAIR
    finally:
        os.close(reader)


def test_a_key_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"--api-key-file: .*nothing: No such file or directory"):
        profiles.read_key_file(str(tmp_path / "nothing"))
    with pytest.raises(Refused, match="--api-key-file: "):
        profiles.read_key_file(str(tmp_path))


@POSIX
def test_a_key_file_without_end_ends() -> None:
    with pytest.raises(Refused, match="--api-key-file: /dev/zero: "):
        profiles.read_key_file("/dev/zero")
