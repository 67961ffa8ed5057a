"""Every argument of every call: what the specs rule out is refused by name before anything is sent."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from kraken.exceptions import InvalidRequest
from kraken.runtime import Reply
from kraken.runtime.encoding import encode_arguments
from kraken.runtime.errors import KrakenError
from kraken.runtime.operation import Operation
from kraken.spot.decode import find_operation

from ..support import FakeTransport, Opener, without
from .parameters import Call, calls, sample, wrong

CALLS = list(calls())

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")


class Method:
    """One method of a client; nothing that it sends is answered."""

    def __init__(self, opener: Opener, call: Call) -> None:
        found = find_operation(call.key)
        assert found is not None
        self.operation: Operation[Any] = found
        self.transport = FakeTransport(Reply(200, {}, b"null"))
        client = opener(transport=self.transport, retries=0)
        self._method = getattr(getattr(client, found.models.rpartition(".")[2]), found.name)

    def __call__(self, arguments: dict[str, Any]) -> str:
        """Why the arguments are refused; nothing if they are sent."""
        sent, refused = len(self.transport.requests), None
        try:
            self._method(**arguments)
        except KrakenError as error:
            refused = error if isinstance(error, InvalidRequest) else None
        assert len(self.transport.requests) == sent + (refused is None)
        if refused is None:
            return ""
        assert refused.facts.sent is False
        assert refused.facts.operation == self.operation.name
        return str(refused)


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_values_that_are_ruled_out(opener: Opener, call: Call) -> None:
    method, base = Method(opener, call), call.arguments
    assert method(base) == ""
    accepted = []
    for parameter in call.parameters:
        others = without({name for group in call.exclusive if parameter.name in group for name in group}, base)
        assert method({**others, parameter.name: sample(parameter.schema)}) == ""
        for each in wrong(parameter.schema):
            words = method({**others, parameter.name: each.value})
            where = ".".join(map(str, (parameter.name, *each.at)))
            if not words:
                accepted.append(f"{where}: {each.value!r}")
                continue
            assert f": {where}" in words
            if each.shown is not None:
                value = repr(each.shown)
                assert value in words
                assert len(words.partition(value)[2]) > 5, f"nothing about what is allowed: {words}"
            if each.allowed:
                assert words.endswith(f"allowed: {', '.join(each.allowed)}")
    assert accepted == []


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_what_is_missing(opener: Opener, call: Call) -> None:
    method = Method(opener, call)
    for parameter in call.parameters:
        if parameter.required:
            words = method({**call.arguments, parameter.name: None})
            assert words.endswith(f"{parameter.name}: missing")
            with pytest.raises(TypeError, match=parameter.name):
                method(without([parameter.name], call.arguments))
    for group in call.one_of:
        assert method(without(group, call.arguments)).endswith(f"one of {', '.join(group)} is needed")


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_what_excludes_one_another(opener: Opener, call: Call) -> None:
    method = Method(opener, call)
    samples = {each.name: sample(each.schema) for each in call.parameters}
    for group in call.exclusive:
        for one, other in combinations(group, 2):
            given = {**without(group, call.arguments), one: samples[one], other: samples[other]}
            words = method(given)
            assert f"{one} and {other} exclude one another; allowed: one of {', '.join(group)}" in words


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_what_is_not_known(opener: Opener, call: Call) -> None:
    method = Method(opener, call)
    with pytest.raises(TypeError, match="surprise"):
        method({**call.arguments, "surprise": 1})
    with pytest.raises(InvalidRequest) as caught:
        encode_arguments(method.operation, {**call.arguments, "surprise": 1}, None)
    assert str(caught.value).startswith(f"{method.operation.name}: surprise: unknown argument; allowed: ")
    told = str(caught.value).partition("allowed: ")[2]
    assert [name for name in told.split(", ") if name] == [each.name for each in call.parameters]
