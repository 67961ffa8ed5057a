"""Code as users write it passes the type checker with exact types, and mistakes are found."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IGNORED = re.compile(r"\s*# type: ignore\[([a-z-]+)\].*")
FOUND = re.compile(r".*\.py:(\d+): error: .*\[([a-z-]+)\]$")


def mypy(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--strict", str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_code_of_users_has_the_types_that_it_says() -> None:
    done = mypy(ROOT / "tests" / "typing")
    assert done.returncode == 0, done.stdout


def test_mistakes_are_found_where_they_are(tmp_path: Path) -> None:
    lines = (ROOT / "tests" / "typing" / "mistakes.py").read_text(encoding="utf-8").splitlines()
    expected = {number: ignored[1] for number, line in enumerate(lines, 1) if (ignored := IGNORED.search(line))}
    assert len(expected) > 10
    snippet = tmp_path / "snippet.py"
    snippet.write_text("\n".join(IGNORED.sub("", line) for line in lines) + "\n", encoding="utf-8")
    done = mypy(snippet)
    found = {int(match[1]): match[2] for line in done.stdout.splitlines() if (match := FOUND.match(line))}
    assert found == expected, done.stdout
