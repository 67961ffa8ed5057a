"""`kraken spot` in this process, over sockets."""

from __future__ import annotations

import json
import socket
from ast import literal_eval
from time import monotonic
from typing import Any

import pytest
from click.testing import Result

from kraken.emulator import Emulator

from .conftest import Recorder, Run

KEY = "a-key-of-the-tests/0123456789"
SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
ENVIRONMENT = {"KRAKEN_SPOT_API_KEY": KEY, "KRAKEN_SPOT_SECRET_KEY": SECRET}
ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.01", "price": "50000.0"}


def printed(result: Result) -> Any:
    assert (result.exit_code, result.stderr) == (0, "")
    return literal_eval(result.stdout)


def complaint(result: Result, exit_code: int) -> str:
    """The one line on stderr of a command that printed nothing else."""
    assert (result.exit_code, result.stdout) == (exit_code, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")


def environment(emulator: Emulator) -> dict[str, str]:
    return {"KRAKEN_SPOT_API_KEY": emulator.key, "KRAKEN_SPOT_SECRET_KEY": emulator.secret}


# ---------------------------------------------------------------------- what is called


def test_a_full_url_gives_host_and_path(run: Run, emulator: Emulator) -> None:
    assert printed(run("spot", f"{emulator.spot_url}/0/public/Time")).keys() == {"unixtime", "rfc1123"}


def test_what_changes_the_account_needs_the_method_said(run: Run, emulator: Emulator) -> None:
    url = f"{emulator.spot_url}/0/private/AddOrder"
    line = complaint(run("spot", url, "-d", json.dumps(ORDER), **environment(emulator)), 2)
    assert line == "/0/private/AddOrder changes the account; say -X POST if you mean it"
    assert emulator.orders == {}


def test_a_path_goes_to_the_emulator_that_is_started_for_it(run: Run) -> None:
    assert printed(run("--emulator", "spot", "/0/public/SystemStatus"))["status"] == "online"


def test_the_emulator_takes_the_place_of_host_and_key(run: Run) -> None:
    result = run("--emulator", "spot", "-X", "POST", "https://api.kraken.com/0/private/Balance", **ENVIRONMENT)
    assert printed(result)["ZUSD"] == "250000.0000"


def test_the_emulator_can_be_chosen_in_the_environment(run: Run) -> None:
    assert printed(run("spot", "/0/public/SystemStatus", KRAKEN_EMULATOR="1"))["status"] == "online"


def test_the_query_of_a_url_and_the_data_travel_together(run: Run, recorder: Recorder) -> None:
    printed(run("spot", f"{recorder.url}/0/public/Depth?pair=XBTUSD", "-d", '{"count": 2}'))
    assert recorder.only[:2] == ("GET", "/0/public/Depth?pair=XBTUSD&count=2")


def test_data_of_an_order_arrives(run: Run, emulator: Emulator) -> None:
    url = f"{emulator.spot_url}/0/private/AddOrder"
    placed = printed(run("spot", "-X", "POST", url, "--data", json.dumps(ORDER), **environment(emulator)))
    order = emulator.orders[placed["txid"][0]]
    assert (order["vol"], order["descr"]["price"]) == ("0.01000000", "50000.0")


def test_no_digit_of_the_data_is_lost(run: Run, recorder: Recorder) -> None:
    data = '{"a": 0.00000001, "b": 12345678901234567.12, "c": 1e-8, "d": [1.10, 2], "e": true, "f": null}'
    printed(run("spot", "-X", "POST", f"{recorder.url}/0/private/New", "-d", data, **ENVIRONMENT))
    _, _, sent = recorder.only.body.partition("&")
    assert sent == "a=0.00000001&b=12345678901234567.12&c=0.00000001&d=1.10%2C2&e=true"


@pytest.mark.parametrize(
    ("path", "given", "method"),
    [
        ("/0/public/Time", (), "GET"),
        ("/0/private/Balance", (), "POST"),
        ("/0/private/Balance", ("-X", "GET"), "GET"),
        ("/0/private/Balance", ("-X", "DELETE"), "DELETE"),
        ("/0/public/New", (), "GET"),
        ("/0/public/New", ("-X", "PUT"), "PUT"),
    ],
)
def test_the_method_is_the_given_one_or_the_documented_one_or_get(
    run: Run, recorder: Recorder, path: str, given: tuple[str, ...], method: str
) -> None:
    printed(run("spot", *given, recorder.url + path, **ENVIRONMENT))
    assert recorder.only.method == method


def test_options_come_from_the_environment(run: Run, recorder: Recorder) -> None:
    variables = {"KRAKEN_SPOT_X": "PUT", "KRAKEN_SPOT_DATA": '{"a": 1}', "KRAKEN_SPOT_TIMEOUT": "0"}
    refused = run("spot", f"{recorder.url}/0/public/New", **variables)
    assert refused.exit_code == 2
    assert "--timeout" in refused.stderr
    printed(run("spot", f"{recorder.url}/0/public/New", **{**variables, "KRAKEN_SPOT_TIMEOUT": "5"}))
    assert recorder.only.method == "PUT"


@pytest.mark.parametrize(
    ("answer", "output"),
    [
        ('{"error":[],"result":{"a":["1.10",2,0.5],"b":null}}', "{'a': ['1.10', 2, 0.5], 'b': None}\n"),
        ('{"error":[],"result":"text"}', "text\n"),
        ('{"error":[],"result":true}', "True\n"),
    ],
)
def test_the_result_is_printed_as_python_writes_it(run: Run, recorder: Recorder, answer: str, output: str) -> None:
    recorder.answer = answer.encode()
    result = run("spot", f"{recorder.url}/0/public/New")
    assert (result.exit_code, result.stdout, result.stderr) == (0, output, "")


# ---------------------------------------------------------------------- what is signed


def signed(recorder: Recorder) -> bool:
    return "Api-Sign" in {name.title() for name in recorder.only.headers}


@pytest.mark.parametrize(
    ("path", "variables", "expected"),
    [
        ("/0/public/Time", ENVIRONMENT, False),
        ("/0/private/Balance", ENVIRONMENT, True),
        ("/0/private/New", ENVIRONMENT, True),
        ("/0/private/New", {}, False),
    ],
)
def test_what_needs_a_signature_gets_one(
    run: Run, recorder: Recorder, path: str, variables: dict[str, str], expected: bool
) -> None:
    printed(run("spot", recorder.url + path, **variables))
    assert signed(recorder) is expected


def test_public_calls_work_while_the_key_in_the_environment_is_broken(run: Run, emulator: Emulator) -> None:
    printed(run("spot", f"{emulator.spot_url}/0/public/Time", KRAKEN_SPOT_SECRET_KEY="no base64"))


def test_a_key_may_come_from_options(run: Run, emulator: Emulator) -> None:
    url = f"{emulator.spot_url}/0/private/Balance"
    result = run("spot", "--api-key", emulator.key, "--secret-key", emulator.secret, url)
    assert result.exit_code == 0
    assert literal_eval(result.stdout)["ZUSD"] == "250000.0000"
    (warning,) = result.stderr.splitlines()
    assert warning.startswith("Warning: others on this machine can see --secret-key")
    assert emulator.secret not in warning


def test_a_key_from_the_environment_needs_no_warning(run: Run, emulator: Emulator) -> None:
    assert printed(run("spot", f"{emulator.spot_url}/0/private/Balance", **environment(emulator)))


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ('{"pair": "XBTUSD"', "not valid JSON at line 1, column 18: "),
        ('{"pair":\n XBTUSD}', "not valid JSON at line 2, column 2: "),
        ("pair=XBTUSD", "not valid JSON at line 1, column 1: "),
        ('{"volume": NaN}', "NaN is not a number of JSON"),
        ('{"volume": 1e99999999999999999999}', "a number has an exponent"),
        ('["XBTUSD"]', "not a JSON object"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_data_that_is_no_json_object_is_refused(run: Run, recorder: Recorder, data: str, reason: str) -> None:
    line = complaint(run("spot", "-d", data, f"{recorder.url}/0/public/New"), 2)
    assert line.startswith(f"-d/--data: {reason}")
    assert recorder.requests == []


def test_data_is_not_repeated_in_messages(run: Run) -> None:
    assert "123456" not in complaint(run("spot", "-d", '{"otp": "123456"', "/0/private/Balance"), 2)


def test_data_outside_of_unicode_is_refused(run: Run, recorder: Recorder) -> None:
    line = complaint(run("spot", "-d", r'{"pair": "\ud800"}', f"{recorder.url}/0/public/New"), 2)
    assert "surrogates not allowed" in line
    assert recorder.requests == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("api.kraken.com/0/public/Time", "neither an address nor a path; allowed: https://host/path or /path"),
        ("ftp://api.kraken.com/0/public/Time", "neither an address nor a path"),
        ("/0/public/Ticker?pair=XBT USD", "characters that an address cannot have"),
        ("/0/public/Tïme", "characters that an address cannot have"),
        ("/0/public/Time\r\nHost: x", "characters that an address cannot have"),
        ("https://[::1/0/public/Time", "not an address: "),
    ],
)
def test_what_is_no_address_is_refused(run: Run, url: str, reason: str) -> None:
    line = complaint(run("spot", url), 2)
    assert "URL" in line
    assert reason in line


def test_a_password_in_the_url_is_refused_and_not_repeated(run: Run) -> None:
    assert "hunter2" not in complaint(run("spot", "https://me:hunter2@127.0.0.1/0/public/Time"), 2)


def test_a_missing_key_is_told_with_the_ways_to_give_one(run: Run, emulator: Emulator) -> None:
    line = complaint(run("spot", "-X", "POST", f"{emulator.spot_url}/0/private/Balance"), 2)
    assert line.startswith("/0/private/Balance needs an API key")
    for way in ("kraken auth add", "KRAKEN_SPOT_API_KEY", "KRAKEN_SPOT_SECRET_KEY", "--api-key-file"):
        assert way in line
    assert emulator.requests == []


def test_a_private_path_needs_a_key_with_every_method(run: Run) -> None:
    assert complaint(run("spot", "-X", "GET", "/0/private/Balance"), 2).startswith(
        "/0/private/Balance needs an API key"
    )


@pytest.mark.parametrize(
    ("given", "missing"),
    [("KRAKEN_SPOT_API_KEY", "KRAKEN_SPOT_SECRET_KEY"), ("KRAKEN_SPOT_SECRET_KEY", "KRAKEN_SPOT_API_KEY")],
)
def test_half_a_key_is_told(run: Run, given: str, missing: str) -> None:
    line = complaint(run("spot", "/0/private/Balance", **{given: ENVIRONMENT[given]}), 2)
    assert line.startswith(f"{missing} is missing beside {given}")
    assert ENVIRONMENT[given] not in line


def test_a_secret_that_cannot_be_one_is_named_and_not_repeated(run: Run) -> None:
    variables = {**ENVIRONMENT, "KRAKEN_SPOT_SECRET_KEY": "hunter2-is-no-base64"}
    line = complaint(run("spot", "/0/private/Balance", **variables), 2)
    assert line.startswith("secret is not base64")
    assert "hunter2" not in line


# ---------------------------------------------------------------------- what fails


def test_kraken_errors_are_one_line_with_krakens_words_and_a_hint(run: Run, emulator: Emulator) -> None:
    data = json.dumps({**ORDER, "volume": "1000"})
    line = complaint(
        run("spot", "-X", "POST", f"{emulator.spot_url}/0/private/AddOrder", "-d", data, **environment(emulator)), 1
    )
    assert line.startswith("POST /0/private/AddOrder: EOrder:Insufficient funds (")
    assert line.endswith(")")


def test_words_that_nobody_knows_are_passed_on(run: Run, recorder: Recorder) -> None:
    recorder.answer = b'{"error":["EWeather:Rain"]}'
    assert complaint(run("spot", f"{recorder.url}/0/public/New"), 1) == "GET /0/public/New: EWeather:Rain"


def test_a_refusal_for_want_of_a_key_says_how_to_give_one(run: Run, recorder: Recorder) -> None:
    recorder.answer = b'{"error":["EAPI:Invalid key"]}'
    line = complaint(run("spot", f"{recorder.url}/0/private/New"), 1)
    assert "EAPI:Invalid key" in line
    assert "no API key was given; it needs an API key; store one with `kraken auth add" in line
    line = complaint(run("spot", f"{recorder.url}/0/private/New", **ENVIRONMENT), 1)
    assert "no API key was given" not in line


def test_a_host_that_cannot_be_reached_is_told(run: Run) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{unused.getsockname()[1]}"
        line = complaint(run("spot", f"{host}/0/public/Time"), 3)
    assert line.startswith(f"GET /0/public/Time: could not connect to {host}")


def test_an_order_whose_reply_was_lost_is_sent_once(run: Run, emulator: Emulator) -> None:
    emulator.faults.add("AddOrder", "accept-then-502")
    url = f"{emulator.spot_url}/0/private/AddOrder"
    line = complaint(run("spot", "-X", "POST", url, "-d", json.dumps(ORDER), **environment(emulator)), 5)
    assert "do not send it again" in line
    assert len(emulator.orders) == 1


def test_silence_ends_after_the_given_time(run: Run, emulator: Emulator) -> None:
    emulator.faults.add("Time", "hang-before")
    started = monotonic()
    line = complaint(run("spot", "--timeout", "1", f"{emulator.spot_url}/0/public/Time"), 5)
    assert line.startswith("GET /0/public/Time: no reply")
    assert monotonic() - started < 8, "the default is 10 seconds"


def test_warnings_of_krakens_are_one_line_beside_the_result(run: Run, recorder: Recorder) -> None:
    recorder.answer = b'{"error":["WWeather:Clouds"],"result":{"a":1}}'
    result = run("spot", f"{recorder.url}/0/public/New")
    assert (result.exit_code, result.stdout) == (0, "{'a': 1}\n")
    assert result.stderr == "Warning: GET /0/public/New: WWeather:Clouds\n"


# ---------------------------------------------------------------------- secrets


@pytest.mark.parametrize("answer", ['{"error":[],"result":{}}', '{"error":["EAPI:Invalid signature"]}', "<html>"])
def test_secrets_are_never_told(run: Run, recorder: Recorder, answer: str) -> None:
    recorder.answer = answer.encode()
    data = '{"otp": "one-time-password"}'
    result = run("-v", "spot", f"{recorder.url}/0/private/Balance", "-d", data, **ENVIRONMENT)
    request = recorder.only
    headers = {name.title(): value for name, value in request.headers.items()}
    assert "one-time-password" in request.body
    assert "kraken.cli.generic: POST" in result.stderr
    assert "POST /0/private/Balance: HTTP 200" in result.stderr
    for secret in (KEY, SECRET, headers["Api-Sign"], "one-time-password"):
        assert secret not in result.output


def test_v_holds_for_one_command_only(run: Run, recorder: Recorder) -> None:
    url = f"{recorder.url}/0/public/New"
    assert "HTTP 200" in run("-v", "spot", url).stderr
    assert run("spot", url).stderr == ""
