"""What the tests of the generator share: short specs, programs in a process of their own, and plain YAML."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
SPECS = REPOSITORY / "specs"
GENERATED = REPOSITORY / "generated"
GOLDEN = Path(__file__).parent / "golden"

LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""Everything stays text; in C where that is built in."""

ERRORS = """\
version: 2026-01-01
categories:
  service: {exception: ServiceError, retry: after-wait, description: Busy.}
errors:
  - code: EService:Busy
    match: exact
    products: [spot]
    category: service
    exception: BusyError
    retry: after-wait
    meaning: Busy.
    hint: Wait.
"""

_FACTS: dict[str, Any] = {
    "summary": "Do it.",
    "description": "More about it.",
    "externalDocs": {"url": "https://docs.example.com/it"},
    "x-kraken-auth": "none",
    "x-kraken-permissions": [],
    "x-kraken-retry": "safe",
    "x-kraken-cost": {"counter": "public", "cost": 1},
    "x-kraken-pagination": "none",
    "x-kraken-danger": "none",
    "x-kraken-checked": "2026-01-01",
    "x-kraken-examples": [{"arguments": {}, "wire": "", "response": "{}"}],
}


def write_specs(folder: Path, short: str, schemas: str = "{}") -> Path:
    """Write a spec of one group with all that it needs beside a few telling lines.

    `short` has `METHOD /path:` with the facts that matter; `result` is the schema of the result, `body` that of a form.
    """
    paths: dict[str, Any] = {}
    for key, facts in yaml.safe_load(short).items():
        method, path = key.split()
        result, body = facts.pop("result", {"type": "object"}), facts.pop("body", None)
        envelope = {"type": "object", "properties": {"result": result}}
        operation = {"operationId": f"get{path.rpartition('/')[2]}", **_FACTS, **facts}
        operation["responses"] = {
            "200": {"description": "The result.", "content": {"application/json": {"schema": envelope}}}
        }
        if body is not None:
            operation["requestBody"] = {"content": {"application/x-www-form-urlencoded": {"schema": body}}}
        paths.setdefault(path, {})[method.lower()] = operation
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Inline", "version": "1", "description": "An inline group."},
        "servers": [{"url": "https://api.example.com"}],
        "x-kraken-product": "spot",
        "x-kraken-group": "market_data",
        "x-kraken-envelope": "spot",
        "paths": paths,
        "components": {"schemas": yaml.safe_load(schemas)},
    }
    file = folder / "spot" / "rest" / "inline.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    (folder / "errors.yaml").write_text(ERRORS, encoding="utf-8")
    return folder


_CALLER = """
import asyncio, json, sys
from kraken.spot import SpotAsyncClient, SpotClient
from kraken.runtime.transport import Reply, Request

REPLY, PROGRAM = json.load(sys.stdin)
sent = []

class Fake:
    def send(self, request: Request) -> Reply:
        sent.append([request.method, request.target, request.body.decode()])
        return Reply(200, {}, REPLY.encode())

    def close(self) -> None:
        pass

class AsyncFake:
    async def send(self, request: Request) -> Reply:
        return Fake().send(request)

    async def close(self) -> None:
        pass

def attempt(call):
    try:
        return call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"

async def in_async():
    async with SpotAsyncClient("key", "c2VjcmV0", transport=AsyncFake(), nonce=lambda: 1, retries=0) as client:
        try:
            return show(await call(client))
        except Exception as error:
            return f"{type(error).__name__}: {error}".replace("Async", "")  # the only difference, in names of classes

exec(PROGRAM)  # defines call(client) and show(result)
with SpotClient("key", "c2VjcmV0", transport=Fake(), nonce=lambda: 1, retries=0) as client:
    sync = attempt(lambda: show(call(client)))
print(json.dumps({"sync": sync, "async": asyncio.run(in_async()), "sent": sent}))
"""


def call_both(generated: Path, expression: str, reply: str, show: str = "repr(result)") -> tuple[Any, list[list[str]]]:
    """Make one call with the generated client, in both colours, over a transport that always gives one reply.

    Returns:
        What `show` made of the result, or the error, which must be equal in both colours; and the requests, which
        must be, too.
    """
    program = f"def call(client): return client.{expression}\ndef show(result): return {show}\n"
    done = json.loads(python(_CALLER, generated, text=json.dumps([reply, program])))
    assert done["sync"] == done["async"]
    assert len(done["sent"]) % 2 == 0
    half = len(done["sent"]) // 2
    assert done["sent"][:half] == done["sent"][half:]
    return done["sync"], done["sent"][:half]


def python(program: str, *roots: Path, text: str = "", **environment: str) -> str:
    """Run a program in a process of its own, with some folders before all others on its path. Returns its output."""
    path = os.pathsep.join(map(str, [*roots, REPOSITORY / "runtime"]))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def documents(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every spec as plain YAML, by its name below the folder; dates stay text."""
    for path in sorted(folder.rglob("*.yaml")):
        yield path.relative_to(folder).as_posix(), yaml.load(path.read_text("utf-8"), Loader=LOADER)
