"""Building: the same bytes every time, nothing stale, nothing half done, and a check that notices every difference."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kraken.codegen.__main__ import main
from kraken.codegen.build import build, differences

from .support import GENERATED, GOLDEN, REPOSITORY, SPECS


def _tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def _built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    shutil.copytree(GOLDEN / "specs", folder / "specs")
    build(folder / "specs", folder / "generated", folder / "docs")
    return folder


@pytest.fixture
def copy(_built: Path, tmp_path: Path) -> Path:
    """Specs, code and pages that fit together, and may be changed."""
    shutil.copytree(_built, tmp_path, dirs_exist_ok=True)
    return tmp_path


def _run(command: str, folder: Path) -> int:
    options = ("specs", "output", "docs")
    values = (folder / "specs", folder / "generated", folder / "docs")
    return main(
        [command, *(part for name, value in zip(options, values, strict=True) for part in (f"--{name}", str(value)))]
    )


# ---------------------------------------------------------------------------- determinism


def test_two_processes_agree_on_every_byte(tmp_path: Path) -> None:
    """Whatever the order of sets: one builds from the repository's specs, the other compares with what is committed."""
    build_elsewhere = [
        "build",
        "--specs",
        str(SPECS),
        "--output",
        str(tmp_path / "generated"),
        "--docs",
        str(tmp_path / "docs"),
    ]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "kraken.codegen", *command],
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for seed, command in (("1", build_elsewhere), ("2", ["check"]))
    ]
    built, checked = (process.communicate()[0].splitlines() for process in running)
    assert checked == ["generated code is up to date"]
    assert [process.returncode for process in running] == [0, 0]
    committed = _tree(GENERATED)
    committed |= {
        f"docs/{name}": (REPOSITORY / "docs" / name).read_bytes()
        for name in ("conflicts.md", "deprecations.md", "spec-keys.md")
    }
    made = {
        **_tree(tmp_path / "generated"),
        **{f"docs/{name}": text for name, text in _tree(tmp_path / "docs").items()},
    }
    assert made == committed
    assert built == sorted(committed)


def test_a_second_build_changes_nothing(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in (copy / "generated").rglob("*.py")}
    assert _run("build", copy) == 0
    assert capsys.readouterr().out == ""
    assert {path: path.stat().st_mtime_ns for path in (copy / "generated").rglob("*.py")} == before


def test_the_place_of_the_specs_does_not_matter(copy: Path) -> None:
    shutil.copytree(copy / "specs", copy / "elsewhere" / "deep" / "specs")
    assert differences(copy / "elsewhere" / "deep" / "specs", copy / "generated", copy / "docs") == []


# ---------------------------------------------------------------------------- check


def test_a_touched_file_is_named(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = copy / "generated/kraken/spot/client.py"
    file.write_text(file.read_text("utf-8") + "# edited by hand\n", encoding="utf-8")
    assert _run("check", copy) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["kraken/spot/client.py", "differ from what the specs give; run `make generate`"]


def test_every_difference_is_named_and_built_away(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = copy / "generated/kraken"
    (code / "spot/decode.py").unlink()
    stale = code / "spot/rest/gone/old.py"
    stale.parent.mkdir()
    stale.write_text("", encoding="utf-8")
    other_ends = code / "spot/messages.py"
    other_ends.write_bytes(other_ends.read_bytes().replace(b"\n", b"\r\n"))
    (code / "spot/client.py").write_bytes(b"\xff\xfe not even text")
    (copy / "docs/conflicts.md").write_text("old", encoding="utf-8")
    (copy / "docs/spec-keys.md").unlink()
    errors = copy / "specs/errors.yaml"
    errors.write_text(errors.read_text("utf-8").replace("Wait a moment.", "Wait two moments."), encoding="utf-8")
    named = [
        "docs/conflicts.md",
        "docs/spec-keys.md",
        "kraken/exceptions/__init__.py",
        "kraken/spot/client.py",
        "kraken/spot/decode.py",
        "kraken/spot/messages.py",
        "kraken/spot/rest/gone/old.py",
    ]
    assert _run("check", copy) == 1
    assert capsys.readouterr().err.splitlines()[:-1] == named
    assert _run("build", copy) == 0
    assert capsys.readouterr().out.splitlines() == named
    assert _run("check", copy) == 0
    assert not stale.parent.exists()
    assert "Wait two moments." in (code / "exceptions/__init__.py").read_text("utf-8")


def test_what_is_not_generated_is_left_alone(copy: Path) -> None:
    """Hand-written pages, and whatever stands beside the package."""
    for name in ("docs/by-hand.md", "generated/README.md"):
        (copy / name).write_text("mine", encoding="utf-8")
    assert _run("check", copy) == 0
    assert _run("build", copy) == 0
    assert (copy / "docs/by-hand.md").read_text("utf-8") == "mine"
    assert (copy / "generated/README.md").read_text("utf-8") == "mine"


def test_without_a_docs_folder_no_page_is_written(tmp_path: Path) -> None:
    output = tmp_path / "generated"
    assert main(["build", "--specs", str(GOLDEN / "specs"), "--output", str(output)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["generated"]
    assert {path.name for path in output.rglob("*.md")} == set()


# ---------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize("command", ["build", "check", "lint", "catalogue"])
def test_mistakes_end_every_command(copy: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    """They are listed, the exit code is 1, and nothing is written, not even what would not be concerned."""
    spec = copy / "specs/spot/rest/market_data.yaml"
    text = spec.read_text("utf-8").replace("x-kraken-danger: none\n", "x-kraken-danger: nothing\n", 1)
    spec.write_text(text.replace("description: What can be done with it.", "title: Status", 1), encoding="utf-8")
    (copy / "generated/kraken/spot/client.py").unlink()
    before = _tree(copy)
    arguments = [command, "--specs", str(copy / "specs")]
    arguments += (
        ["--output", str(copy / "generated"), "--docs", str(copy / "docs")] if command in ("build", "check") else []
    )
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "specs/spot/rest/market_data.yaml:23 x-kraken-danger: 'nothing'; allowed: none, trades, cancels, withdraws, transfers",
        "specs/spot/rest/market_data.yaml:130 status: description is missing; allowed: what it is, in one sentence or more",
        "2 mistakes in the specs; nothing was written",
    ]
    assert _tree(copy) == before


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "--specs", str(tmp_path / "nowhere"), "--output", str(tmp_path / "generated")]) == 1
    assert capsys.readouterr().err.splitlines()[0] == f"{tmp_path / 'nowhere'}:1 no specs folder"
    assert list(tmp_path.iterdir()) == []


def test_a_specs_folder_without_specs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to generate from is a mistake, not a reason to remove all code."""
    (tmp_path / "specs").mkdir()
    assert main(["build", "--specs", str(tmp_path / "specs"), "--output", str(tmp_path / "generated")]) == 1
    assert "no specs" in capsys.readouterr().err


def test_one_mistake_is_one(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "specs/errors.yaml").write_text("a: [\n", encoding="utf-8")
    assert main(["lint", "--specs", str(copy / "specs")]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "1 mistake in the specs; nothing was written"


def test_lint_counts_products(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--specs", str(GOLDEN / "specs")]) == 0
    assert capsys.readouterr().out == "2 products, no mistakes\n"


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bild"])
    assert ended.value.code == 2
    assert "choose from" in capsys.readouterr().err
