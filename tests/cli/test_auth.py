"""`kraken auth`, and where the key of a command is looked for."""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
import sys
import warnings
from collections.abc import Callable
from getpass import GetPassWarning
from pathlib import Path
from typing import Any

import click
import keyring
import pytest
from click.testing import CliRunner, Result

from kraken.cli import profiles
from kraken.cli.auth import auth
from kraken.cli.commands import Refused
from kraken.cli.credentials import Credentials, find_credentials, missing_key, shortened
from kraken.cli.session import Session
from kraken.cli.settings import Settings
from kraken.emulator import Emulator
from kraken.runtime.errors import CredentialsError, KrakenError, NotSent

from .keyrings import KEY, OTHER_KEY, OTHER_SECRET, SECRET, Ring
from .test_profiles import everything_of

PAIR = Credentials(KEY, SECRET)
OTHER = Credentials(OTHER_KEY, OTHER_SECRET)
THIRD = Credentials(KEY[::-1], OTHER_SECRET)
PIPED = f"{KEY}\n{SECRET}\n"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
PROGRAM = "from kraken.cli.auth import auth; from kraken.cli.settings import Settings; auth.main(obj=Settings())"

Auth = Callable[..., Result]


@pytest.fixture
def run_auth() -> Auth:
    """Runs `kraken auth` in this process: `run_auth("add", "--product", "spot", stdin="...", output="json")`."""

    def invoke(*arguments: str, stdin: str = "", **settings: Any) -> Result:
        result = CliRunner().invoke(auth, arguments, obj=Settings(**settings), input=stdin)
        if isinstance(result.exception, Exception) and not isinstance(result.exception, KrakenError):
            raise result.exception
        return result

    return invoke


def printed(result: Result) -> Any:
    assert (result.exit_code, result.stderr) == (0, "")
    return json.loads(result.stdout)


def complaint(result: Result) -> str:
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    return line.removeprefix("Error: ")


def of_spot(emulator: Emulator) -> str:
    return f"{emulator.key}\n{emulator.secret}\n"


def of_futures(emulator: Emulator) -> str:
    return f"{emulator.futures_key}\n{emulator.futures_secret}\n"


# ---------------------------------------------------------------------- where a key is looked for


@pytest.fixture
def everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A different key in each place where one can be; returns the settings that name them."""
    pairs = {place: Credentials(f"key-of-{place}", f"secret-of-{place}") for place in ("file", "named", "default")}
    for name in ("named", "default"):
        profiles.store(name, "spot", pairs[name])
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_text("\n".join(pairs["file"]))
    monkeypatch.setenv("KRAKEN_SPOT_API_KEY", "key-of-environment")
    monkeypatch.setenv("KRAKEN_SPOT_SECRET_KEY", "secret-of-environment")
    return {
        "options": {"api_key": "key-of-options", "secret_key": "secret-of-options"},
        "file": {"api_key_file": str(path)},
        "named": {"profile": "named"},
        "environment": {},
    }


def test_the_order_of_places(everywhere: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    places = list(everywhere)
    for index, place in enumerate(places):
        given = {name: value for later in places[index:] for name, value in everywhere[later].items()}
        assert find_credentials("spot", Settings(**given)) == (f"key-of-{place}", f"secret-of-{place}")
    monkeypatch.delenv("KRAKEN_SPOT_API_KEY")
    monkeypatch.delenv("KRAKEN_SPOT_SECRET_KEY")
    assert find_credentials("spot", Settings()).key == "key-of-default"
    profiles.remove("default", "spot")
    assert find_credentials("spot", Settings()) == Credentials()


def test_each_product_has_its_own_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRAKEN_FUTURES_API_KEY", OTHER_KEY)
    monkeypatch.setenv("KRAKEN_FUTURES_SECRET_KEY", OTHER_SECRET)
    profiles.store("default", "spot", PAIR)
    assert find_credentials("spot", Settings()) == PAIR
    assert find_credentials("futures", Settings()) == OTHER


@pytest.mark.parametrize(
    ("given", "environment", "missing"),
    [
        ({"api_key": KEY}, {}, "--secret-key is missing beside --api-key"),
        ({"secret_key": SECRET}, {}, "--api-key is missing beside --secret-key"),
        ({}, {"API_KEY": KEY}, "KRAKEN_SPOT_SECRET_KEY is missing beside KRAKEN_SPOT_API_KEY"),
        ({}, {"SECRET_KEY": SECRET}, "KRAKEN_SPOT_API_KEY is missing beside KRAKEN_SPOT_SECRET_KEY"),
        ({}, {"API_KEY": KEY, "SECRET_KEY": ""}, "KRAKEN_SPOT_SECRET_KEY is missing beside KRAKEN_SPOT_API_KEY"),
        ({"api_key": KEY}, {"SECRET_KEY": SECRET}, "--secret-key is missing beside --api-key"),
        ({"secret_key": SECRET}, {"API_KEY": KEY}, "--api-key is missing beside --secret-key"),
    ],
)
def test_half_a_key_is_never_made_whole_from_another_place(
    given: dict[str, Any], environment: dict[str, str], missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles.store("default", "spot", OTHER)
    for name, value in environment.items():
        monkeypatch.setenv(f"KRAKEN_SPOT_{name}", value)
    with pytest.raises(Refused) as caught:
        find_credentials("spot", Settings(**given))
    assert caught.value.message == f"{missing}; give both or neither"
    assert SECRET not in everything_of(caught.value)


def test_a_named_profile_must_be_there_and_the_nearest_are_told_first() -> None:
    for name, product in (("alpha", "spot"), ("trading", "futures"), ("trading-2", "spot"), ("tradings", "spot")):
        profiles.store(name, product, PAIR)
    with pytest.raises(Refused) as caught:
        find_credentials("spot", Settings(profile="trading"))
    assert caught.value.message == (
        "no profile 'trading' for Spot; stored: tradings (spot), trading-2 (spot), alpha (spot), trading (futures)"
    )
    with pytest.raises(Refused, match=r"^no profile '../x' for Futures; stored: trading \(futures\), "):
        find_credentials("futures", Settings(profile="../x"))


def test_without_profiles_that_is_told() -> None:
    with pytest.raises(Refused, match=r"^no profile 'work' for Spot; stored: none$"):
        find_credentials("spot", Settings(profile="work"))


def test_a_missing_key_is_told_with_the_ways_to_give_one() -> None:
    told = missing_key("futures")
    for way in (
        "`kraken auth add --product futures`",
        "KRAKEN_FUTURES_API_KEY and KRAKEN_FUTURES_SECRET_KEY",
        "--api-key-file",
    ):
        assert way in told
    assert "--profile" not in told
    profiles.store("work", "futures", PAIR)
    profiles.store("play", "spot", PAIR)
    assert "choose a stored one with --profile (work), set" in missing_key("futures")


def test_a_secret_among_the_arguments_is_warned_of_once(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(api_key=KEY, secret_key=SECRET)
    for _ in range(2):
        with click.Context(click.Command("any"), obj=settings):
            assert find_credentials("spot", settings) == PAIR
            assert find_credentials("spot", settings) == PAIR
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("Warning: others on this machine can see --secret-key")
        assert SECRET not in line


def test_other_places_need_no_warning(everywhere: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    for place in ("file", "named", "environment"):
        find_credentials("spot", Settings(**everywhere[place]))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("place", ["options", "file", "named", "environment", "default", "none"])
def test_the_keyring_is_not_imported_for_a_key_that_is_elsewhere(everywhere: dict[str, Any], place: str) -> None:
    gone = {"KRAKEN_SPOT_API_KEY": "", "KRAKEN_SPOT_SECRET_KEY": ""} if place in ("default", "none") else {}
    if place == "none":
        profiles.remove("default", "spot")
    program = (
        "import sys\nfrom kraken.cli.credentials import find_credentials\nfrom kraken.cli.settings import Settings\n"
        f"found = find_credentials('spot', Settings(**{everywhere.get(place, {})!r}))\n"
        "print(found.key, 'keyring' in sys.modules, 'kraken.spot' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **gone}, capture_output=True, text=True, timeout=60
    )
    expected = "" if place == "none" else f"key-of-{place}"
    assert done.stdout == f"{expected} False False\n"


def test_that_check_of_imports_sees_the_keyring(tmp_path: Path) -> None:
    keyring.set_keyring(Ring())
    profiles.store("default", "spot", PAIR)
    program = (
        "import sys\nfrom kraken.cli.credentials import find_credentials\nfrom kraken.cli.settings import Settings\n"
        "try:\n    find_credentials('spot', Settings())\nfinally:\n    print('keyring' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "True\n"


@pytest.mark.parametrize("key", [KEY, "a", "short-key", "x" * 23, "x" * 24])
def test_a_shortened_key_shows_a_third_at_most(key: str) -> None:
    text = shortened(key)
    start, end = text.split("...")
    assert (key.startswith(start), key.endswith(end)) == (True, True)
    assert len(start + end) <= len(key) / 3


# ---------------------------------------------------------------------- add


def test_a_key_from_a_pipe_is_tested_and_stored(run_auth: Auth, kraken: Emulator) -> None:
    result = printed(run_auth("add", "--product", "spot", stdin=of_spot(kraken)))
    assert result["name"] == "default"
    assert result["stored_in"] == "file"
    assert "modify-trades" in result["permissions"]
    assert find_credentials("spot", Settings()) == (kraken.key, kraken.secret)
    assert [request.path for request in kraken.requests] == ["/0/private/GetApiKeyInfo"]


def test_a_futures_key_is_tested_and_stored(run_auth: Auth, kraken: Emulator) -> None:
    result = printed(run_auth("add", "bot", "--product", "futures", stdin=of_futures(kraken)))
    assert result["permissions"] == {"general": "FULL_ACCESS", "transfer": "FULL_ACCESS"}
    assert find_credentials("futures", Settings(profile="bot")) == (kraken.futures_key, kraken.futures_secret)


def test_a_key_from_a_file_is_stored(run_auth: Auth, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_text(PIPED)
    arguments = ("add", "work", "--product", "spot", "--no-test", "--api-key-file", str(path))
    assert printed(run_auth(*arguments))["name"] == "work"
    assert find_credentials("spot", Settings(profile="work")) == PAIR
    path.chmod(0o644)
    assert "chmod 600" in complaint(run_auth(*arguments, "--yes"))


def test_a_key_that_kraken_refuses_is_not_stored(run_auth: Auth, kraken: Emulator) -> None:
    result = run_auth("add", "--product", "spot", stdin=f"{kraken.key}\n{SECRET}\n")
    assert isinstance(result.exception, KrakenError)
    assert "EAPI:Invalid signature" in str(result.exception)
    assert profiles.names() == []


def test_without_a_test_nothing_is_asked(run_auth: Auth, kraken: Emulator) -> None:
    result = printed(run_auth("add", "--product", "spot", "--no-test", stdin=PIPED))
    assert result == {
        "name": "default",
        "product": "spot",
        "key": "0123...uvwx",
        "stored_in": "file",
        "path": str(profiles.folder() / "spot-default.json"),
    }
    assert list(kraken.requests) == []


def test_with_the_emulator_kraken_is_not_asked(run_auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "rest", lambda *_arguments, **_options: pytest.fail("asked"))
    assert "permissions" not in printed(run_auth("add", "--product", "spot", "--emulator", stdin=PIPED))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{KEY}\nhunter2-is-no-base64\n", "secret is not base64"),
        (f"{KEY}\nhunter2 hunter2\n", "secret has white space"),
        (f"hünter2\n{SECRET}\n", "key has white space or other characters"),
    ],
)
@pytest.mark.parametrize("product", ["spot", "futures"])
def test_what_cannot_be_a_key_is_not_stored_and_not_repeated(
    run_auth: Auth, product: str, text: str, words: str
) -> None:
    result = run_auth("add", "--product", product, "--no-test", stdin=text)
    assert isinstance(result.exception, CredentialsError)
    assert words in str(result.exception)
    assert "nter2" not in everything_of(result.exception) + result.output
    assert profiles.names() == []


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "the key is missing"), (KEY, "the secret is missing"), (PIPED + SECRET, "has more than two")],
)
def test_half_a_key_from_a_pipe_is_told(run_auth: Auth, text: str, words: str) -> None:
    line = complaint(run_auth("add", "--product", "spot", stdin=text))
    assert line.startswith(f"stdin: {words}")
    assert KEY not in line


def test_the_product_must_be_said(run_auth: Auth) -> None:
    assert "--product" in complaint(run_auth("add", stdin=PIPED))
    assert "'margin' is not one of" in complaint(run_auth("add", "--product", "margin", stdin=PIPED))


@pytest.mark.parametrize("arguments", [["work", SECRET], [SECRET], ["work", KEY, SECRET]])
def test_a_key_among_the_arguments_is_refused_and_not_repeated(run_auth: Auth, arguments: list[str]) -> None:
    result = run_auth("add", "--product", "spot", *arguments, stdin=PIPED)
    assert complaint(result)
    assert SECRET not in result.output
    assert profiles.names() == []


def test_a_profile_is_replaced_only_when_that_is_meant(run_auth: Auth) -> None:
    profiles.store("default", "spot", PAIR)
    arguments = ("add", "--product", "spot", "--no-test")
    stdin = f"{OTHER_KEY}\n{OTHER_SECRET}\n"
    assert complaint(run_auth(*arguments, stdin=stdin)) == "there is a profile 'default' for Spot; --yes replaces it"
    assert find_credentials("spot", Settings()) == PAIR
    printed(run_auth(*arguments, "--yes", stdin=stdin))
    assert find_credentials("spot", Settings()) == OTHER


def test_at_a_terminal_it_is_asked_whether_to_replace(run_auth: Auth, at_terminal: None) -> None:
    profiles.store("default", "spot", PAIR)
    arguments = ("add", "--product", "spot", "--no-test")
    stdin = f"{OTHER_KEY}\n{OTHER_SECRET}\n"
    no = run_auth(*arguments, stdin=f"n\n{stdin}")
    assert no.exit_code == 1
    assert "Replace the profile 'default' of Spot? [y/N]" in no.stderr
    assert find_credentials("spot", Settings()) == PAIR
    assert run_auth(*arguments, stdin=f"y\n{stdin}").exit_code == 0
    assert find_credentials("spot", Settings()) == OTHER


def test_a_keyring_takes_the_key(run_auth: Auth, config: Path) -> None:
    ring = Ring()
    keyring.set_keyring(ring)
    assert printed(run_auth("add", "--product", "spot", "--no-test", stdin=PIPED))["stored_in"] == "keyring"
    assert len(ring.held) == 1
    assert find_credentials("spot", Settings()) == PAIR


def test_a_terminal_that_cannot_hide_input_is_refused(
    run_auth: Auth, at_terminal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shows(*_arguments: Any, **_options: Any) -> str:
        warnings.warn("Can not control echo on the terminal.", GetPassWarning, stacklevel=2)
        return "typed"

    monkeypatch.setattr(click, "prompt", shows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in a program of its own, where a warning ends nothing
        line = complaint(run_auth("add", "--product", "spot", "--no-test"))
    assert line.startswith("this terminal would show")
    assert profiles.names() == []


# ---------------------------------------------------------------------- list and remove


def test_keys_are_listed_shortened(run_auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    profiles.store("default", "futures", OTHER)
    profiles.store("default", "spot", PAIR)
    rows = printed(run_auth("list", "-o", "json"))
    assert [(row["name"], row["product"], row["key"], row["stored_in"]) for row in rows] == [
        ("default", "futures", "9876...tuvw", "file"),
        ("default", "spot", "0123...uvwx", "file"),
    ]
    monkeypatch.setenv("COLUMNS", "300")
    head, first, second = run_auth("list", "-o", "table").stdout.splitlines()
    assert head.split() == ["name", "product", "key", "stored_in", "path"]
    assert first.index("futures") == second.index("spot") == head.index("product")
    lines = run_auth("list", "-o", "ndjson").stdout.splitlines()
    assert [json.loads(line) for line in lines] == rows


def test_a_list_of_nothing_is_one(run_auth: Auth) -> None:
    assert printed(run_auth("list", "-o", "json")) == []
    result = run_auth("list", "-o", "table")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "No key is stored; `kraken auth add --product spot` stores one\n"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({"output": "csv"}, "name,"), ({"output": "yaml"}, "- name: work"), ({"query": "[0].name"}, '"work"')],
)
def test_profiles_are_printed_as_all_results_are(run_auth: Auth, settings: dict[str, str], expected: str) -> None:
    profiles.store("work", "spot", PAIR)
    assert run_auth("list", **settings).stdout.startswith(expected)


def test_removing_asks(run_auth: Auth, at_terminal: None) -> None:
    profiles.store("work", "spot", PAIR)
    no = run_auth("remove", "work", stdin="\n")
    assert no.exit_code == 1
    assert "Remove the profile 'work' of Spot? [y/N]" in no.stderr
    assert profiles.names() == [("spot", "work")]
    assert run_auth("remove", "work", stdin="y\n").exit_code == 0
    assert profiles.names() == []


def test_removing_without_a_terminal_needs_yes(run_auth: Auth) -> None:
    profiles.store("work", "spot", PAIR)
    assert complaint(run_auth("remove", "work", stdin="y\n")) == "--yes removes the profile 'work' of Spot"
    result = run_auth("remove", "work", "--yes")
    assert (result.exit_code, result.stdout, profiles.names()) == (0, "", [])
    assert "at Kraken the key is still valid" in result.stderr


@pytest.mark.parametrize("command", ["remove", "test"])
def test_a_name_of_both_products_needs_the_product(run_auth: Auth, command: str) -> None:
    profiles.store("work", "spot", PAIR)
    profiles.store("work", "futures", PAIR)
    line = complaint(run_auth(command, "work"))
    assert line == "there is a profile 'work' for futures and spot; say which with --product"


def test_the_product_says_which_one_is_removed(run_auth: Auth) -> None:
    profiles.store("work", "spot", PAIR)
    profiles.store("work", "futures", PAIR)
    assert run_auth("remove", "work", "--product", "spot", "--yes").exit_code == 0
    assert profiles.names() == [("futures", "work")]


@pytest.mark.parametrize("command", [["remove", "wrok", "--yes"], ["test", "wrok"]])
def test_a_name_that_is_not_there_is_told(run_auth: Auth, command: list[str]) -> None:
    profiles.store("work", "spot", PAIR)
    assert complaint(run_auth(*command)) == "no profile 'wrok' for Spot; stored: work (spot)"
    assert profiles.names() == [("spot", "work")]


# ---------------------------------------------------------------------- test


def test_kraken_says_what_a_spot_key_may_do(run_auth: Auth, kraken: Emulator) -> None:
    profiles.store("work", "spot", Credentials(kraken.key, kraken.secret))
    result = printed(run_auth("test", "work", "-o", "json"))
    assert result["from"] == "profile 'work' of Spot (file)"
    assert result["key"] == shortened(kraken.key)
    assert (result["name_at_kraken"], result["expires"], result["ip_allowlist"]) == ("emulator", None, [])
    assert "create-ws-token" in result["permissions"]
    assert kraken.key not in json.dumps(result)


def test_the_table_has_every_permission_and_whether_the_key_has_it(
    run_auth: Auth, kraken: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kraken.emulator.spot_account.PERMISSIONS", ["query-funds", "a-new-one\x1b[2J"])
    profiles.store("default", "spot", Credentials(kraken.key, kraken.secret))
    lines = run_auth("test", "-o", "table").stdout.splitlines()
    said = dict(line.split()[-2:] for line in lines)
    assert said["permissions.query-funds"] == "yes"
    assert said["permissions.withdraw-funds"] == said["permissions.modify-trades"] == "no"
    assert said["permissions.a-new-one�[2J"] == "yes", "what a terminal would obey is not printed"
    assert len([value for value in said.values() if value in ("yes", "no")]) == 14


def test_kraken_says_what_a_futures_key_may_do(run_auth: Auth, kraken: Emulator) -> None:
    profiles.store("work", "futures", Credentials(kraken.futures_key, kraken.futures_secret))
    result = printed(run_auth("test", "work"))
    assert (result["product"], result["permissions"]["transfer"]) == ("futures", "FULL_ACCESS")
    table = run_auth("test", "work", "-o", "table").stdout.splitlines()
    assert ["permissions.general", "FULL_ACCESS"] in [line.split() for line in table]


def test_the_named_profile_is_tested_whatever_else_gives_a_key(
    run_auth: Auth, kraken: Emulator, everywhere: dict[str, Any]
) -> None:
    profiles.store("good", "spot", Credentials(kraken.key, kraken.secret))
    result = run_auth("test", "good", **everywhere["file"], profile="named")
    assert printed(result)["from"] == "profile 'good' of Spot (file)"


def test_without_a_name_the_key_is_tested_that_commands_use(
    run_auth: Auth, kraken: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles.store("default", "spot", PAIR)
    monkeypatch.setenv("KRAKEN_SPOT_API_KEY", kraken.key)
    monkeypatch.setenv("KRAKEN_SPOT_SECRET_KEY", kraken.secret)
    assert printed(run_auth("test"))["from"] == "the environment (KRAKEN_SPOT_API_KEY)"


def test_without_any_key_the_ways_to_give_one_are_told(run_auth: Auth) -> None:
    assert complaint(run_auth("test", "--product", "futures")) == f"auth test {missing_key('futures')}"


@pytest.mark.parametrize("product", ["spot", "futures"])
def test_a_key_that_does_not_work_is_krakens_error(run_auth: Auth, kraken: Emulator, product: str) -> None:
    profiles.store("work", product, PAIR)
    result = run_auth("test", "work")
    assert isinstance(result.exception, KrakenError)
    assert result.exit_code == 1
    assert SECRET not in everything_of(result.exception) + result.output


def test_a_kraken_that_is_not_there_is_told(run_auth: Auth, kraken: Emulator) -> None:
    profiles.store("work", "spot", PAIR)
    kraken.stop()
    result = run_auth("test", "work")
    assert isinstance(result.exception, NotSent)
    assert SECRET not in everything_of(result.exception)


def test_the_emulator_tests_its_own_key(run_auth: Auth) -> None:
    profiles.store("work", "spot", PAIR)
    assert printed(run_auth("test", "work", emulator=True))["from"] == "the emulator"


# ---------------------------------------------------------------------- what is never told


@pytest.mark.parametrize("in_keyring", [False, True], ids=["file", "keyring"])
@pytest.mark.parametrize("product", ["spot", "futures"])
def test_no_command_tells_key_or_secret(
    run_auth: Auth, kraken: Emulator, caplog: pytest.LogCaptureFixture, product: str, in_keyring: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    if in_keyring:
        keyring.set_keyring(Ring())
    stdin = of_spot(kraken) if product == "spot" else of_futures(kraken)
    output = ""
    for arguments in (
        ["add", "work", "--product", product, "-v"],
        ["add", "work", "--product", product, "-v", "--yes", "-o", "table"],
        ["list", "-v"],
        ["list", "-o", "table"],
        ["test", "work", "-v"],
        ["test", "--product", product, "-v", "-o", "table"],
        ["remove", "work", "--yes"],
    ):
        result = run_auth(*arguments, stdin=stdin, profile="work")
        assert result.exit_code == 0, result.output
        output += result.output + result.stderr
    assert f"{product.title()} key from profile 'work' of {product.title()}" in caplog.text
    assert ": HTTP 200" in caplog.text, "the log has what is sent"
    for word in stdin.split():
        assert word not in output + caplog.text


def test_no_object_shows_them(run_auth: Auth) -> None:
    profile = profiles.store("work", "spot", PAIR)
    from kraken.cli.credentials import Found

    shown = (PAIR, Found(PAIR, "x"), Settings(api_key=KEY, secret_key=SECRET), profile, [PAIR], {"a": PAIR})
    for each in shown:
        for text in (repr(each), str(each), f"{each}"):
            assert KEY not in text
            assert SECRET not in text


@POSIX
@pytest.mark.parametrize("in_keyring", [False, True], ids=["file", "keyring"])
def test_no_other_process_is_started(config: Path, tmp_path: Path, in_keyring: bool) -> None:
    program = (
        "import sys\n"
        "def watch(event, arguments):\n"
        "    if event.startswith(('subprocess', 'os.exec', 'os.posix_spawn', 'os.spawn', 'os.system', 'os.fork', 'pty')):\n"
        "        print('started', event, file=sys.stderr)\n"
        "sys.addaudithook(watch)\n" + PROGRAM
    )
    kind = "tests.cli.keyrings.OnDisk" if in_keyring else "keyring.backends.null.Keyring"
    environment = {
        **os.environ,
        "PYTHON_KEYRING_BACKEND": kind,
        "RING": str(tmp_path / "ring"),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]),
    }
    for arguments in (["add", "--product", "spot", "--no-test"], ["list"], ["remove", "default", "--yes"]):
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env=environment, input=PIPED, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "started" not in done.stderr
        assert SECRET not in done.stdout + done.stderr
        if arguments == ["list"]:
            assert json.loads(done.stdout)[0]["stored_in"] == ("keyring" if in_keyring else "file")


@POSIX
def test_what_is_typed_at_a_terminal_is_not_shown(config: Path) -> None:
    import pty

    ours, theirs = pty.openpty()

    def take_the_terminal() -> None:
        os.close(os.open(os.ttyname(0), os.O_RDWR))

    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "add", "--product", "spot", "--no-test", "-o", "table"],
        env={**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=take_the_terminal,
    ) as running:  # fmt: skip
        os.close(theirs)
        shown = b""
        try:
            for awaited, answer in ((b"API key: ", f"{KEY}\n"), (b"API secret: ", f"{SECRET}\n"), (b".json", "")):
                while awaited not in shown:
                    assert select.select([ours], [], [], 30)[0], shown
                    shown += os.read(ours, 1024)
                os.write(ours, answer.encode())
            assert running.wait(60) == 0
        finally:
            running.kill()
    os.close(ours)
    assert KEY.encode() not in shown
    assert SECRET.encode() not in shown
    assert find_credentials("spot", Settings()) == PAIR
