"""The README and the pages of `docs/` do what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [README, *(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md")))]
BLOCKS = [block for page in PAGES for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL)]


def run(source: str, folder: Path) -> str:
    path = folder / "quickstart.py"
    path.write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore:Kraken switches:DeprecationWarning", path.name],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_quickstart_runs_in_an_empty_folder(tmp_path: Path) -> None:
    quickstart = next(block for block in BLOCKS if "def rest(" in block)
    printed = run(quickstart, tmp_path)
    assert re.search(r"^ask \d+\.\d+ bid \d+\.\d+$", printed, re.MULTILINE)
    assert "buy 0.01000000 XBTUSD @ limit 50000.0" in printed
    assert re.search(r"^balance 250000\.0000$", printed, re.MULTILINE)
    assert re.search(r"^order O", printed, re.MULTILINE)
    assert re.search(r"^BTC/USD \d+\.\d \d+\.\d$", printed, re.MULTILINE)


@pytest.mark.parametrize("block", [block for block in BLOCKS if "def rest(" not in block])
def test_every_other_sample_runs(block: str, tmp_path: Path) -> None:
    run(block, tmp_path)  # coroutines that would talk to Kraken itself are defined, not run


def test_the_commands_it_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(
        re.findall(r"(?:^|`)make (\w+)", README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)
    ):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
