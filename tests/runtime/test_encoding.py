"""Operations that no spec has yet: path parameters, JSON bodies, deprecated ones, several envelopes of errors."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, StrictInt, StrictStr

from kraken.exceptions import InvalidRequest
from kraken.runtime.client import Group
from kraken.runtime.encoding import encode_arguments
from kraken.runtime.models import RequestModel
from kraken.runtime.operation import Operation
from kraken.runtime.types import AmountNumber, AmountText
from kraken.spot import SpotClient

from ..support import KEY, SECRET, FakeTransport, reply

MODELS = "models_of_the_tests"


class GetThingRequest(RequestModel):
    """Arguments of `get_thing`."""

    name: StrictStr
    number: StrictInt
    from_: StrictStr | None = Field(default=None, alias="from")


class PlaceRequest(RequestModel):
    """Arguments of `place`."""

    amount: AmountText
    rate: AmountNumber | None = None
    account_id: StrictStr | None = None
    deep: list[dict[str, Any]] | None = None


GET_THING: Operation[Any] = Operation(
    "get_thing", "GET", "/funding/v9/things/{name}/{number}", MODELS, path_fields=("name", "number")
)
PLACE: Operation[Any] = Operation(
    "place",
    "POST",
    "/funding/v9/places",
    MODELS,
    auth=True,
    encoding="json",
    danger="transfers",
    query_fields=("account_id",),
)
OLD: Operation[Any] = GET_THING._replace(name="get_old", path="/0/public/Old/{name}/{number}", replaced_by="get_thing")


class Things(Group):
    """As a generated group looks."""

    def get_old(self) -> Any:
        return self._call(OLD, {"name": "a", "number": 1}, None)


@pytest.fixture(autouse=True)
def _models(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType(MODELS)
    vars(module).update(
        REQUESTS={"get_thing": GetThingRequest, "get_old": GetThingRequest, "place": PlaceRequest},
        RESULTS=dict.fromkeys(("get_thing", "get_old", "place"), dict[str, Any]),
    )
    monkeypatch.setitem(sys.modules, MODELS, module)


@pytest.fixture
def transport() -> FakeTransport:
    return FakeTransport(reply({"ok": 1}))


@pytest.fixture
def group(transport: FakeTransport) -> Iterator[Group]:
    with SpotClient(KEY, SECRET, transport=transport, nonce=lambda: 1) as client:
        yield Group(client)


def test_path_parameters(group: Group, transport: FakeTransport) -> None:
    assert group._call(GET_THING, {"name": "a/b c?#é", "number": 7, "from_": "x"}, None) == {"ok": 1}
    assert transport.last.target == "/funding/v9/things/a%2Fb%20c%3F%23%C3%A9/7?from=x"


@given(st.text(min_size=1, alphabet=st.characters(codec="utf-8")).filter(lambda text: text not in (".", "..")))
def test_any_text_stays_one_segment(name: str) -> None:
    path = encode_arguments(GET_THING, {"name": name, "number": 1}, None).path
    assert path.isascii()
    _, _, _, _, segment, number = path.split("/")
    assert (unquote(segment), number) == (name, "1")


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_empty_path_parameters_are_refused(group: Group, transport: FakeTransport, name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"name: '{name}' cannot be part of a path; allowed: a text") as caught:
        group._call(GET_THING, {"name": name, "number": 7}, None)
    assert caught.value.facts.sent is False
    with pytest.raises(InvalidRequest, match="name: missing"):
        group._call(GET_THING, {"name": None, "number": 7}, None)
    with pytest.raises(InvalidRequest, match=r"name: .*surrogates"):
        group._call(GET_THING, {"name": "\ud800", "number": 7}, None)
    assert transport.requests == []


def test_names_with_an_underscore_for_python(group: Group) -> None:
    with pytest.raises(InvalidRequest, match=r"from_: 5: Input should be a valid string"):
        group._call(GET_THING, {"name": "a", "number": 1, "from_": 5}, None)
    with pytest.raises(InvalidRequest, match="to: unknown argument; allowed: name, number, from_"):
        group._call(GET_THING, {"name": "a", "number": 1, "to": 5}, None)


def test_json_bodies_keep_numbers_and_texts_apart(group: Group, transport: FakeTransport) -> None:
    given_arguments = {"amount": Decimal("1E-8"), "rate": Decimal("1E+2"), "account_id": "me", "deep": [{"x": [1]}]}
    group._call(PLACE, given_arguments, None)
    assert transport.last.target == "/funding/v9/places?account_id=me"
    assert transport.last.body == b'{"nonce":1,"amount":"0.00000001","rate":100,"deep":[{"x":[1]}]}'


def test_deprecated_operations_say_so_once(group: Group) -> None:
    things = Things(group._client)
    with pytest.warns(DeprecationWarning, match="get_old is deprecated; use get_thing") as caught:
        things.get_old()
    assert caught[0].filename == __file__
    things.get_old()


def test_an_operation_stays_as_it_is() -> None:
    assert GET_THING.key == "GET /funding/v9/things/{name}/{number}"
    before = encode_arguments(GET_THING, {"name": "a", "number": 1}, None)
    assert before == encode_arguments(GET_THING, {"name": "a", "number": 1}, {})
