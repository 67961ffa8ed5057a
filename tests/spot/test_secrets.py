"""Key, secret, signatures, one-time passwords and tokens: in no log line, repr, error, traceback or warning."""

from __future__ import annotations

import base64
import io
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from kraken.emulator import Emulator
from kraken.exceptions import CredentialsError, DecodeError, KrakenError
from kraken.runtime import Options, async_client
from kraken.runtime.transport import Request
from kraken.spot import SpotAsyncClient, SpotClient

from ..hiding import KeepAll, Secrets
from ..support import KEY, ORDER, SECRET, FakeTransport, Opener, reply

OTP = "one-time-password-731"
FAULTS = ("accept-then-502", "accept-then-hang", "accept-then-garbage", "accept-then-reset", "html", "reset-before")
IMPATIENT = Options(timeout=0.05)


def session(client: SpotClient, emulator: Emulator, secrets: Secrets) -> None:
    """Everything that a signed client does, successes, refusals and faults."""
    secrets.hide(client.trading.get_websockets_token().token)
    client.account_data.get_account_balance()
    client.trading.add_order(**ORDER)
    calls: dict[str, Callable[[], Any]] = {
        "AddOrder": lambda: client.trading.add_order(**ORDER, options=IMPATIENT),
        "CancelOrder": lambda: client.trading.cancel_order(txid="OAAAAA-BBBBB-CCCCCC", options=IMPATIENT),
        "Balance": lambda: client.account_data.get_account_balance(options=IMPATIENT),
        "GetWebSocketsToken": lambda: client.trading.get_websockets_token(options=IMPATIENT),
        "QueryOrders": lambda: client.request("POST", "/0/private/QueryOrders", {"txid": "O1"}, timeout=0.05),
    }
    for name, call in calls.items():
        for fault in FAULTS:
            emulator.faults.add(name, fault, times=3)  # type: ignore[arg-type]
            with pytest.raises(KrakenError) as caught:
                call()
            secrets.show_error(caught.value)
            emulator.faults.clear()
    wrong: list[Callable[[], Any]] = [
        calls["CancelOrder"],
        lambda: client.trading.add_order(**{**ORDER, "volume": 0.1}),
        lambda: client.trading.add_order(**{**ORDER, "volume": "900"}),
        lambda: client.request("POST", "/0/private/New", {"a": object()}),
        lambda: client.request("POST", "/0/private/New", {"a": object()}, do_json=True),
    ]
    for call in wrong:
        with pytest.raises(KrakenError) as refused:
            call()
        secrets.show_error(refused.value)
    secrets.show(repr(client), repr(client.trading), client._core, client._core.signer, client._core.table)
    secrets.show(vars(client), vars(client._core), repr(client._transport))
    prepared = client.prepare("POST", "/0/private/Balance", {"asset": "XBT"})
    assert isinstance(prepared, Request)
    secrets.show(prepared, repr(prepared), f"{prepared}", [prepared])


def test_a_whole_session(opener: Opener, emulator: Emulator, secrets: Secrets) -> None:
    secrets.hide(emulator.key, emulator.secret, OTP, str(base64.b64decode(emulator.secret))[2:-1])
    client = opener(emulator.key, emulator.secret, emulator.spot_url, otp=lambda: OTP, retries=1)
    session(client, emulator, secrets)
    # aiohttp, which coroutines use, logs nothing.
    assert any("httpcore" in text for text in secrets.shown) is (opener.colour == "sync")


def test_nothing_listens(opener: Opener, secrets: Secrets) -> None:
    secrets.hide(KEY, SECRET, OTP)
    client = opener(url="http://127.0.0.1:1", otp=OTP, retries=0)
    for call in (lambda: client.trading.add_order(**ORDER), client.account_data.get_account_balance):
        with pytest.raises(KrakenError) as caught:
            call()
        secrets.show_error(caught.value)


def test_causes_come_without_the_frames_of_the_http_library(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(_self: Any, request: httpx.Request) -> Any:
        headers = dict(request.headers)
        assert headers
        try:
            raise OSError("below")
        except OSError as error:
            raise httpx.WriteError("above") from error

    async def write_async(self: Any, request: httpx.Request) -> Any:
        write(self, request)

    monkeypatch.setattr(async_client, "_has_aiohttp", lambda: False)
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", write)
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", write_async)
    with pytest.raises(KrakenError) as caught:
        opener(url="http://host").trading.add_order(**ORDER)
    cause = caught.value.__cause__
    assert isinstance(cause, httpx.WriteError)
    assert isinstance(cause.__cause__, OSError)
    assert (cause.__traceback__, cause.__cause__.__traceback__) == (None, None)


def test_functions_of_the_user_that_fail(opener: Opener, secrets: Secrets) -> None:
    secrets.hide(KEY, SECRET, OTP)

    def broken(*_: Any) -> Any:
        raise LookupError("mine")

    answer = FakeTransport(reply({}))
    for options in ({"nonce": broken, "otp": OTP}, {"otp": broken}):
        with pytest.raises(LookupError) as caught:
            opener(transport=answer, **options).account_data.get_account_balance()
        secrets.show_error(caught.value)
    client = opener(transport=answer, otp=OTP)
    with pytest.raises(LookupError) as caught:
        client.account_data.get_account_balance(options=Options(on_reply=broken))
    secrets.show_error(caught.value)


def test_one_time_passwords_of_another_type(opener: Opener, secrets: Secrets) -> None:
    secrets.hide("1234567890123")
    client = opener(transport=FakeTransport(), otp=lambda: 1234567890123)
    for as_json in (False, True):
        with pytest.raises(KrakenError, match="otp: int; allowed: a str") as caught:
            client.request("POST", "/0/private/Balance", do_json=as_json)
        secrets.show_error(caught.value)


@pytest.mark.parametrize("secret", [f"{SECRET} ", SECRET[:-1], SECRET.replace("=", "!")])
def test_credentials_that_are_refused(opener: Opener, secrets: Secrets, secret: str) -> None:
    secrets.hide(KEY, secret)
    for client in (SpotClient, SpotAsyncClient):
        for arguments in ((KEY, secret), (f"{secret}\n", SECRET)):
            with pytest.raises(CredentialsError) as caught:
                client(*arguments)
            secrets.show_error(caught.value)


def test_a_token_in_a_reply_of_an_unexpected_form(opener: Opener, secrets: Secrets) -> None:
    token = "a-token-that-nobody-may-see"
    secrets.hide(token, KEY, SECRET)
    for result in ({"token": token}, {"token": token, "expires": "soon"}, {"token": [token], "expires": 900}, token):
        with pytest.raises(DecodeError) as caught:
            opener(transport=FakeTransport(reply(json.dumps(result)))).trading.get_websockets_token()
        secrets.show_error(caught.value)
        assert token.encode() in (caught.value.facts.body or b"")


def test_the_search_finds_what_is_there() -> None:
    secrets = Secrets()
    secrets.hide(SECRET)

    def careless() -> None:
        code = compile("def call(key):\n    raise ValueError\n", "elsewhere.py", "exec")
        names: dict[str, Any] = {}
        exec(code, names)
        names["call"](SECRET)

    with pytest.raises(ValueError) as caught:
        careless()
    secrets.show_error(caught.value)
    with pytest.raises(AssertionError):
        secrets.check()
    handler = KeepAll(secrets)
    secrets.shown.clear()
    handler.emit(logging.LogRecord("x", logging.DEBUG, "", 1, "sent %s", ({"h": SECRET},), None))
    with pytest.raises(AssertionError):
        secrets.check()


def test_an_address_with_a_password(opener: Opener) -> None:
    client = opener(proxy="http://user:hush-hush@127.0.0.1:1", url="http://host", retries=0)
    with pytest.raises(KrakenError) as caught:
        client.market_data.get_server_time()
    text = io.StringIO()
    text.write(repr(client) + repr(caught.value) + "".join(traceback.format_exception(caught.value)))
    assert "hush-hush" not in text.getvalue()
    assert "hush-hush" not in str(pickle.dumps(caught.value))


def test_cards_and_passwords_of_addresses_are_not_shown() -> None:
    from kraken.spot.models.funding_beta import FundingWithdrawalFiatDetails

    secrets = {"card_number": "4111111111111111", "cvc": "737", "password": "hunter-2", "signature": "sig-9"}
    details = FundingWithdrawalFiatDetails.model_validate({**secrets, "card_number_last": "1111"})
    assert details.card_number == "4111111111111111"
    for shown in (repr(details), str(details)):
        assert "card_number_last='1111'" in shown
        assert not any(value in shown.replace("card_number_last='1111'", "") for value in secrets.values())
