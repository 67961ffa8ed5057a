"""Files as results: whole or not at all, in little memory, and errors are still recognised."""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
import threading
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kraken.emulator import Emulator
from kraken.exceptions import (
    DecodeError,
    InvalidRequest,
    KrakenError,
    KrakenInvalidArgumentsError,
    KrakenPermissionDeniedError,
    ReplyLost,
)
from kraken.runtime import Options, Reply
from kraken.runtime.httpx_transport import AsyncHttpxTransport
from kraken.runtime.transport import Lost, Request
from kraken.spot import SpotAsyncClient

from ..support import KEY, SECRET, Clock, FakeTransport, Opener, read_request, refusal, reply

ZIP = b"PK\x03\x04" + bytes(range(256)) * 40
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/octet-stream\r\n"
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(ZIP), ZIP)
HALF = HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(ZIP), ZIP[: len(ZIP) // 2])
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%b\r\n0\r\n\r\n" % (len(ZIP), ZIP)
REFUSED = b'{"error":["EGeneral:Permission denied"]}'


@contextlib.contextmanager
def server(*answers: bytes | Callable[[socket.socket], None], seen: Callable[[], None] = lambda: None) -> Iterator[str]:
    """Answers one request per connection, then closes it; `seen` is called when a part was sent."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for answer in answers:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                read_request(connection)
                if callable(answer):
                    answer(connection)
                else:
                    connection.sendall(answer)
                seen()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


def retrieve(opener: Opener, url: str = "", to: Any = None, **options: Any) -> bytes:
    return opener(url=url, **options).account_data.retrieve_export(id="QXDM", to=to)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "export.zip"


# ---------------------------------------------------------------------- whole files


@pytest.mark.parametrize("answer", [WHOLE, CHUNKED], ids=["length", "chunks"])
def test_to_a_path_and_to_bytes(opener: Opener, target: Path, answer: bytes) -> None:
    with server(answer, answer) as url:
        assert retrieve(opener, url) == ZIP
        assert retrieve(opener, url, target) == b""
    assert target.read_bytes() == ZIP
    assert list(target.parent.iterdir()) == [target]


def test_paths_as_text_and_files_that_are_there(opener: Opener, target: Path) -> None:
    target.write_bytes(b"old")
    with server(WHOLE) as url:
        retrieve(opener, url, str(target))
    assert target.read_bytes() == ZIP


def test_a_transport_that_does_not_know_sinks(opener: Opener, target: Path) -> None:
    transport = FakeTransport(Reply(200, {"content-type": "application/zip"}, ZIP))
    assert retrieve(opener, transport=transport) == ZIP
    assert retrieve(opener, to=target, transport=transport) == b""
    assert target.read_bytes() == ZIP


def test_an_export_from_its_beginning_to_its_end(opener: Opener, target: Path) -> None:
    clock = Clock()
    with Emulator(market_interval=None, clock=clock) as emulator:
        own = opener(emulator.key, emulator.secret, emulator.spot_url, retries=0).account_data
        report = own.add_export(report="ledgers", description="mine", format="CSV").id or ""
        with pytest.raises(KrakenError):
            own.retrieve_export(id=report, to=target)
        assert list(target.parent.iterdir()) == []
        clock.pass_(10)
        archive = own.retrieve_export(id=report)
        own.retrieve_export(id=report, to=target)
        assert target.read_bytes() == archive
        names = zipfile.ZipFile(io.BytesIO(archive)).namelist()
        assert len(names) == 1
        with pytest.raises(KrakenInvalidArgumentsError):
            own.retrieve_export(id="NONE", to=target)
        assert target.read_bytes() == archive


# ---------------------------------------------------------------------- parts of files


def test_a_part_never_has_the_name_of_the_whole(opener: Opener, target: Path) -> None:
    """Not between two attempts, not after the last one; and a file that was there before stays."""
    target.write_bytes(b"old")
    names: list[list[str]] = []

    def look() -> None:
        names.append([target.read_bytes().decode("latin-1"), *sorted(each.name for each in target.parent.iterdir())])

    with server(HALF, HALF, HALF, seen=look) as url, pytest.raises(ReplyLost, match="retrieve_export: no reply"):
        retrieve(opener, url, target)
    assert names == [["old", "export.zip", "export.zip.part"]] * 3
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("to_path", [True, False])
def test_another_attempt_starts_anew(opener: Opener, target: Path, to_path: bool) -> None:
    with server(HALF, HALF, WHOLE) as url:
        found = retrieve(opener, url, target if to_path else None)
    assert (target.read_bytes() if to_path else found) == ZIP
    assert list(target.parent.iterdir()) == ([target] if to_path else [])
    assert len(opener.waits) == 2


def test_an_interrupted_download_leaves_nothing_behind(opener: Opener, target: Path) -> None:
    def interrupt(request: Request) -> Reply | Lost:
        assert request.sink is not None
        request.sink(ZIP)
        assert target.with_name("export.zip.part").exists()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        retrieve(opener, to=target, transport=FakeTransport(interrupt))
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("fast", [True, False])
def test_a_cancelled_download_leaves_nothing_behind(target: Path, fast: bool) -> None:
    begun, done = threading.Event(), threading.Event()

    def hang(connection: socket.socket) -> None:
        connection.sendall(HALF)
        begun.set()
        done.wait(10)

    async def main(url: str) -> None:
        transport = None if fast else AsyncHttpxTransport(url)
        async with SpotAsyncClient(KEY, SECRET, url, transport=transport) as client:
            task = asyncio.ensure_future(client.account_data.retrieve_export(id="QXDM", to=target))
            await asyncio.to_thread(begun.wait, 10)
            for _ in range(10_000):
                if target.with_name("export.zip.part").exists():
                    break
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert list(target.parent.iterdir()) == []
            done.set()

    with server(hang) as url:
        asyncio.run(main(url))


def test_memory_does_not_grow_with_the_file(opener: Opener, target: Path) -> None:
    size, block = 16 * 2**20, bytes(2**16)

    def much(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(block)):
            connection.sendall(block)

    with server(WHOLE, much) as url:
        client = opener(url=url)
        client.account_data.retrieve_export(id="QXDM", to=target)
        tracemalloc.start()
        try:
            client.account_data.retrieve_export(id="QXDM", to=target)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert target.stat().st_size == size
    assert peak < 2 * 2**20


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize("kind", [b"application/json", b"application/json; charset=utf-8", b"application/problem+json"])
def test_errors_are_recognised(opener: Opener, target: Path, kind: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        kind,
        len(REFUSED),
        REFUSED,
    )
    for to in (target, None):
        with server(answer) as url, pytest.raises(KrakenPermissionDeniedError) as caught:
            retrieve(opener, url, to)
        assert caught.value.facts.operation == "retrieve_export"
    assert list(target.parent.iterdir()) == []


def test_errors_without_a_type(opener: Opener, target: Path) -> None:
    for outcome in (
        refusal("EGeneral:Permission denied"),
        Reply(200, {}, REFUSED),
        Reply(403, {"content-type": "x/y"}, REFUSED),
    ):
        with pytest.raises(KrakenPermissionDeniedError):
            retrieve(opener, to=target, transport=FakeTransport(outcome))
    assert list(target.parent.iterdir()) == []


def test_a_result_where_a_file_belongs(opener: Opener, target: Path) -> None:
    with pytest.raises(DecodeError, match="the reply is not a file"):
        retrieve(opener, to=target, transport=FakeTransport(reply({"id": "QXDM"})))
    page = Reply(502, {"content-type": "text/html"}, b"<html>")
    with pytest.raises(ReplyLost, match="HTTP 502"):
        retrieve(opener, to=target, transport=FakeTransport(page), retries=0)
    assert list(target.parent.iterdir()) == []


def test_refusals_that_pass_are_repeated(opener: Opener, target: Path) -> None:
    transport = FakeTransport(refusal("EService:Unavailable"), Reply(200, {"content-type": "application/zip"}, ZIP))
    retrieve(opener, to=target, transport=transport)
    assert target.read_bytes() == ZIP
    assert len(transport.requests) == 2


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("", "retrieve_export: to: '' does not name a file; allowed: a path"),
        ("/", "to: '/' does not name a file"),
        (5, "to: 5 does not name a file"),
        (b"x", "to: b'x' does not name a file"),
    ],
)
def test_what_is_no_path(opener: Opener, to: Any, words: str) -> None:
    transport = FakeTransport()
    with pytest.raises(InvalidRequest, match=words):
        retrieve(opener, to=to, transport=transport)
    assert transport.requests == []


def test_folders_that_are_not_there(opener: Opener, tmp_path: Path) -> None:
    transport = FakeTransport()
    with pytest.raises(KrakenError, match="cannot be written: No such file") as caught:
        retrieve(opener, to=tmp_path / "nowhere" / "x.zip", transport=transport)
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    assert caught.value.facts.sent is False
    assert transport.requests == []


def test_a_folder_of_that_name(opener: Opener, target: Path) -> None:
    target.mkdir()
    with server(WHOLE) as url, pytest.raises(KrakenError, match=r"export\.zip cannot be written: Is a directory"):
        retrieve(opener, url, target)
    assert list(target.parent.iterdir()) == [target]
    assert opener.waits == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_no_fault_of_the_network(opener: Opener, target: Path) -> None:
    target.with_name("export.zip.part").symlink_to("/dev/full")
    big = HEAD + b"Content-Length: %d\r\n\r\n%b" % (2**20, bytes(2**20))
    with server(big) as url, pytest.raises(KrakenError, match=r"export\.zip cannot be written: No space left"):
        retrieve(opener, url, target)
    assert opener.waits == []
    assert list(target.parent.iterdir()) == []


def test_options_hold_for_files_too(opener: Opener) -> None:
    transport = FakeTransport(Reply(200, {"content-type": "application/zip"}, ZIP))
    replies: list[Reply] = []
    options = Options(timeout=3, headers={"X-Mine": "1"}, extra={"new": "x"}, on_reply=replies.append)
    opener(transport=transport).account_data.retrieve_export(id="QXDM", options=options)
    assert transport.last.timeout == 3
    assert transport.last.headers["X-Mine"] == "1"
    assert transport.last.body.endswith(b"&id=QXDM&new=x")
    assert len(replies) == 1


def test_the_generic_request_gives_the_reply_of_a_file(opener: Opener) -> None:
    with server(WHOLE) as url:
        found = opener(url=url).request("POST", "/0/private/RetrieveExport", {"id": "QXDM"}, return_raw=True)
    assert (found.status, found.body) == (200, ZIP)
