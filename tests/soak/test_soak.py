"""A short soak is good, and the judge notices what is not."""

from __future__ import annotations

import pytest

from .judge import Book, Judge, Shown
from .page import page
from .soak import PRODUCTS, soak

BOOK = Book("book", "BTC/USD", 10)
INSTANT = 10**9


@pytest.mark.filterwarnings("ignore:Kraken switches:DeprecationWarning")
@pytest.mark.parametrize("product", PRODUCTS)
def test_a_while_of_trouble(product: str) -> None:
    run = soak(product, 90, seed=1)
    assert run.is_good, (run.world["wrong"], run.differences, run.failures)
    assert run.client["connections"] > 20
    assert run.world["states_shown"] > 300
    assert run.world["fills"] > 15
    assert run.world["fills_late"] > 0
    text = page({product: run}, 1)
    assert f"| Fills | {run.world['fills']} |" in text
    assert "| **Wrong states shown** | 0 |" in text


@pytest.mark.parametrize(
    ("at", "state", "good"),
    [
        (2 * INSTANT, b"b", True),
        (2 * INSTANT, b"c", True),
        (2 * INSTANT, b"a", True),
        (2 * INSTANT, b"d", False),
        (3 * INSTANT, b"c", True),
        (3 * INSTANT, b"a", False),
        (4 * INSTANT, b"d", True),
        (0, b"a", False),
    ],
    ids=str,
)
def test_a_state_must_have_been_true_at_its_time(at: int, state: bytes, good: bool) -> None:
    judge = Judge()
    for moment, true in ((1, b"a"), (2, b"b"), (2, b"c"), (4, b"d")):
        judge.note(BOOK, moment * INSTANT, true)
    judge.look(Shown(BOOK, at, 1_000, state))
    assert (judge.wrong == []) is good


@pytest.mark.parametrize("state", [b"between", b"after"])
def test_an_exchange_tells_changes_of_one_instant_one_after_the_other(state: bytes) -> None:
    judge = Judge()
    for true in (b"before", b"between", b"after"):
        judge.note(BOOK, INSTANT - 100, true)
    judge.look(Shown(BOOK, INSTANT, 10**6, state))
    assert judge.wrong == []


def test_a_book_does_not_go_back() -> None:
    judge = Judge()
    for true in (b"a", b"b", b"a", b"b"):
        judge.note(BOOK, INSTANT, true)
    for state, wrong in ((b"b", 0), (b"a", 0), (b"a", 0), (b"b", 0), (b"a", 1)):
        judge.look(Shown(BOOK, INSTANT, 1_000, state))
        assert len(judge.wrong) == wrong


def test_fills_are_told_once() -> None:
    judge = Judge()
    judge.fills_done |= {"one", "two", "three"}
    for fill, late in (("one", False), ("two", True), ("two", True), ("four", False)):
        judge.hear(fill, late)
    assert (judge.fills_lost, judge.fills_repeated, judge.fills_invented, judge.fills_late) == (1, 1, 1, 2)
