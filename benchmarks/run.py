"""Side by side with other Python clients for Kraken: `make bench`, or

    python benchmarks/run.py --scenarios ws_ticker,book10 --rounds 3

The others are installed from the package registry into `benchmarks/.cache/venv`, because one of them has our import
name; whichever cannot be installed is reported as not measured. Nothing else leaves this machine. Without
`--scenarios` and `--contenders` the result becomes `docs/benchmarks.md`, with either of them it is printed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import platform
import re
import resource
import subprocess
import sys
import sysconfig
import time
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import data
from report import BARE, Result, Row, page
from scenarios import PROFILED, SCENARIOS, STREAM_COUNT, Scenario
from worker import OURS, PLAIN, Job, load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).resolve().parent
CACHE = HERE / ".cache"
"""Kept between runs; `make clean` removes it."""
PAGE = HERE.parent / "docs" / "benchmarks.md"
PEERS = ("python-kraken-sdk", "krakenex", "ccxt", "cryptofeed")
SAMPLE_LIMIT = 120.0
"""Seconds after which a sample is given up."""
TOO_LATE = f"Timeout: nothing within {SAMPLE_LIMIT:.0f} s"
INSTALL_LIMIT = 900.0
IMPORT_CLICK = "import click"
"""What a command line on click costs at the least."""

_PROBE = """
import time
cost = time.process_time() * 1e3
try:
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
except OSError:
    peak = "null"
print(f'{{"cost": {cost}, "peak_mb": {peak}}}')
"""
_VERSIONS = """
import importlib.metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


class Peers(NamedTuple):
    """The environment of the other clients."""

    python: Path
    missing: frozenset[str]
    """Distributions that could not be installed."""


def install_ours(folder: Path) -> Path:
    """An environment in a folder with this SDK from a wheel, made anew. Returns its interpreter.

    An editable installation finds its modules more slowly. The libraries it stands on are those of this environment.
    """
    say("installing ours from a wheel")
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    python, wheels = folder / "bin" / "python", folder / "wheels"
    options = ["-qq", "--disable-pip-version-check", "--no-index", "--no-deps"]
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        *options,
        "--no-build-isolation",
        "-w",
        str(wheels),
        str(HERE.parent),
    ]
    subprocess.run(build, check=True, timeout=INSTALL_LIMIT)
    subprocess.run([python, "-m", "pip", "install", *options, *wheels.iterdir()], check=True, timeout=INSTALL_LIMIT)
    [packages] = (folder / "lib").glob("python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


class Addresses(NamedTuple):
    """Where the server is."""

    http: str = ""
    ws: str = ""


def install_peers(folder: Path) -> Peers:
    """The environment of `peers.txt` in a folder, made now unless it is there."""
    wanted = (HERE / "peers.txt").read_text()
    python, stamp = folder / "bin" / "python", folder / "made-for.json"
    made_for = hashlib.sha256(f"{wanted}{sys.version}".encode()).hexdigest()
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(stamp.read_text())
        if known["made_for"] == made_for:
            return Peers(python, frozenset(known["missing"]))
    say("installing the other clients")
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    lines = [line for line in wanted.splitlines() if line and not line.startswith("#")]
    missing = [line.partition("==")[0] for line in lines if not _succeeds([*pip, line])]
    if len(missing) < len(lines):
        stamp.write_text(json.dumps({"made_for": made_for, "missing": missing}))
    return Peers(python, frozenset(missing))


def _succeeds(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, timeout=INSTALL_LIMIT, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Addresses]:
    """The server, as long as the block runs."""
    command = [sys.executable, str(HERE / "server.py"), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            http, ws = process.stdout.readline().split()
            yield Addresses(f"http://127.0.0.1:{http}", f"ws://127.0.0.1:{ws}")
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


class Bench:
    """Takes samples."""

    def __init__(self, contenders: Sequence[str], rounds: int, folder: Path, peers: Peers, ours: Path | None) -> None:
        self.contenders = contenders
        self.rounds = rounds
        self._folder = folder
        self._peers = peers
        self._ours = ours
        """The interpreter where our command line is, if that is measured."""

    def versions(self) -> dict[str, str]:
        """What is compared, with the libraries that it stands on."""
        return {name: self._versions_of(name) for name in self.contenders if name not in self._peers.missing}

    def _versions_of(self, name: str) -> str:
        command = [str(self._python(name)), "-c", _VERSIONS, *load(name).dists]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        own, *others = [f"{dist} {version}" for dist, version in found.items()]
        return f"{own.partition(' ')[2]} (with {', '.join(others)})" if others else own.partition(" ")[2]

    def measure(self, scenario: Scenario, addresses: Addresses) -> Result:
        """All rounds of one scenario."""
        rows = self._rows(scenario)
        for number in range(self.rounds):
            # Each round begins with another client, so that nobody always runs behind the same neighbour.
            for row in rows[number % len(rows) :] + rows[: number % len(rows)]:
                if not row.missing:
                    self._sample(scenario, row, addresses)
        return Result(scenario, rows)

    def profile(self, scenario: Scenario, addresses: Addresses) -> Counter[str]:
        """Where our time goes in a stream, as parts of the whole, summed up over all rounds."""
        steps: Counter[str] = Counter()
        job = Job(OURS, "profile", scenario.target, scenario.count, str(self._folder), *addresses)
        for _ in range(self.rounds):
            steps.update(self._run([sys.executable, str(HERE / "worker.py"), json.dumps(asdict(job))], OURS)["steps"])
        return steps

    def _rows(self, scenario: Scenario) -> list[Row]:
        rows = [Row(BARE)] if scenario.function == "import" else []
        for name in self.contenders:
            if name == PLAIN and scenario.function not in ("rest_async", "rest_at_once"):
                continue
            if name in self._peers.missing:
                rows.append(Row(name, missing="it could not be installed"))
            elif scenario.function == "cli":
                rows += _command_lines(name, scenario.target)
            elif scenario.function != "import":
                rows.append(Row(name))
            else:
                kinds = [label for label in load(name).imports if ("sync" in label) == (scenario.target == "sync")]
                rows += [Row(name, load(name).imports[label]) for label in kinds]
                if not kinds:
                    rows.append(Row(name, missing="it has no such client"))
        return rows

    def _sample(self, scenario: Scenario, row: Row, addresses: Addresses) -> None:
        if scenario.function == "cli":
            if not row.samples:
                self._run_program(scenario, row, addresses)  # compiles what has not been imported before
            sample = self._run_program(scenario, row, addresses)
        else:
            sample = self._run_worker(scenario, row, addresses)
        if "cost" in sample:
            row.samples.append(sample)
            return
        row.missing = sample.get("unsupported") or f"failed with {sample['failed'].partition(':')[0]}"
        if "failed" in sample:
            say(f"  {scenario.name}: {row.contender}: {sample['failed']}")

    def _run_program(self, scenario: Scenario, row: Row, addresses: Addresses) -> dict[str, Any]:
        """Processor time of a whole process, which prints what it should."""
        owner = row.beside or row.contender
        python = self._ours if owner == OURS else self._peers.python
        assert python is not None
        if row.beside:
            command = [str(python), "-P", "-c", row.label]
        else:
            emulator = self._folder / "emulator.txt"
            emulator.write_text(json.dumps({"spot_url": addresses.http}))
            program, *words = (word.format(http=addresses.http, emulator=emulator) for word in row.label.split())
            command = [str(python.with_name(program)), *words]
        before = _spent_by_children()
        done = self._start(command, BARE if row.beside else "")
        cost = (_spent_by_children() - before) * 1e3
        if done is None:
            return {"failed": TOO_LATE}
        if done.returncode or not (row.beside or _is_right(scenario.target, done.stdout)):
            return {"failed": f"WrongReply: {done.returncode}, {(done.stdout + done.stderr)[:300]}"}
        return {"cost": cost}

    def _run_worker(self, scenario: Scenario, row: Row, addresses: Addresses) -> dict[str, Any]:
        if scenario.function == "import":
            command = [str(self._python(row.contender)), "-P", "-c", row.label + _PROBE]
            if not row.samples:
                self._run(command, row.contender)  # compiles what has not been imported before
        else:
            job = Job(row.contender, scenario.function, scenario.target, scenario.count, str(self._folder), *addresses)
            command = [str(self._python(row.contender)), str(HERE / "worker.py"), json.dumps(asdict(job))]
        return self._run(command, row.contender)

    def _python(self, contender: str) -> Path:
        return Path(sys.executable) if contender in (OURS, PLAIN, BARE) else self._peers.python

    def _start(self, command: Sequence[str], contender: str) -> subprocess.CompletedProcess[str] | None:
        """Run a process to its end; None when that takes too long."""
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        if contender not in (OURS, PLAIN, BARE):
            kept = {name: value for name, value in kept.items() if not name.startswith(("PYTHONPATH", "KRAKEN_"))}
        environment = {**kept, "PYTHONHASHSEED": "0"}
        try:
            return subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=SAMPLE_LIMIT, check=False
            )
        except subprocess.TimeoutExpired:
            return None

    def _run(self, command: Sequence[str], contender: str) -> dict[str, Any]:
        done = self._start(command, contender)
        if done is None:
            return {"failed": TOO_LATE}
        try:
            sample: dict[str, Any] = json.loads(done.stdout.rstrip().rpartition("\n")[2])
        except ValueError:
            return {"failed": f"Crash: {done.stderr.rstrip().rpartition(chr(10))[2]}"}
        return sample


def _command_lines(name: str, target: str) -> list[Row]:
    """The command lines of a client that begin with a name, and the bare line for its environment."""
    labels = [" ".join(words) for key, words in load(name).cli.items() if key.startswith(target)]
    bare = Row(BARE, IMPORT_CLICK, beside=name)
    return (
        [*(Row(name, label, bare=bare) for label in labels), bare]
        if labels
        else [Row(name, missing="it has no command line")]
    )


def _is_right(target: str, printed: str) -> bool:
    """Whether a command line printed what it was asked for."""
    if target == "--version":
        return re.fullmatch(r"\d+(\.\w+)+\s*", printed) is not None
    return ("Usage: kraken" if target == "--help" else str(data.TIME["unixtime"])) in printed


def _spent_by_children() -> float:
    """Processor time, in seconds, of all processes that were started here and have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def environment(bench: Bench) -> dict[str, str]:
    """Machine and versions; nothing that names the machine."""
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, StopIteration):
        info = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.partition(":")[2].strip() for line in info if line.startswith("model name"))
    return {
        "Date": time.strftime("%Y-%m-%d", time.gmtime()),
        "Processor": f"{processor}, {os.cpu_count()} cores, {platform.machine()}",
        "System": platform.system(),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        **bench.versions(),
    }


def scaled(scenario: Scenario, factor: float) -> Scenario:
    """A scenario with another count. Counts of 1 belong to the scenario."""
    return replace(scenario, count=max(2, round(scenario.count * factor))) if scenario.count > 1 else scenario


def say(text: str) -> None:
    """Progress, out of the way of a report that is printed."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and report."""
    options = _parse(arguments)
    chosen = [scaled(scenario, options.scale) for scenario in SCENARIOS if scenario.name in options.scenarios]
    folder = data.ensure(options.cache / "data", round(STREAM_COUNT * options.scale))
    alone = options.contenders == [OURS]
    peers = Peers(Path(), frozenset()) if alone else install_peers(options.cache / "venv")
    has_programs = OURS in options.contenders and any(scenario.function == "cli" for scenario in chosen)
    ours = install_ours(options.cache / "ours") if has_programs else None
    bench = Bench(options.contenders, options.rounds, folder, peers, ours)
    results = []
    begun = time.monotonic()
    with serving(folder) as addresses:
        for scenario in chosen:
            say(f"{time.monotonic() - begun:5.0f} s  {scenario.name}")
            results.append(bench.measure(scenario, addresses))
        profiled = [scenario for scenario in chosen if scenario.name in PROFILED and OURS in options.contenders]
        profiles = {scenario.title: bench.profile(scenario, addresses) for scenario in profiled}
    say(f"{time.monotonic() - begun:5.0f} s  done")
    text = page(results, environment(bench), options.rounds, profiles)
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(text)
    else:
        print(text, end="")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    names = [scenario.name for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(description="Compare Python clients for Kraken on this machine.")

    def some_of(allowed: Sequence[str]) -> Any:
        def parse(text: str) -> list[str]:
            given = text.split(",")
            for name in given:
                if name not in allowed:
                    raise argparse.ArgumentTypeError(f"{name!r} is not known; known are {', '.join(allowed)}")
            return given

        return parse

    parser.add_argument("--scenarios", type=some_of(names), help=f"some of {', '.join(names)}; default: all")
    parser.add_argument(
        "--contenders",
        type=some_of([OURS, PLAIN, *PEERS]),
        help=f"some of {OURS}, {PLAIN}, {', '.join(PEERS)}; default: all",
    )
    parser.add_argument("--rounds", type=int, default=5, help="samples of each client in each scenario; default: 5")
    parser.add_argument("--scale", type=float, default=1.0, help="factor for all counts, for a quick look; default: 1")
    parser.add_argument("--output", type=Path, help="where to write the page")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where data and the other clients are kept")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or options.scale <= 0:
        parser.error("--rounds must be at least 1 and --scale above 0")
    if not (options.output or options.scenarios or options.contenders):
        options.output = PAGE
    options.cache = options.cache.resolve()
    options.scenarios = options.scenarios or names
    options.contenders = options.contenders or [OURS, PLAIN, *PEERS]
    return options


if __name__ == "__main__":
    main()
