"""The package as it is installed: whole, typed, and able to run its emulator."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | variables
    done = subprocess.run(
        [str(each) for each in command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment in which the wheel is installed; what it depends on comes from this one."""
    folder = tmp_path_factory.mktemp("wheel")
    build = (
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
        str(ROOT),
    )
    run(sys.executable, *build, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    for dependency in Path(site.getsitepackages()[0]).iterdir():
        if dependency.suffix != ".pth" and not dependency.name.startswith(("_kraken", "kraken")):  # not this checkout
            (packages / dependency.name).symlink_to(dependency)
    return folder / "venv" / "bin" / "python"


def test_the_emulator_runs_from_the_specs_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    program = """
import json, kraken.spot
from kraken.emulator import Emulator
from kraken.spot import SpotClient
with Emulator() as emulator, SpotClient(url=emulator.spot_url) as client:
    print(json.dumps([kraken.spot.__file__, client.market_data.get_system_status().status]))
"""
    where, status = json.loads(run(installed, "-c", program, cwd=tmp_path))
    assert Path(where).is_relative_to(installed.parents[1])
    assert status == "online"


def test_the_code_generator_finds_the_specs_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    entries = json.loads(run(installed, "-m", "kraken.codegen", "catalogue", "-o", "json", cwd=tmp_path))
    assert {"get_ticker_information", "ticker", "add_order"} <= {entry["name"] for entry in entries}


@pytest.mark.parametrize("package", ["kraken.spot", "kraken.futures", "kraken.unified", "kraken.exceptions"])
def test_every_public_type_is_known(installed: Path, tmp_path: Path, package: str) -> None:
    pyright = Path(sys.executable).with_name("pyright")
    # pyright asks the python on the path where packages are, whatever --pythonpath says.
    path = f"{installed.parent}{os.pathsep}{os.environ['PATH']}"
    report = run(pyright, "--verifytypes", package, "--ignoreexternal", cwd=tmp_path, PATH=path)
    assert "Type completeness score: 100%" in report, report
