"""A small spec and the code that it gives, byte for byte.

After a change that is meant, refresh the code and look at the difference before committing it:

    KRAKEN_UPDATE_GOLDEN=1 .venv/bin/python -m pytest tests/codegen/test_golden.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kraken.codegen.build import build, read

from .support import GOLDEN, REPOSITORY

MYPY = """\
[mypy]
strict = true
mypy_path = {golden}:{runtime}
explicit_package_bases = true
namespace_packages = true
plugins = pydantic.mypy
cache_dir = {cache}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("golden")
    build(GOLDEN / "specs", output)
    if os.environ.get("KRAKEN_UPDATE_GOLDEN"):
        build(GOLDEN / "specs", GOLDEN / "generated")
    return output


def test_code_is_the_same_to_the_byte(built: Path) -> None:
    expected = sorted(path for path in (GOLDEN / "generated").rglob("*") if path.suffix in (".py", ".typed"))
    assert [path.relative_to(GOLDEN / "generated").as_posix() for path in expected] == sorted(read(built))
    for path in expected:
        made = built / path.relative_to(GOLDEN / "generated")
        assert made.read_bytes() == path.read_bytes(), f"{path.name}: see the docstring of this module"


def test_mypy_finds_nothing_but_wrong_uses(tmp_path: Path) -> None:
    """Strict, and with the types that users see; a wrong use is found by its name."""
    program = tmp_path / "program.py"
    program.write_text(
        "from kraken.spot import SpotClient\n"
        "client = SpotClient()\n"
        "reveal_type(client.market_data.get_candles(pair='A')['A'][0].close)\n"
        "reveal_type(client.trading.add_orders)\n"
        "client.market_data.get_candles(pair='A', colour='red')\n"
        "client.market_data.get_candles(pair='A', interval=2)\n"
        "reveal_type(next(client.market_data.iter_candles(pair='A')).time_utc)\n"
        "reveal_type(next(client.trading.iter_open_orders()))\n"
        "reveal_type(client.trading.get_export(id='A', to='file'))\n",
        encoding="utf-8",
    )
    config = tmp_path / "mypy.ini"
    values = {
        "golden": GOLDEN / "generated",
        "runtime": REPOSITORY / "runtime",
        "cache": REPOSITORY / ".mypy_cache/golden",
    }
    config.write_text(MYPY.format(**values), encoding="utf-8")
    # The files are named, because mypy would prefer an installed `kraken.spot` to one on its path.
    command = [sys.executable, "-m", "mypy", "--config-file", str(config), str(GOLDEN / "generated"), str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    found = [line.partition("program.py:")[2] for line in done.stdout.splitlines() if line.startswith("program.py:")]
    assert len(found) == 8, done.stdout
    revealed, signature, colour, _, interval, moment, page, file = found
    assert revealed == '3: note: Revealed type is "decimal.Decimal"'
    assert "orders: typing.Sequence[kraken.spot.models.trading.BatchOrder | typing.Mapping[str, Any]]" in signature
    assert colour.startswith('5: error: Unexpected keyword argument "colour" for "get_candles" of "MarketData"')
    assert interval.startswith('6: error: Argument "interval" to "get_candles" of "MarketData" has incompatible type')
    assert 'Revealed type is "datetime.datetime | None"' in moment
    assert 'Revealed type is "tuple[str, kraken.spot.models.trading.Order]"' in page
    assert 'Revealed type is "bytes"' in file
    modules = len(list((GOLDEN / "generated").rglob("*.py")))
    assert f"Found 2 errors in 1 file (checked {modules + 1} source files)" in done.stdout
