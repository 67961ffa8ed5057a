"""What stands between a command and money: questions, amounts that are typed twice, rehearsals, ticks, replies that are lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import Result

from kraken.emulator import Emulator

from .conftest import Recorder, Run

BUY = ("buy", "BTC/USD", "0.01", "--price", "50000.1")
WITHDRAW = ("spot", "funding", "withdraw-funds", "--asset", "XBT", "--key", "cold", "--amount", "0.50")


def keys(emulator: Emulator) -> dict[str, str]:
    return {"KRAKEN_SPOT_API_KEY": emulator.key, "KRAKEN_SPOT_SECRET_KEY": emulator.secret}


def refusal(result: Result) -> str:
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr.splitlines()[-1].removeprefix("Error: ")


def called(emulator: Emulator) -> list[str]:
    return [each.path.rpartition("/")[2] for each in emulator.requests if "/private/" in each.path]


# ---------------------------------------------------------------------- questions


def test_an_order_is_shown_and_asked_about(run: Run, running: Emulator, at_terminal: None) -> None:
    result = run(*BUY, stdin="n\n")
    assert result.exit_code == 2
    shown = [line.split() for line in result.stderr.splitlines()]
    for name, value in (("pair", "BTC/USD"), ("type", "buy"), ("ordertype", "limit"), ("volume", "0.01"), ("price", "50000.1")):  # fmt: skip
        assert [name, value] in shown
    assert "To the emulator: spot trading add-order (Place an order)" in result.stderr
    assert result.stderr.endswith("Error: not confirmed; nothing was sent\n")
    assert running.orders == {}


@pytest.mark.parametrize(("answer", "placed"), [("y\n", 1), ("yes\n", 1), ("\n", 0), ("n\n", 0), ("", 0)])
def test_only_yes_is_yes(run: Run, running: Emulator, at_terminal: None, answer: str, placed: int) -> None:
    run(*BUY, stdin=answer)
    assert len(running.orders) == placed


def test_without_a_terminal_there_is_nobody_to_ask(run: Run, running: Emulator) -> None:
    assert (
        refusal(run(*BUY, stdin="y\n"))
        == "spot trading add-order trades, and there is nobody to ask; say --yes if you mean it"
    )
    assert running.orders == {}


@pytest.mark.parametrize("words", [("-y", *BUY), (*BUY, "--yes")])
def test_yes_is_for_scripts(run: Run, running: Emulator, words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.exit_code == 0
    assert list(running.orders) == json.loads(result.stdout)["txid"]


@pytest.mark.parametrize(
    "words",
    [
        ("cancel-all",),
        ("cancel", "ODEMO6-GH9JK-7ADDED"),
        ("sell", "BTC/USD", "1", "--price", "90000"),
        ("spot", "ws", "cancel-all"),
        ("spot", "ws", "add-order", "--order-type", "limit", "--side", "buy", "--symbol", "BTC/USD", "--order-qty", "1", "--limit-price", "5"),
        ("futures", "order-management", "cancel-all-orders"),
        ("futures", "order-management", "send-order", "--orderType", "lmt", "--symbol", "PF_XBTUSD", "--side", "buy", "--size", "1", "--limitPrice", "5"),
        ("futures", "transfers", "transfer", "--fromAccount", "cash", "--toAccount", "flex", "--unit", "xbt", "--amount", "1"),
        ("unified", "ws", "cancel-all", "--asset-class", "derivatives"),
    ],
)  # fmt: skip
def test_whatever_cannot_be_undone_is_asked_about(run: Run, running: Emulator, words: tuple[str, ...]) -> None:
    before = len(called(running))
    assert "there is nobody to ask; say --yes" in refusal(run(*words))
    assert len(called(running)) == before


def test_reading_asks_nothing(run: Run, running: Emulator) -> None:
    assert run("balance").exit_code == 0


# ---------------------------------------------------------------------- rehearsals


def test_a_rehearsal_is_not_asked_about_and_places_nothing(run: Run, running: Emulator) -> None:
    result = run(*BUY, "--validate")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["descr"]["order"].startswith("buy 0.01000000")
    assert running.orders == {}


def test_no_rehearsal_is_an_order(run: Run, running: Emulator) -> None:
    assert "nobody to ask" in refusal(run(*BUY, "--no-validate"))


def test_what_cannot_be_rehearsed_has_no_such_option(run: Run, running: Emulator) -> None:
    assert "No such option" in refusal(run("cancel-all", "--validate"))


# ---------------------------------------------------------------------- withdrawals


@pytest.fixture
def address(kraken: Emulator) -> Emulator:
    """The real Kraken, as far as commands know, with a key for it in the environment."""
    return kraken


@pytest.mark.parametrize(
    ("words", "answers", "sent"),
    [
        ((), "0.50\n", True),
        ((), "0.5\n", True),
        ((), "0.05\n", False),
        ((), "\n", False),
        ((), "y\n", False),
        (("--confirm-amount", "0.5"), "y\n", True),
        (("--confirm-amount", "0.5"), "n\n", False),
        (("--confirm-amount", "0.51"), "y\n", False),
    ],
)
def test_a_withdrawal_at_a_terminal(
    run: Run, address: Emulator, at_terminal: None, words: tuple[str, ...], answers: str, sent: bool
) -> None:
    result = run(*WITHDRAW, *words, stdin=answers, **keys(address))
    assert called(address) == (["Withdraw"] if sent else [])
    assert result.exit_code == (1 if sent else 2), "the emulator knows no such address"
    assert "To Kraken: spot funding withdraw-funds" in result.stderr


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        (("--yes",), False),
        (("--confirm-amount", "0.5"), False),
        (("--yes", "--confirm-amount", "0.5"), True),
        (("--yes", "--confirm-amount", "5"), False),
        (("--yes", "--confirm-amount", "half"), False),
    ],
)
def test_a_withdrawal_in_a_script(run: Run, address: Emulator, words: tuple[str, ...], sent: bool) -> None:
    result = run(*WITHDRAW, *words, **keys(address))
    assert called(address) == (["Withdraw"] if sent else [])
    assert result.exit_code == (1 if sent else 2)


def test_an_emulated_withdrawal_needs_only_yes(run: Run, running: Emulator) -> None:
    assert run(*WITHDRAW, "--yes").exit_code == 1, "no such address there"
    assert called(running) == ["Withdraw"]


def test_an_amount_inside_of_others_is_the_one_that_is_typed_again(run: Run, address: Emulator) -> None:
    amount = {"asset_amount": {"asset": {"class": "currency", "name": "BTC"}, "amount": "0.5"}}
    scope = {"method_id": "3d1f0a52-0002-4b7e-9c11-a1b2c3d4e5f6"}
    words = ("spot", "funding-beta", "create-funding-withdrawal-v1", "--scope", json.dumps(scope), "--address-id", "ABDEM01-EVM77-WALLT1", "--amount", json.dumps(amount))  # fmt: skip
    assert "the amounts differ: 0.5 and 0.4" in refusal(
        run(*words, "--yes", "--confirm-amount", "0.4", **keys(address))
    )
    assert run(*words, "--yes", "--confirm-amount", "0.50", **keys(address)).exit_code == 1
    assert len([each for each in address.requests if each.path.endswith("/withdrawals")]) == 1


# ---------------------------------------------------------------------- prices


@pytest.mark.parametrize(
    ("words", "tick"),
    [
        (("buy", "BTC/USD", "1", "--price", "50000.12"), "0.1"),
        (("buy", "XBTUSD", "1", "--price", "50000.12"), "0.1"),
        (("spot", "trading", "add-order", "--pair", "BTC/USD", "--type", "buy", "--ordertype", "stop-loss-limit", "--volume", "1", "--price", "50000", "--price2", "49999.99"), "0.1"),
        (("spot", "ws", "add-order", "--order-type", "limit", "--side", "buy", "--symbol", "BTC/USD", "--order-qty", "1", "--limit-price", "50000.12"), "0.1"),
        (("futures", "order-management", "send-order", "--orderType", "lmt", "--symbol", "PF_XBTUSD", "--side", "buy", "--size", "1", "--limitPrice", "50000.12"), "1"),
        (("unified", "ws", "add-order", "--asset-class", "derivatives", "--order-type", "limit", "--side", "buy", "--symbol", "PF_XBTUSD", "--order-qty", "1", "--limit-price", "50000.12"), "1"),
        (("buy", "BTC/USD", "1", "--price", "12345678901234567890123456789012345678.91234"), "0.1"),
    ],
)  # fmt: skip
def test_a_price_finer_than_the_tick(run: Run, running: Emulator, words: tuple[str, ...], tick: str) -> None:
    message = refusal(run(*words, "--yes"))
    assert "is finer than the tick of" in message
    assert message.endswith(f"allowed: multiples of {tick}")
    assert running.orders == {}
    assert called(running) == []


@pytest.mark.parametrize("price", ["50000.1", "+1.55", "#5%", "-0.125%"])
def test_prices_on_the_tick_and_relative_ones_go_out(run: Run, running: Emulator, price: str) -> None:
    run("sell", "BTC/USD", "0.01", "--ordertype", "stop-loss", f"--price={price}", "--yes")
    assert called(running) == ["AddOrder"]


def test_an_unknown_pair_is_krakens_error(run: Run, running: Emulator) -> None:
    result = run("buy", "NOPE/USD", "1", "--price", "1", "--yes")
    assert result.exit_code == 1
    assert "EQuery:Unknown asset pair" in result.stderr


@pytest.mark.parametrize("volume", ["a", "1,5", "1_000", "nan", "inf", "", "١"])
def test_what_is_no_amount_is_refused(run: Run, running: Emulator, volume: str) -> None:
    assert "is not a number; allowed: digits with a point" in refusal(run("buy", "BTC/USD", volume, "--yes"))
    assert running.requests == []


@pytest.mark.parametrize("volume", ["0.010000000000000001", "12345678901234567.12", "1E-8"])
def test_no_digit_of_an_amount_is_lost(
    run: Run, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, volume: str
) -> None:
    monkeypatch.setattr("kraken.cli.session.Session._address", lambda *_: recorder.url)
    environment = {"KRAKEN_SPOT_API_KEY": "a-key-of-the-tests", "KRAKEN_SPOT_SECRET_KEY": "c2VjcmV0"}
    run("spot", "trading", "add-order", "--pair", "XBTUSD", "--type", "buy", "--ordertype", "market", "--volume", volume, "--yes", **environment)  # fmt: skip
    plain = "0.00000001" if volume == "1E-8" else volume
    assert f"volume={plain}&" in recorder.requests[-1].body + "&"


# ---------------------------------------------------------------------- replies that are lost


@pytest.mark.parametrize("words", [BUY, ("cancel-all",)])
def test_what_was_sent_once_is_not_sent_again(run: Run, running: Emulator, words: tuple[str, ...]) -> None:
    name = "AddOrder" if words == BUY else "CancelAll"
    running.faults.add(name, "accept-then-502")
    result = run(*words, "--yes", "-o", "json")
    assert result.exit_code == 5
    told: dict[str, Any] = json.loads(result.stdout)
    assert (told["error"], told["retryable"]) == ("network", False)
    assert "do not send it again" in told["hint"]
    assert called(running) == [name]
    if words == BUY:
        (order,) = running.orders.values()
        assert told["cl_ord_id"] == order["cl_ord_id"]
