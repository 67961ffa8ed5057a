"""A person at a terminal: the program in a shell in tmux, with a running emulator."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is missing: it is the terminal of these tests"),
    pytest.mark.skipif(shutil.which("bash") is None, reason="bash is missing: it is the shell of these tests"),
]

LONGEST = 30.0
"""Seconds after which something that is waited for does not come any more."""
PAUSE = 0.02
"""Between two looks."""
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|38;[\d;]+)(?:;\d+)*m")
Open = Callable[..., "Terminal"]


def wait_for(look: Callable[[], str], wanted: str) -> str:
    """Look until a pattern is found; fails with what was seen last."""
    end = time.monotonic() + LONGEST
    while not re.search(wanted, seen := look(), re.MULTILINE):
        if time.monotonic() > end:
            pytest.fail(f"{wanted!r} did not come; this did:\n{seen}")
        time.sleep(PAUSE)
    return seen


class Terminal:
    """A shell in a terminal of a given size. Its prompt tells the last exit code and the number of the next command."""

    def __init__(self, folder: Path, columns: int, environment: dict[str, str]) -> None:
        # A socket's path may not be long, as those of the tests' own folders are.
        self._sockets = tempfile.mkdtemp(prefix="kraken-")
        self._environment = {**environment, "TMUX_TMPDIR": self._sockets}
        self.columns = columns
        self.count = 1
        start = folder / "bashrc"
        start.write_text(r"PS1='[$?] \#> '" + "\nbind 'set enable-bracketed-paste off'\nbind 'set bell-style none'\n")
        shell = f"exec bash --noprofile --rcfile {start} -i"
        self._tmux("new-session", "-d", "-x", str(columns), "-y", "60", shell)
        self.wait(r"^\[0\] 1> $")

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-L", "tests", "-f", os.devnull, *arguments]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=LONGEST)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def close(self) -> None:
        """End the shell and whatever runs in it."""
        self._tmux("kill-server")
        shutil.rmtree(self._sockets)

    def screen(self, *, styled: bool = False) -> str:
        """What is seen, with what has been scrolled away; `styled` with the sequences for colours."""
        lines = self._tmux("capture-pane", "-p", "-S", "-", *(["-e"] if styled else [])).rstrip("\n").split("\n")
        # tmux leaves out spaces at the end, where the cursor may stand.
        return "\n".join(lines) + " " * (re.fullmatch(r"\[\d+\] \d+>", lines[-1]) is not None)

    def type(self, text: str) -> None:
        """Type text, without a return."""
        self._tmux("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        """Press keys by their names in tmux: `Enter`, `Tab`, `C-c`."""
        self._tmux("send-keys", *keys)

    def wait(self, wanted: str) -> str:
        """What is seen as soon as a pattern is."""
        return wait_for(self.screen, wanted)

    def begin(self, command: str) -> None:
        """Type a command with its return."""
        self.type(command)
        self.press("Enter")

    def end(self) -> tuple[int, str]:
        """The exit code and the output of the command that was begun, once it has ended."""
        seen = self.wait(rf"^\[\d+\] {self.count + 1}> $")
        _, _, behind = seen.rpartition(f"] {self.count}> ")
        output, _, last = behind.rpartition("\n")
        self.count += 1
        return int(last[1 : last.index("]")]), output.partition("\n")[2]

    def run(self, command: str) -> tuple[int, str]:
        """Run a command to its end; returns the exit code and the output."""
        # In one line, so that the output begins with the second.
        assert len(command) + 10 < self.columns
        self.begin(command)
        return self.end()


@pytest.fixture(scope="module")
def emulator_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What a running emulator has written."""
    file = tmp_path_factory.mktemp("emulator") / "emulator.json"
    with (
        file.open("w") as output,
        subprocess.Popen([sys.executable, "-m", "kraken.emulator"], stdout=output) as running,
    ):
        try:
            wait_for(file.read_text, "}")
            yield file
        finally:
            running.send_signal(signal.SIGTERM)
            assert running.wait(LONGEST) == 0


@pytest.fixture
def terminal(emulator_file: Path, tmp_path: Path) -> Iterator[Open]:
    """Opens terminals: `terminal(columns=200, NO_COLOR="1")`."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "kraken"
    program.write_text(f"#!{sys.executable}\nfrom kraken.cli.main import main\n\nmain()\n")
    program.chmod(0o755)
    kept = {name: os.environ[name] for name in ("PATH", "KRAKEN_CONFIG_DIR", "PYTHONPATH") if name in os.environ}
    kept["PATH"] = f"{programs}{os.pathsep}{kept['PATH']}"
    ours = {"KRAKEN_EMULATOR_FILE": str(emulator_file), "KRAKEN_CACHE_DIR": str(tmp_path / "cache")}
    own = {**ours, "HOME": str(tmp_path), "LANG": "C.UTF-8", "SHELL": "/bin/bash"}
    opened: list[Terminal] = []

    def start(columns: int = 80, **environment: str) -> Terminal:
        opened.append(Terminal(tmp_path, columns, {**kept, **own, **environment}))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


# ---------------------------------------------------------------------- completion


def test_tab_completes_commands_options_and_pairs(terminal: Open) -> None:
    shell = terminal(100)
    assert shell.run('eval "$(kraken completion bash)"') == (0, "")
    code, told = shell.run("kraken completion refresh")
    assert (code, "3 lists" in told) == (0, True)
    for typed, rest in (
        ("kraken spot trad", "ing"),
        ("kraken spot trading add-order --ordert", "ype"),
        ("kraken spot trading add-order --ordertype stop-loss-", "limit"),
        ("kraken ticker xbtu", "XBTUSD"),
        ("kraken ticker BTC/", "BTC/USD"),
        ("kraken spot stream ticker --symbol BTC/", "BTC/USD"),
        ("kraken spot stream ticker --symbol ETH/BTC,BT", "ETH/BTC,BTC/USD"),
        ("kraken futures stream ticker --product-ids PF_XBTU", "SD"),
    ):
        shell.type(typed)
        shell.press("Tab")
        # A pair has Kraken's capitals, whatever was typed.
        word = typed.rpartition(" ")[2]
        whole = typed + rest if not rest.upper().startswith(word.upper()) else typed.removesuffix(word) + rest
        # With a space behind it: there is nothing else that it could be.
        shell.type("|")
        shell.wait(rf"^\[0\] {shell.count}> {re.escape(whole)} \|$")
        shell.press("C-u")
        shell.wait(rf"^\[0\] {shell.count}> $")


# ---------------------------------------------------------------------- tables


def test_a_wide_terminal_shows_rows_with_numbers_that_end_in_one_column(terminal: Open) -> None:
    code, told = terminal(200).run("kraken ledger")
    lines = told.splitlines()
    at = next(number for number, line in enumerate(lines) if "refid" in line)
    head, rows = lines[at], lines[at + 1 :]
    assert (code, len(rows)) == (0, 7)
    for name in ("amount", "fee", "balance"):
        # Nothing of the numbers stands behind their title, and their last digits are below its last letter.
        end = head.index(name) + len(name)
        numbers = [row[:end].split()[-1] for row in rows]
        assert all(row[end - 1].isdigit() and row[end : end + 1] in ("", " ") for row in rows)
        assert len(set(map(len, numbers))) > 1


def test_rows_that_do_not_fit_stand_below_one_another(terminal: Open) -> None:
    code, told = terminal(80).run("kraken ledger")
    lines = told.splitlines()
    assert code == 0
    assert sum(line.startswith("refid ") for line in lines) == 7
    assert sum(line.startswith("balance ") for line in lines) == 7
    assert max(map(len, lines)) <= 80
    assert not any("amount" in line and "fee" in line for line in lines)


@pytest.mark.parametrize("columns", [80, 200])
def test_numbers_below_one_another_end_in_one_column(terminal: Open, columns: int) -> None:
    code, told = terminal(columns).run("kraken balance")
    lines = told.splitlines()
    assert (code, len(lines)) == (0, 7)
    assert len({len(line) for line in lines}) == 1
    assert len({len(line.split()[1]) for line in lines}) > 1


def test_colours_are_for_those_who_want_them(terminal: Open) -> None:
    shell = terminal(100)
    shell.run("kraken ticker BTC/USD")
    assert COLOUR.search(shell.screen(styled=True))
    plain = terminal(100, NO_COLOR="1")
    code, told = plain.run("kraken ticker BTC/USD")
    assert (code, "a.price" in told) == (0, True)
    assert not COLOUR.search(plain.screen(styled=True))


# ---------------------------------------------------------------------- streams


def test_an_interrupted_stream_ends_without_words(terminal: Open) -> None:
    shell = terminal(200)
    shell.begin("kraken spot stream ticker --symbol BTC/USD")
    shell.wait(r'^\{"channel":"ticker",')
    shell.press("C-c")
    code, told = shell.end()
    assert code == 130
    assert "Traceback" not in told
    assert told.splitlines()[-1] == "^C"
    assert told.splitlines()[-2].endswith("}]}")


def test_a_stream_ends_when_its_reader_has_seen_enough(terminal: Open, tmp_path: Path) -> None:
    shell = terminal(100)
    told = "kraken spot stream book --symbol BTC/USD 2>err | head -n 2 >out"
    assert shell.run(f"cd {tmp_path}") == (0, "")
    assert shell.run(f"{told}; echo ${{PIPESTATUS[*]}}") == (0, "0 0")
    lines = (tmp_path / "out").read_text().splitlines()
    assert [json.loads(line)["channel"] for line in lines] == ["book", "book"]
    assert (tmp_path / "err").read_text() == ""


# ---------------------------------------------------------------------- money


def orders(shell: Terminal, file: Path) -> dict[str, str]:
    """The volumes of all open orders, as the emulator tells them."""
    assert shell.run(f"kraken orders -o json >{file}") == (0, "")
    return {name: each["descr"]["order"] for name, each in json.loads(file.read_text())["open"].items()}


def test_a_question_answered_with_no_sends_nothing(terminal: Open, tmp_path: Path) -> None:
    shell = terminal(120)
    before = orders(shell, tmp_path / "before")
    shell.begin("kraken buy BTC/USD 0.01 --price 50000")
    seen = shell.wait(r"Send this\? \[y/N\]: *$")
    assert "To the emulator: spot trading add-order" in seen
    assert re.search(r"^  price +50000$", seen, re.MULTILINE)
    shell.press("n", "Enter")
    code, told = shell.end()
    assert (code, told.splitlines()[-1]) == (2, "Error: not confirmed; nothing was sent")
    assert orders(shell, tmp_path / "after") == before


def test_a_question_answered_with_yes_places_the_order(terminal: Open, tmp_path: Path) -> None:
    shell = terminal(120)
    before = orders(shell, tmp_path / "before")
    shell.begin("kraken buy BTC/USD 0.0123 --price 50000")
    shell.wait(r"Send this\? \[y/N\]: *$")
    shell.press("y", "Enter")
    code, told = shell.end()
    after = orders(shell, tmp_path / "after")
    (placed,) = after.keys() - before.keys()
    assert code == 0
    assert placed in told
    assert after[placed].startswith("buy 0.01230000 XBTUSD @ limit 50000")
    shell.begin(f"kraken cancel {placed}")
    shell.wait(r"Send this\? \[y/N\]: *$")
    shell.press("C-c")
    assert shell.end()[0] == 130
    assert placed in orders(shell, tmp_path / "kept")
    assert shell.run(f"kraken cancel {placed} --yes")[0] == 0
    assert placed not in orders(shell, tmp_path / "cancelled")


# ---------------------------------------------------------------------- progress and pager


def test_progress_is_shown_at_a_terminal_and_not_in_a_pipe(terminal: Open) -> None:
    shell = terminal(120)
    code, told = shell.run("kraken ledger --all >/dev/null")
    assert code == 0
    assert re.search(r"ledgers: 100%\|.+\| 7/7 \[", told)
    code, told = shell.run("kraken ledger --all -o csv 2>&1 | cat")
    lines = told.splitlines()
    assert code == 0
    assert lines[0] == ",refid,time,type,subtype,aclass,asset,amount,fee,balance"
    assert "%" not in told


@pytest.mark.skipif(shutil.which("less") is None, reason="less is missing: it is the pager of this test")
def test_the_reference_opens_in_the_pager(terminal: Open) -> None:
    shell = terminal(100, PAGER="less")
    shell.begin("kraken docs add-order")
    seen = shell.wait(r"^:$|press h for help")  # the latter since Python 3.13
    assert "kraken spot trading add-order" in seen
    assert "ESC[" not in seen
    assert COLOUR.search(shell.screen(styled=True))
    shell.press("q")
    assert shell.end()[0] == 0


@pytest.mark.parametrize("columns", [80, 200])
def test_the_watch_view_is_live_and_leaves_the_terminal_as_it_was(terminal: Open, columns: int) -> None:
    shell = terminal(columns)
    shell.begin("kraken watch BTC/USD")
    seen = ""
    for part in ("● connected", "✓ live", "checksums verified, 0 mismatches", r"spread \d", "Candles of ", "Trades: time", "q quit"):  # fmt: skip
        seen = shell.wait(part)
    assert "BTC/USD" in seen
    assert max(map(len, seen.splitlines())) <= columns
    shell.press("q")
    assert shell.end() == (0, "")
