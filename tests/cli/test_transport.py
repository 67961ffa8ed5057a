"""The command line's own transport over real sockets: the bytes that go out, replies of every form, and what is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kraken.cli.transport import SingleCallTransport
from kraken.runtime.transport import Reply, Request

from ..runtime.test_transports import (
    BIG,
    BOTH,
    FILE,
    FORMS,
    GONE,
    LOSSES,
    SILENCES,
    TARGET,
    TRUSTING,
    WHOLE,
    body_of,
    chunked,
    get,
    lost,
    post,
)
from ..runtime.wire import AUTHORITY, CLOSE, HANG, READ, TLS, Step, Wire, deaf, nobody, ok


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Wire() as running:
        yield running


@pytest.mark.parametrize(
    ("method", "body"), [("GET", b""), ("POST", b"nonce=1&pair=XBT%2FUSD"), ("POST", b""), ("PUT", b"\xff\x00{}")]
)
@pytest.mark.parametrize("base", ["", "/", "/base/path/"])
def test_bytes(wire: Wire, method: str, body: bytes, base: str) -> None:
    send = SingleCallTransport(wire.url + base).send
    sent = Request(method, TARGET, {"User-Agent": "tests/1", "API-Sign": "ab+/=="}, body, 30.0)
    assert body_of(send(sent)) == b"{}"
    head, _, rest = wire.last.partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    assert first == f"{method} {base.rstrip('/')}{TARGET} HTTP/1.1"
    length = [f"Content-Length: {len(body)}"] if method != "GET" else []
    assert sorted(fields) == sorted([f"Host: {wire.address}", "User-Agent: tests/1", "API-Sign: ab+/==", *length])
    assert rest == body


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\r\n\r\nGET / HTTP/1.1"])
def test_headers_of_several_lines_are_not_sent(wire: Wire, value: str) -> None:
    lost(SingleCallTransport(wire.url).send(Request("GET", "/", {"X": value}, b"", 30.0)), sent=True)
    assert b"GET / HTTP" not in b"".join(wire.requests)


def test_headers_that_come(wire: Wire) -> None:
    wire.play([READ, ok(b"{}", "X-Request-ID:  a B ", "x-long: " + "v" * 9000, "X-Latin: \xe9"), CLOSE])
    reply = SingleCallTransport(wire.url).send(get())
    assert isinstance(reply, Reply)
    assert reply.headers["x-request-id"] == "a B"
    assert reply.headers["x-long"] == "v" * 9000
    assert reply.headers["x-latin"] == "é".encode().decode("latin-1")


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "429 Slow Down", "500 Error", "520 "])
def test_status(wire: Wire, status: str) -> None:
    wire.play([READ, ok(b"<html>", "Location: /elsewhere", status=status), CLOSE])
    reply = SingleCallTransport(wire.url).send(get())
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body, len(wire.requests)) == (int(status[:3]), b"<html>", 1)


INTERIM = "after an interim reply"


@BOTH
@pytest.mark.parametrize("form", [each for each in FORMS if each != INTERIM])
def test_forms(wire: Wire, form: str, request_: Request) -> None:
    steps, body = FORMS[form]
    wire.play([READ, *steps])
    reply = SingleCallTransport(wire.url).send(request_)
    assert isinstance(reply, Reply)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.body == body


@BOTH
@pytest.mark.parametrize("loss", [*LOSSES, INTERIM])
def test_lost(wire: Wire, loss: str, request_: Request) -> None:
    wire.play([*(LOSSES[loss] if loss in LOSSES else [READ, *FORMS[loss][0]]), CLOSE])
    lost(SingleCallTransport(wire.url).send(request_), sent=True)
    assert (wire.connections, len(wire.requests)) == (1, 1)


@BOTH
@pytest.mark.parametrize("silence", SILENCES)
def test_silence(wire: Wire, silence: str, request_: Request) -> None:
    wire.play(SILENCES[silence])
    lost(SingleCallTransport(wire.url).send(request_._replace(timeout=GONE)), sent=True)
    assert (wire.connections, len(wire.requests)) == (1, 1)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_nothing_listens(scheme: str) -> None:
    lost(SingleCallTransport(f"{scheme}://{nobody()}").send(post()), sent=False)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b"])
def test_no_such_host(host: str) -> None:
    lost(SingleCallTransport(f"https://{host}").send(post()), sent=False)


def test_no_connection_in_time() -> None:
    with deaf() as address:
        lost(SingleCallTransport(f"http://{address}").send(post(timeout=GONE)), sent=False)


# ---------------------------------------------------------------------- files


@pytest.mark.parametrize(
    "reply",
    [
        FILE + b"Content-Length: %d\r\n\r\n" % len(BIG) + BIG,
        FILE + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(BIG[:1], BIG[1:70000], BIG[70000:]),
    ],
    ids=["length", "chunks"],
)
def test_file(wire: Wire, reply: bytes) -> None:
    pieces: list[bytes] = []
    told: list[tuple[int, int | None]] = []
    wire.play([READ, reply])
    transport = SingleCallTransport(wire.url, on_piece=lambda length, total: told.append((length, total)))
    assert body_of(transport.send(get(sink=pieces.append))) == b""
    assert b"".join(pieces) == BIG
    assert len(pieces) > 1
    assert [length for length, _ in told] == list(map(len, pieces))
    assert {total for _, total in told} == {len(BIG) if b"Content-Length" in reply else None}


@pytest.mark.parametrize("status", ["200 OK", "500 Error"])
def test_error_instead_of_a_file(wire: Wire, status: str) -> None:
    pieces: list[bytes] = []
    wire.play([READ, ok(WHOLE, status=status)])
    outcome = SingleCallTransport(wire.url).send(get(sink=pieces.append))
    assert isinstance(outcome, Reply)
    assert (outcome.body, pieces) == (WHOLE, [])


@pytest.mark.parametrize(
    "rest", [b"Content-Length: 99\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc"], ids=["length", "chunks"]
)
def test_half_a_file(wire: Wire, rest: bytes) -> None:
    pieces: list[bytes] = []
    wire.play([READ, FILE + rest, CLOSE])
    lost(SingleCallTransport(wire.url).send(get(sink=pieces.append)), sent=True)
    assert len(wire.requests) == 1


# ---------------------------------------------------------------------- TLS


@pytest.mark.parametrize("verify", [False, TRUSTING], ids=["unchecked", "own context"])
def test_tls(wire: Wire, verify: Any) -> None:
    wire.play([TLS, READ, ok(b"1"), CLOSE], [TLS, READ, CLOSE])
    send = SingleCallTransport(f"https://{wire.address}", verify=verify).send
    assert body_of(send(post())) == b"1"
    lost(send(post()), sent=True)
    assert f"Host: {wire.address}\r\n".encode() in wire.last


def test_certificates_are_checked(wire: Wire) -> None:
    wire.play([TLS, READ, ok()])
    cause = lost(SingleCallTransport(f"https://{wire.address}").send(post()), sent=False)
    assert "CERTIFICATE_VERIFY_FAILED" in str(cause)
    assert wire.requests == []


def test_certificates_of_the_environment(wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    AUTHORITY.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    wire.play([TLS, READ, ok(b"1")])
    assert body_of(SingleCallTransport(f"https://{wire.address}").send(post())) == b"1"


@pytest.mark.parametrize("steps", [[ok(), CLOSE], [HANG]], ids=["no TLS", "silence"])
def test_no_tls(wire: Wire, steps: list[Step]) -> None:
    wire.play(steps)
    lost(SingleCallTransport(f"https://{wire.address}").send(post(timeout=GONE if HANG in steps else 30.0)), sent=False)
