"""Funding (Beta): nonces in headers, signed queries, JSON bodies, results without an envelope, problems with a status."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from kraken.emulator import Emulator
from kraken.exceptions import (
    DecodeError,
    ExchangeError,
    KrakenInvalidAPIKeyError,
    KrakenInvalidNonceError,
    KrakenToManyAddressesError,
    OrderStateUnknown,
    ReplyLost,
)
from kraken.runtime import Options, Reply, Request
from kraken.spot import SpotClient

from ..support import KEY, SECRET, FakeTransport, Opener

NONCE = 1616492376594
METHOD = "d4ec4d52-b159-428e-ba64-f45455a978a1"
TARGET = f"/funding/v1/fees/{METHOD}?amount=5&fee_included=true"
SIGNATURE = "+EH4mm7c+g2d6XOdsx+0rElDQTXFVxuzLIYLgZJwEe80Wi1TMWKDRoQA1dIXD/QFCGEwtvrp32APAoXMXT2k3w=="
ADDRESS = "ABDEM01-EVM77-WALLT1"
BITCOIN: Any = {"class": "currency", "name": "BTC"}


def signature(request: Request) -> str:
    """Made from what went out, with code of the test's own."""
    digest = hashlib.sha256(request.headers["API-Nonce"].encode() + request.body).digest()
    made = hmac.new(base64.b64decode(SECRET), request.target.encode() + digest, hashlib.sha512)
    return base64.b64encode(made.digest()).decode()


def bare(result: Any, status: int = 200) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(result).encode())


def problem(status: int, kind: str, title: str, **further: Any) -> Reply:
    body = {"type": kind, "status": status, "title": title, "data": None, **further}
    return Reply(status, {"content-type": "application/problem+json"}, json.dumps(body).encode())


def sent(opener: Opener, call: Callable[[SpotClient], Any], **options: Any) -> Request:
    """What a call sends; the answer is of no interest."""
    transport = FakeTransport(bare({}))
    client = opener(transport=transport, nonce=itertools.count(NONCE).__next__, retries=0, **options)
    with pytest.raises(DecodeError):
        call(client)
    (request,) = transport.requests
    assert request.headers["API-Key"] == KEY
    assert request.headers["API-Nonce"] == str(NONCE)
    assert request.headers["API-Sign"] == signature(request)
    return request


# ---------------------------------------------------------------------- what goes out


def test_a_signature_that_is_known(opener: Opener) -> None:
    request = sent(
        opener,
        lambda client: client.funding_beta.calculate_funding_fees_v1(method_id=METHOD, amount="5", fee_included=True),
    )
    assert (request.method, request.target, request.body) == ("GET", TARGET, b"")
    assert request.headers["API-Sign"] == SIGNATURE
    assert not {"Content-Type", "API-OTP"} & set(request.headers)


def test_it_is_the_same_through_the_generic_request(opener: Opener) -> None:
    transport = FakeTransport(bare({"x": 1.5}))
    client = opener(transport=transport, nonce=lambda: NONCE)
    path, _, query = TARGET.partition("?")
    prepared = client.prepare("GET", path, {"amount": "5", "fee_included": True})
    assert client.request("GET", path, {"amount": "5", "fee_included": True}) == {"x": 1.5}
    assert client.request("GET", path, query_str=query) == {"x": 1.5}
    assert client.request("GET", TARGET) == {"x": 1.5}
    assert transport.requests == [prepared] * 3
    assert prepared.headers["API-Sign"] == SIGNATURE


@pytest.mark.parametrize("otp", ["123456", lambda: "123456"])
def test_one_time_passwords_are_in_a_header(opener: Opener, otp: Any) -> None:
    for call in (
        lambda client: client.funding_beta.calculate_funding_fees_v1(method_id=METHOD, amount="5", fee_included=True),
        lambda client: client.funding_beta.claim_funding_deposit_address_v1(method_id=METHOD),
    ):
        request = sent(opener, call, otp=otp)
        assert request.headers["API-OTP"] == "123456"
        assert b"123456" not in request.body
        assert "otp" not in request.target


QUERIES: list[tuple[Callable[[SpotClient], Any], str]] = [
    (
        lambda client: client.funding_beta.list_funding_methods_v1(direction="deposit", asset=BITCOIN, limit=5),
        "/funding/v1/methods/deposit?asset%5Bclass%5D=currency&asset%5Bname%5D=BTC&limit=5",
    ),
    (
        lambda client: client.funding_beta.list_funding_deposits_v1(status={"any_of": ["pending", "success"]}),
        "/funding/v1/deposits?status%5Blist%5D%5B0%5D=pending&status%5Blist%5D%5B1%5D=success",
    ),
    (
        lambda client: client.funding_beta.list_funding_deposits_v1(status={"between": {"start": "pending"}}),
        "/funding/v1/deposits?status%5Brange%5D%5Bstart%5D=pending",
    ),
    (
        lambda client: client.funding_beta.list_funding_addresses_v1(scope={"method_id": METHOD}, limit=2),
        f"/funding/v1/addresses?scope%5Bmethod_id%5D={METHOD}&limit=2",
    ),
    (
        lambda client: client.funding_beta.list_funding_deposit_limits_v1(
            asset_class="currency", asset="BTC", preferred_asset={"name": "USD & more"}
        ),
        "/funding/v1/limits/deposit/currency/BTC?preferred_asset%5Bname%5D=USD+%26+more",
    ),
    (
        lambda client: client.funding_beta.list_funding_withdrawal_limits_v1(asset_class="currency", asset="A/B C"),
        "/funding/v1/limits/withdrawal/currency/A%2FB%20C",
    ),
    (lambda client: client.funding_beta.list_funding_withdrawals_v1(), "/funding/v1/withdrawals"),
    (
        lambda client: client.funding_beta.delete_funding_address_v1(address_id=ADDRESS, account_id="W 1"),
        f"/funding/v1/addresses/{ADDRESS}?account_id=W+1",
    ),
]


@pytest.mark.parametrize(("call", "target"), QUERIES, ids=[target for _, target in QUERIES])
def test_queries(opener: Opener, call: Callable[[SpotClient], Any], target: str) -> None:
    request = sent(opener, call)
    assert request.target == target
    assert request.body == b""
    assert "Content-Type" not in request.headers


def test_json_bodies(opener: Opener) -> None:
    """Compact, without the nonce; amounts are texts with every digit."""
    request = sent(
        opener,
        lambda client: client.funding_beta.create_funding_withdrawal_v1(
            scope={"method_id": METHOD},
            address_id=ADDRESS,
            amount={"asset_amount": {"asset": BITCOIN, "amount": Decimal("1E-8")}},
            fee={
                "current_fee": {"max_fee": {"asset_amount": {"asset": BITCOIN, "amount": "0.10"}}},
                "fee_included": False,
            },
            account_id="W1",
        ),
    )
    assert (request.method, request.target) == ("POST", "/funding/v1/withdrawals?account_id=W1")
    assert request.headers["Content-Type"] == "application/json"
    assert request.body.decode() == (
        f'{{"scope":{{"method_id":"{METHOD}"}},"address_id":"{ADDRESS}",'
        '"amount":{"asset_amount":{"asset":{"class":"currency","name":"BTC"},"amount":"0.00000001"}},'
        '"fee":{"current_fee":{"max_fee":{"asset_amount":{"asset":{"class":"currency","name":"BTC"},"amount":"0.10"}}},'
        '"fee_included":false}}'
    )
    request = sent(opener, lambda client: client.funding_beta.update_funding_address_v1(address_id=ADDRESS, name="ü"))
    assert (request.method, request.target) == ("PUT", f"/funding/v1/addresses/{ADDRESS}")
    assert json.loads(request.body) == {"name": "ü"}


def test_further_parameters_and_headers(opener: Opener) -> None:
    options = Options(extra={"new": "x y"}, headers={"X-Mine": "1"})
    request = sent(
        opener,
        lambda client: client.funding_beta.calculate_funding_fees_v1(method_id=METHOD, amount="5", options=options),
    )
    assert request.target.endswith("?amount=5&new=x+y")
    assert request.headers["X-Mine"] == "1"
    request = sent(
        opener, lambda client: client.funding_beta.claim_funding_deposit_address_v1(method_id=METHOD, options=options)
    )
    assert json.loads(request.body) == {"method_id": METHOD, "new": "x y"}


# ---------------------------------------------------------------------- what comes back


def names(client: SpotClient) -> Any:
    return client.funding_beta.list_funding_networks_v1()


def claim(client: SpotClient) -> Any:
    return client.funding_beta.claim_funding_deposit_address_v1(method_id=METHOD)


def withdraw(client: SpotClient) -> Any:
    amount: Any = {"asset_amount": {"asset": BITCOIN, "amount": "1"}}
    return client.funding_beta.create_funding_withdrawal_v1(
        scope={"method_id": METHOD}, address_id=ADDRESS, amount=amount
    )


@pytest.mark.parametrize("status", [200, 201, 202])
def test_results_stand_alone(opener: Opener, status: int) -> None:
    outcome = bare({"networks": [], "network_groups": [], "error": ["EX:y"], "title": "a new field"}, status)
    found = names(opener(transport=FakeTransport(outcome)))
    assert found.networks == []
    assert found.title == "a new field"


@pytest.mark.parametrize(
    ("outcome", "kind", "code"),
    [
        (
            problem(401, "tag:kraken.com,2025:InvalidKey", "API: Invalid key"),
            KrakenInvalidAPIKeyError,
            "EAPI:Invalid key",
        ),
        (
            problem(409, "tag:kraken.com,2025:TooManyDepositAddresses", "Too many deposit addresses"),
            KrakenToManyAddressesError,
            "TooManyDepositAddresses",
        ),
        (problem(400, "about:blank", "Funding: Something new"), ExchangeError, "EFunding:Something new"),
        (problem(422, "tag:kraken.com,2030:NewProblem", "New problem"), ExchangeError, "ENew problem"),
        (
            Reply(400, {}, b'{"error":["EAPI:Invalid key"]}'),
            KrakenInvalidAPIKeyError,
            "EAPI:Invalid key",
        ),
        (
            Reply(400, {}, b'{"errors":[{"severity":"E","errorClass":"API","type":"Invalid key"}]}'),
            KrakenInvalidAPIKeyError,
            "EAPI:Invalid key",
        ),
    ],
)
def test_problems_are_exceptions(opener: Opener, outcome: Reply, kind: type[ExchangeError], code: str) -> None:
    for call in (names, claim, withdraw):
        transport = FakeTransport(outcome)
        with pytest.raises(kind) as caught:
            call(opener(transport=transport))
        assert caught.value.code == code
        assert len(transport.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 418])
def test_refusals_of_a_form_that_is_not_known(opener: Opener, status: int) -> None:
    for call in (names, withdraw):
        with pytest.raises(ExchangeError) as caught:
            call(opener(transport=FakeTransport(bare({"message": "no"}, status)), retries=0))
        assert caught.value.code.startswith(f"HTTP {status}")


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_faults_of_the_server_tell_nothing(opener: Opener, status: int) -> None:
    for outcome in (problem(status, "about:blank", "Internal"), bare({}, status), Reply(status, {}, b"<html>")):
        transport = FakeTransport(outcome)
        with pytest.raises(OrderStateUnknown) as caught:
            withdraw(opener(transport=transport))
        assert caught.value.facts.ids["address_id"] == ADDRESS
        assert len(transport.requests) == 1
        transport = FakeTransport(outcome)
        with pytest.raises(ReplyLost):
            names(opener(transport=transport, retries=1))
        assert len(transport.requests) == 2


def test_too_many_requests(opener: Opener) -> None:
    outcome = problem(429, "about:blank", "Too many requests")
    with pytest.raises(ExchangeError) as caught:
        names(opener(transport=FakeTransport(outcome), retries=0))
    assert caught.value.facts.operation == "list_funding_networks_v1"


def test_an_invalid_nonce_is_tried_once_more_for_reads(opener: Opener) -> None:
    refused = problem(401, "tag:kraken.com,2025:InvalidNonce", "API: Invalid nonce")
    transport = FakeTransport(refused, bare({"networks": [], "network_groups": []}))
    names(opener(transport=transport))
    first, second = (int(request.headers["API-Nonce"]) for request in transport.requests)
    assert first < second
    assert [request.headers["API-Sign"] for request in transport.requests] == list(map(signature, transport.requests))
    transport = FakeTransport(refused)
    with pytest.raises(KrakenInvalidNonceError):
        claim(opener(transport=transport))
    assert len(transport.requests) == 1


# ---------------------------------------------------------------------- over real sockets


def test_a_wrong_key_and_a_wrong_nonce(emulator: Emulator, opener: Opener) -> None:
    for key, secret in ((emulator.key, SECRET), ("another", emulator.secret)):
        with pytest.raises(ExchangeError) as caught:
            names(opener(key, secret, emulator.spot_url, retries=0))
        assert caught.value.category == "auth"
    client = opener(emulator.key, emulator.secret, emulator.spot_url, nonce=lambda: 5, retries=0)
    names(client)
    with pytest.raises(KrakenInvalidNonceError):
        names(client)


def test_one_time_passwords_are_taken(opener: Opener) -> None:
    with Emulator(market_interval=None, otp="123456") as emulator:
        good = opener(emulator.key, emulator.secret, emulator.spot_url, otp=lambda: "123456")
        assert names(good).networks
        assert good.account_data.get_account_balance()
        with pytest.raises(ExchangeError):
            names(opener(emulator.key, emulator.secret, emulator.spot_url))


def test_the_emulator_checks_what_was_signed(emulator: Emulator, opener: Opener) -> None:
    client = opener(emulator.key, emulator.secret, emulator.spot_url, retries=0)
    group = client.funding_beta
    assert group.list_funding_methods_v1(direction="withdraw", asset=BITCOIN).methods
    assert group.list_funding_deposits_v1(status={"any_of": ["pending", "success"]}).deposits
    plain = client.request("GET", "/funding/v1/methods/deposit", {"limit": 1})
    assert len(plain["methods"]) == 1
