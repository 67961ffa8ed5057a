"""All transports over real sockets: the bytes that go out, replies of every form, and what is lost."""

from __future__ import annotations

import asyncio
import gc
import gzip
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest

from kraken.runtime import async_client
from kraken.runtime.aiohttp_transport import AiohttpTransport
from kraken.runtime.errors import InvalidRequest
from kraken.runtime.httpx_transport import AsyncHttpxTransport, HttpxTransport
from kraken.runtime.transport import AsyncTransport, Lost, Reply, Request
from kraken.spot import SpotAsyncClient

from .wire import CERTIFICATE, CLOSE, HANG, READ, RESET, TLS, Step, Wire, deaf, nobody, ok

PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
ASYNCHRONOUS = [AsyncHttpxTransport, AiohttpTransport]
FIELDS = {"User-Agent": "tests/1", "Accept-Encoding": "gzip", "API-Sign": "ab+/=="}
TARGET = "/0/public/Ticker?pair=XBT%2fUSD&a[0]=%C3%A9+~*'%20|"
GONE = 0.05
"""Seconds to wait for what does not come."""
PATIENT = 30.0


class Transports:
    """Makes transports of one kind and closes them in the end; all of them look blocking."""

    def __init__(self, kind: type[Any]) -> None:
        self.kind = kind
        self._runner = asyncio.Runner()
        self._made: list[Any] = []

    def __call__(self, url: str, **options: Any) -> Callable[[Request], Reply | Lost]:
        if self.kind is HttpxTransport:
            transport = HttpxTransport(url, **options)
            self._made.append(transport)
            return transport.send

        async def make() -> Any:
            return self.kind(url, **options)

        made = self._runner.run(make())
        self._made.append(made)
        return lambda request: self._runner.run(made.send(request))

    def close(self) -> None:
        for each in self._made:
            closing = each.close()
            if closing is not None:
                self._runner.run(closing)
        self._runner.close()
        gc.collect()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(params=[HttpxTransport, *ASYNCHRONOUS])
def transports(request: pytest.FixtureRequest) -> Iterator[Transports]:
    made = Transports(request.param)
    yield made
    made.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Wire() as running:
        yield running


@pytest.fixture
def send(transports: Transports, wire: Wire) -> Callable[[Request], Reply | Lost]:
    return transports(wire.url)


Send = Callable[[Request], Reply | Lost]


def get(target: str = TARGET, timeout: float = PATIENT, sink: Callable[[bytes], None] | None = None) -> Request:
    return Request("GET", target, FIELDS, b"", timeout, sink)


def post(body: bytes = b"nonce=1&a=b", timeout: float = PATIENT) -> Request:
    return Request("POST", "/0/private/AddOrder", FIELDS, body, timeout)


BOTH = pytest.mark.parametrize("request_", [get(), post()], ids=["GET", "POST"])


def lost(outcome: Reply | Lost, *, sent: bool) -> Exception:
    """The cause of a loss."""
    assert isinstance(outcome, Lost)
    assert outcome.sent is sent
    each: BaseException | None = outcome.cause
    while each is not None:
        assert each.__traceback__ is None
        each = each.__cause__ or each.__context__
    return outcome.cause


def body_of(outcome: Reply | Lost) -> bytes:
    assert isinstance(outcome, Reply), outcome
    assert outcome.status == 200
    return outcome.body


# ---------------------------------------------------------------------- what goes out


@pytest.mark.parametrize(
    ("method", "body"),
    [("GET", b""), ("POST", b"nonce=1&pair=XBT%2FUSD"), ("POST", b""), ("PUT", b"\xff\x00{}"), ("DELETE", b"")],
)
@pytest.mark.parametrize("base", ["", "/", "/base/path/"])
def test_bytes(transports: Transports, wire: Wire, method: str, body: bytes, base: str) -> None:
    send = transports(wire.url + base)
    for _ in range(2):
        assert isinstance(send(Request(method, TARGET, FIELDS, body, PATIENT)), Reply)
    length = f"Content-Length: {len(body)}\r\n" if method != "GET" else ""
    fields = "".join(f"{name}: {value}\r\n" for name, value in FIELDS.items())
    target = base.rstrip("/") + TARGET
    head = f"{method} {target} HTTP/1.1\r\nHost: {wire.address}\r\n{fields}{length}\r\n"
    assert wire.requests == [head.encode() + body] * 2
    assert wire.connections == 1


def test_large_body(send: Send, wire: Wire) -> None:
    body = b"x" * 3_000_000
    assert body_of(send(post(body))) == b"{}"
    assert wire.last.endswith(b"\r\n\r\n" + body)


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\rb", "a\r\n\r\nGET / HTTP/1.1"])
def test_headers_of_several_lines(send: Send, wire: Wire, value: str) -> None:
    assert isinstance(send(get()._replace(headers={"API-OTP": value})), Lost)
    assert body_of(send(get())) == b"{}"
    assert len(wire.requests) == 1


def test_no_cookies(send: Send, wire: Wire) -> None:
    wire.play([READ, ok(b"1", "Set-Cookie: __cf_bm=abc; path=/", "Set-Cookie: b=c"), READ, ok(b"2")])
    first, second = send(get()), send(get())
    assert body_of(first) == b"1"
    assert body_of(second) == b"2"
    assert wire.requests[0] == wire.requests[1]


# ---------------------------------------------------------------------- replies


def test_headers(send: Send, wire: Wire) -> None:
    wire.play([READ, ok(b"{}", "X-Request-ID:  a B ", "x-long: " + "v" * 9000, "X-Latin: \xe9")])
    reply = send(get())
    assert isinstance(reply, Reply)
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-request-id"] == "a B"
    assert reply.headers["x-long"] == "v" * 9000
    assert reply.headers["x-latin"] == "é".encode().decode("latin-1")


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "404 Not Found", "429 Slow Down", "500 Error", "520 "])
def test_status(send: Send, wire: Wire, status: str) -> None:
    wire.play([READ, ok(b"<html>", "Location: /elsewhere", status=status), READ, ok(b"2")])
    reply = send(get())
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body) == (int(status[:3]), b"<html>")
    assert body_of(send(get())) == b"2"
    assert len(wire.requests) == 2
    assert wire.connections == 1


@pytest.mark.parametrize("reply", [b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\n\r\n"])
def test_no_body(send: Send, wire: Wire, reply: bytes) -> None:
    wire.play([READ, reply, READ, ok(b"2")])
    first = send(get())
    assert isinstance(first, Reply)
    assert first.body == b""
    assert body_of(send(get())) == b"2"
    assert wire.connections == 1


def test_head(send: Send, wire: Wire) -> None:
    wire.play([READ, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", READ, ok(b"2")])
    assert body_of(send(get()._replace(method="HEAD"))) == b""
    assert body_of(send(get())) == b"2"


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
WHOLE = b'{"error":[],"result":{"a":"1.0"}}'
BIG = bytes(range(256)) * 20_000
ZIPPED = gzip.compress(WHOLE)
ZEROS = zlib.compressobj(wbits=31)
BOMB = ZEROS.compress(bytes(30_000_000)) + ZEROS.flush()
FORMS: dict[str, tuple[list[Step], bytes]] = {
    "length": ([HEAD + b"Content-Length: 33\r\n\r\n" + WHOLE], WHOLE),
    "chunks": ([HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(WHOLE[:5], WHOLE[5:])], WHOLE),
    "until the end": ([HEAD + b"\r\n" + WHOLE, CLOSE], WHOLE),
    "gzip": ([HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(ZIPPED) + ZIPPED], WHOLE),
    "gzip in chunks": (
        [
            HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
            chunked(*(ZIPPED[index : index + 1] for index in range(len(ZIPPED)))),
        ],
        WHOLE,
    ),
    "byte by byte": ([bytes([each]) for each in HEAD + b"Content-Length: 33\r\n\r\n" + WHOLE], WHOLE),
    "after an interim reply": ([b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok(WHOLE)], WHOLE),
    "big": ([ok(BIG)], BIG),
    "big from little": ([ok(BOMB, "Content-Encoding: gzip")], bytes(30_000_000)),
    "empty": ([ok(b"")], b""),
}


@BOTH
@pytest.mark.parametrize("form", FORMS)
def test_forms(send: Send, wire: Wire, form: str, request_: Request) -> None:
    steps, body = FORMS[form]
    wire.play([READ, *steps, READ, ok(b"next")])
    reply = send(request_)
    assert isinstance(reply, Reply)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.body == body
    if form == "until the end":
        assert wire.connections == 1
    else:
        assert body_of(send(request_)) == b"next"
        assert (wire.connections, len(wire.requests)) == (1, 2)


# ---------------------------------------------------------------------- what is lost

LOSSES: dict[str, list[Step]] = {
    "closed": [READ, CLOSE],
    "reset": [READ, RESET],
    "half a head": [READ, b"HTTP/1.1 200 OK\r\nContent-", CLOSE],
    "no body": [READ, HEAD + b"Content-Length: 33\r\n\r\n", CLOSE],
    "half a body": [READ, HEAD + b"Content-Length: 33\r\n\r\n" + WHOLE[:9], CLOSE],
    "half a body, reset": [READ, HEAD + b"Content-Length: 33\r\n\r\n" + WHOLE[:9], RESET],
    "half the chunks": [READ, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(WHOLE)[:-5], CLOSE],
    "not HTTP": [READ, b"\x16\x03\x01 not at all\r\n\r\n", CLOSE],
    "wrong gzip": [READ, ok(b"\x1f\x8b\x08\x00" + b"\xff" * 30, "Content-Encoding: gzip")],
    "only an interim reply": [READ, b"HTTP/1.1 100 Continue\r\n\r\n", CLOSE],
}
SILENCES: dict[str, list[Step]] = {
    "nothing": [READ, HANG],
    "then half a head": [READ, b"HTTP/1.1 200 OK\r\nContent-", HANG],
    "then no body": [READ, HEAD + b"Content-Length: 33\r\n\r\n", HANG],
    "then half a body": [READ, HEAD + b"Content-Length: 33\r\n\r\n" + WHOLE[:9], HANG],
    "then half the chunks": [READ, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(WHOLE)[:-5], HANG],
    "then no end": [READ, HEAD + b"\r\n" + WHOLE, HANG],
}


@BOTH
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kept", [False, True], ids=["new connection", "kept connection"])
def test_lost(send: Send, wire: Wire, loss: str, request_: Request, kept: bool) -> None:
    before: list[Step] = [READ, ok()] if kept else []
    wire.play([*before, *LOSSES[loss]])
    if kept:
        assert body_of(send(request_)) == b"{}"
    lost(send(request_), sent=True)
    assert len(wire.requests) == 1 + kept
    assert wire.connections == 1
    assert body_of(send(request_)) == b"{}"
    assert wire.connections == 2


@BOTH
@pytest.mark.parametrize("silence", SILENCES)
def test_silence(send: Send, wire: Wire, silence: str, request_: Request) -> None:
    wire.play(SILENCES[silence])
    lost(send(request_._replace(timeout=GONE)), sent=True)
    assert body_of(send(request_)) == b"{}"
    assert wire.connections == 2
    assert len(wire.requests) == 2


def test_each_part_has_its_time(send: Send, wire: Wire) -> None:
    """The timeout is for each part of the reply: many parts may take longer together."""
    part = threading.Event()
    pause: Callable[[], Any] = lambda: part.wait(0.02)  # noqa: E731
    steps: list[Step] = [step for each in WHOLE for step in (bytes([each]), pause)]
    wire.play([READ, HEAD + b"Content-Length: 33\r\n\r\n", *steps])
    assert body_of(send(get(timeout=0.5))) == WHOLE


@BOTH
def test_reset_before_reading(send: Send, wire: Wire, request_: Request) -> None:
    wire.play([RESET])
    assert isinstance(send(request_), Lost)
    assert wire.requests == []
    assert body_of(send(request_)) == b"{}"
    assert wire.connections == 2


@pytest.mark.parametrize("url", ["http://{}", "https://{}"])
def test_nothing_listens(transports: Transports, url: str) -> None:
    lost(transports(url.format(nobody()))(post()), sent=False)


def test_no_such_host(transports: Transports) -> None:
    lost(transports("http://nowhere.invalid")(post()), sent=False)


@pytest.mark.parametrize("url", ["http://{}", "https://{}"])
def test_no_connection_in_time(transports: Transports, url: str) -> None:
    with deaf() as address:
        cause = lost(transports(url.format(address))(post(timeout=GONE)), sent=False)
    assert isinstance(cause, TimeoutError) or "Timeout" in type(cause).__name__


# ---------------------------------------------------------------------- connections that are kept


@BOTH
@pytest.mark.parametrize("end", [CLOSE, RESET], ids=["closed", "reset"])
def test_ended_between_requests(send: Send, wire: Wire, request_: Request, end: Step) -> None:
    """Nothing is lost, although the event loop had no time to see the end."""
    go = threading.Event()
    wire.play([READ, ok(b"1"), go, end])
    assert body_of(send(request_)) == b"1"
    go.set()
    assert wire.ended.acquire(timeout=30)
    assert body_of(send(request_)) == b"{}"
    assert len(wire.requests) == wire.connections == 2


def test_last_reply_of_a_connection(send: Send, wire: Wire) -> None:
    wire.play([READ, ok(b"1", "Connection: close"), HANG])
    assert body_of(send(post())) == b"1"
    assert body_of(send(post())) == b"{}"
    assert wire.connections == 2


def test_unasked_reply(send: Send, wire: Wire) -> None:
    """What came without a request is not the reply to the next one."""
    go, gone = threading.Event(), threading.Event()
    wire.play([READ, ok(b"1"), go, ok(b"stale"), gone.set, HANG])
    assert body_of(send(post())) == b"1"
    go.set()
    assert gone.wait(30)
    assert body_of(send(post())) == b"{}"
    assert wire.connections == 2


@pytest.mark.parametrize("when", ["at once", "seen by the event loop"])
def test_unasked_reply_that_was_read(wire: Wire, when: str) -> None:
    async def main() -> None:
        transport = AiohttpTransport(wire.url)
        assert body_of(await transport.send(post())) == b"1"
        go.set()
        await asyncio.to_thread(gone.wait, 30)
        for _ in range(5):
            await asyncio.sleep(0)
        assert body_of(await transport.send(post())) == b"{}"
        await transport.close()

    go, gone = threading.Event(), threading.Event()
    steps: list[Step] = [ok(b"1") + ok(b"stale"), go] if when == "at once" else [ok(b"1"), go, ok(b"stale")]
    wire.play([READ, *steps, gone.set, HANG])
    asyncio.run(main())
    assert wire.connections == 2


# ---------------------------------------------------------------------- files

FILE = b"HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\n"


@pytest.mark.parametrize(
    "reply",
    [
        FILE + b"Content-Length: %d\r\n\r\n" % len(BIG) + BIG,
        FILE + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(BIG[:1], BIG[1:70000], BIG[70000:]),
    ],
    ids=["length", "chunks"],
)
def test_file(send: Send, wire: Wire, reply: bytes) -> None:
    pieces: list[bytes] = []
    wire.play([READ, reply, READ, ok()])
    outcome = send(get(sink=pieces.append))
    assert body_of(outcome) == b""
    assert b"".join(pieces) == BIG
    assert len(pieces) > 1
    assert body_of(send(get(sink=pieces.append))) == b"{}"
    assert wire.connections == 1


@pytest.mark.parametrize("reply", [ok(WHOLE), ok(WHOLE, status="500 Error")], ids=["200", "500"])
def test_error_instead_of_a_file(send: Send, wire: Wire, reply: bytes) -> None:
    pieces: list[bytes] = []
    wire.play([READ, reply])
    outcome = send(get(sink=pieces.append))
    assert isinstance(outcome, Reply)
    assert outcome.body == WHOLE
    assert pieces == []


def test_half_a_file(send: Send, wire: Wire) -> None:
    pieces: list[bytes] = []
    wire.play([READ, FILE + b"Content-Length: 99\r\n\r\nabc", CLOSE])
    lost(send(get(sink=pieces.append)), sent=True)
    assert len(wire.requests) == 1


def test_a_sink_that_fails(send: Send, wire: Wire) -> None:
    def sink(_piece: bytes) -> None:
        raise LookupError("no room")

    wire.play([READ, FILE + b"Content-Length: 3\r\n\r\nabc", HANG])
    with pytest.raises(LookupError, match="no room"):
        send(get(sink=sink))
    assert body_of(send(get())) == b"{}"


# ---------------------------------------------------------------------- TLS

TRUSTING = ssl.create_default_context(cafile=CERTIFICATE)


@pytest.mark.parametrize("verify", [False, TRUSTING], ids=["unchecked", "own context"])
def test_tls(transports: Transports, wire: Wire, verify: Any) -> None:
    wire.play([TLS, READ, ok(b"1"), READ, ok(b"2"), READ, CLOSE], [TLS, READ, ok(b"4")])
    send = transports(f"https://{wire.address}", verify=verify)
    assert [body_of(send(post())) for _ in range(2)] == [b"1", b"2"]
    lost(send(post()), sent=True)
    assert body_of(send(post())) == b"4"
    assert f"Host: {wire.address}\r\n".encode() in wire.last


def test_certificates_are_checked(transports: Transports, wire: Wire) -> None:
    wire.play([TLS, READ, ok()])
    cause = lost(transports(f"https://{wire.address}")(post()), sent=False)
    assert "CERTIFICATE_VERIFY_FAILED" in str(cause)
    assert wire.requests == []


def test_certificates_of_the_environment(transports: Transports, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    wire.play([TLS, READ, ok(b"1")])
    assert body_of(transports(f"https://{wire.address}")(post())) == b"1"


def test_no_tls_at_all(transports: Transports, wire: Wire) -> None:
    wire.play([ok(), CLOSE])
    lost(transports(f"https://{wire.address}")(post()), sent=False)


def test_no_tls_in_time(transports: Transports, wire: Wire) -> None:
    wire.play([HANG])
    lost(transports(f"https://{wire.address}")(post(timeout=GONE)), sent=False)


# ---------------------------------------------------------------------- proxies

PASSWORD = "secret-of-the-proxy"
BASIC = b"Basic dXNlcjpzZWNyZXQtb2YtdGhlLXByb3h5"


def test_proxy(transports: Transports, wire: Wire) -> None:
    wire.play([READ, ok(b"1"), READ, ok(b"2")])
    send = transports("http://kraken.test", proxy=f"http://user:{PASSWORD}@{wire.address}")
    assert [body_of(send(post())) for _ in range(2)] == [b"1", b"2"]
    for request in wire.requests:
        line, *fields = request.partition(b"\r\n\r\n")[0].split(b"\r\n")
        assert line in (
            b"POST http://kraken.test/0/private/AddOrder HTTP/1.1",
            b"POST http://kraken.test:80/0/private/AddOrder HTTP/1.1",
        )
        assert b"Host: kraken.test" in fields
        assert b"Proxy-Authorization: " + BASIC in fields
    assert wire.connections == 1


def test_tunnel(transports: Transports, wire: Wire) -> None:
    wire.play([READ, b"HTTP/1.1 200 Connected\r\n\r\n", TLS, READ, ok(b"1"), READ, ok(b"2")])
    send = transports("https://localhost:8443", proxy=f"http://user:{PASSWORD}@{wire.address}", verify=TRUSTING)
    assert [body_of(send(post())) for _ in range(2)] == [b"1", b"2"]
    tunnel, first, second = wire.requests
    assert tunnel.startswith(b"CONNECT localhost:8443 HTTP/1.1\r\n")
    assert b"\r\nProxy-Authorization: " + BASIC + b"\r\n" in tunnel
    assert b"API-Sign" not in tunnel
    assert first == second
    assert first.startswith(b"POST /0/private/AddOrder HTTP/1.1\r\nHost: localhost:8443\r\n")
    assert BASIC not in first
    assert wire.connections == 1


REFUSED = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("steps", [[READ, REFUSED], [READ, HANG]], ids=["refused", "hangs"])
def test_no_tunnel(transports: Transports, wire: Wire, steps: list[Step]) -> None:
    wire.play(steps)
    send = transports("https://kraken.test", proxy=f"http://user:{PASSWORD}@{wire.address}")
    outcome = send(post(timeout=GONE if HANG in steps else PATIENT))
    assert isinstance(outcome, Lost)
    assert outcome.sent is False or HANG in steps  # httpx does not tell them apart
    each: BaseException | None = outcome.cause
    while each is not None:
        assert PASSWORD not in repr(each)
        assert BASIC.decode()[6:] not in repr(each)
        each = each.__cause__ or each.__context__
    assert len(wire.requests) == 1


def test_no_proxy_there(transports: Transports) -> None:
    cause = lost(transports("https://kraken.test", proxy=f"http://user:{PASSWORD}@{nobody()}")(post()), sent=False)
    assert PASSWORD not in repr(cause)


@pytest.mark.parametrize("name", ["http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_proxy_of_the_environment(
    transports: Transports, wire: Wire, monkeypatch: pytest.MonkeyPatch, name: str, scheme: str
) -> None:
    monkeypatch.setenv(name, scheme + wire.address)
    assert body_of(transports("http://kraken.test")(get())) == b"{}"
    assert wire.last.startswith(b"GET http://kraken.test")


@pytest.mark.parametrize("exempt", ["127.0.0.1", "localhost,127.0.0.1", "*"])
def test_exempt_from_the_proxy(
    transports: Transports, wire: Wire, monkeypatch: pytest.MonkeyPatch, exempt: str
) -> None:
    monkeypatch.setenv("http_proxy", f"http://{nobody()}")
    monkeypatch.setenv("no_proxy", exempt)
    assert body_of(transports(wire.url)(get())) == b"{}"
    assert wire.last.startswith(b"GET /0/public")


# ---------------------------------------------------------------------- many coroutines


@pytest.fixture(params=ASYNCHRONOUS)
def kind(request: pytest.FixtureRequest) -> type[AsyncTransport]:
    made: type[AsyncTransport] = request.param
    return made


def test_many_at_once(kind: Any, wire: Wire) -> None:
    async def main() -> None:
        transport = kind(wire.url)
        outcomes = await asyncio.gather(*(transport.send(post(b"nonce=%d" % index)) for index in range(150)))
        assert {body_of(outcome) for outcome in outcomes} == {b"{}"}
        await transport.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    assert sorted(request.rpartition(b"=")[2] for request in wire.requests) == sorted(b"%d" % n for n in range(150))
    assert wire.connections <= 100
    gc.collect()


def test_cancelled(kind: Any, wire: Wire) -> None:
    """The reply that nobody waits for any more is not given to another."""

    async def main() -> None:
        transport = kind(wire.url)
        task = asyncio.create_task(transport.send(post()))
        await asyncio.to_thread(arrived.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()
        assert body_of(await transport.send(post())) == b"{}"
        await transport.close()

    arrived, go = threading.Event(), threading.Event()
    wire.play([READ, arrived.set, go, ok(b"stale")])
    asyncio.run(main())
    assert wire.connections == 2
    gc.collect()


def test_closed_meanwhile(wire: Wire) -> None:
    """Whoever waits for a connection or for a reply learns that there will be none."""

    async def main() -> None:
        transport = AiohttpTransport(wire.url)
        tasks = [asyncio.create_task(transport.send(post())) for _ in range(101)]
        for _ in range(100):
            await asyncio.to_thread(arrived.acquire, timeout=30)
        await transport.close()
        outcomes = await asyncio.gather(*tasks)
        assert sorted(outcome.sent for outcome in outcomes if isinstance(outcome, Lost)) == [False] + [True] * 100
        assert isinstance(await transport.send(post()), Lost)

    arrived = threading.Semaphore(0)
    script: list[Step] = [READ, arrived.release, HANG]
    wire.play(*[script] * 100)
    asyncio.run(main())
    assert len(wire.requests) == 100
    gc.collect()


def test_nothing_is_left_open(kind: Any, wire: Wire) -> None:
    async def main() -> None:
        transport = kind(f"https://{wire.address}", verify=TRUSTING)
        assert isinstance(await transport.send(post()), Reply)
        await transport.close()
        await transport.close()

    async def never_used() -> None:
        await kind(wire.url).close()

    wire.play([TLS, READ, ok(), HANG])
    asyncio.run(main(), debug=True)
    asyncio.run(never_used(), debug=True)
    gc.collect()  # a ResourceWarning is an error here


# ---------------------------------------------------------------------- which one is used


def chosen(url: str = "https://kraken.test", proxy: str | None = None) -> type[Any]:
    return type(async_client._transport(url, proxy, True))


def test_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen() is AiohttpTransport
    for version, kind in {
        "3.11.18": AsyncHttpxTransport,
        "3.12.0": AiohttpTransport,
        "3.15.0": AsyncHttpxTransport,
    }.items():
        monkeypatch.setattr(aiohttp, "__version__", version)
        assert chosen() is kind
    monkeypatch.undo()
    monkeypatch.setattr(async_client, "find_spec", lambda name: None)
    assert chosen() is AsyncHttpxTransport


def test_choice_for_socks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The transport on httpx can do it, or says what is missing."""
    with pytest.raises(InvalidRequest, match="socksio"):
        chosen(proxy="socks5://127.0.0.1:1")
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:1")
    with pytest.raises(InvalidRequest, match="socksio"):
        chosen()
    with pytest.raises(InvalidRequest, match="SOCKS"):
        AiohttpTransport("https://kraken.test", proxy="socks5://127.0.0.1:1")


def test_choice_of_the_caller(wire: Wire) -> None:
    async def main() -> None:
        transport = AsyncHttpxTransport(wire.url)
        async with SpotAsyncClient(url=wire.url, transport=transport) as client:
            await client.request("GET", "/0/public/Time", auth=False)
            assert client._transport is transport
        async with SpotAsyncClient(url=wire.url) as client:
            await client.request("GET", "/0/public/Time", auth=False)
            assert type(client._transport) is AiohttpTransport

    wire.play([READ, ok(b'{"error":[],"result":1}')], [READ, ok(b'{"error":[],"result":1}')])
    asyncio.run(main())
    assert wire.requests[0] == wire.requests[1]
