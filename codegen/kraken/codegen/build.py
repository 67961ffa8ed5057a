"""From a folder of specs to a folder of code: all or nothing, and the same bytes every time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from .build_ir import Builder
from .check import check_documents, document_kind
from .ir import Product
from .load import Document, Problem, SpecError, load_documents
from .pages import pages
from .render import Files, Renderer

REPOSITORY = Path(__file__).resolve().parents[3]

CONFIG = {"line-length": 120, "target-version": "py311"}


def specs_folder() -> Path:
    """The specs: of the checkout, or those that travel in an installed package."""
    in_checkout = REPOSITORY / "specs"
    return in_checkout if in_checkout.is_dir() else Path(__file__).resolve().parents[1] / "specs"


def load_checked(specs: Path) -> list[Document]:
    """Documents without a mistake, or a `SpecError` that lists them all."""
    documents = load_documents(specs)
    problems = check_documents(documents)
    if problems:
        raise SpecError(problems)
    return documents


def load_products(specs: Path) -> list[Product]:
    """The intermediate representation of all products."""
    return _products(specs, load_checked(specs))


def _products(specs: Path, documents: list[Document]) -> list[Product]:
    products = Builder(documents).build()
    if not products:
        raise SpecError([Problem(str(specs), 1, "no specs", "YAML files with paths or channels")])
    return products


class Generated(NamedTuple):
    """What comes out of the specs."""

    code: Files
    """By path below the `generated` folder."""
    pages: Files
    """Pages of the `docs` folder, by file name."""


def generate(specs: Path) -> Generated:
    """Everything that is generated, formatted; nothing is written."""
    documents = load_checked(specs)
    products = _products(specs, documents)
    errors = next((document for document in documents if document_kind(document) == "errors"), None)
    return Generated(_format(Renderer(documents).render(products, errors)), pages(documents))


def _format(files: Files) -> Files:
    """The files as ruff leaves them: imports sorted, unused ones gone, formatted."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(files, root)
        ruff = [sys.executable, "-m", "ruff"]
        common = [
            "--isolated",
            "--no-cache",
            "--quiet",
            *(f"--config={key}={value!r}" for key, value in CONFIG.items()),
        ]
        fix = ["--fix", "--select=I,F401,UP037,RUF022", "--config=lint.isort.known-first-party=['kraken']"]
        environment = {**os.environ, "NO_COLOR": "1"}
        for command in (["check", *common, *fix, str(root)], ["format", *common, str(root)]):
            done = subprocess.run([*ruff, *command], capture_output=True, text=True, env=environment, check=False)
            if done.returncode:
                raise RuntimeError(f"ruff {command[0]} failed on generated code:\n{done.stdout}{done.stderr}")
        return read(root)


def write(files: Files, root: Path) -> None:
    """Write files below a folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def read(root: Path) -> Files:
    """All files of the package below a folder, without caches."""
    return {
        path.relative_to(root).as_posix(): _text(path)
        for path in sorted((root / "kraken").rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def _text(path: Path) -> str:
    # Line ends stay as they are: a file with other ones is not what was generated.
    return path.read_bytes().decode("utf-8", "replace")


def build(specs: Path, output: Path, docs: Path | None = None) -> list[str]:
    """Generate, then replace what is in the output folder. Returns the files that changed.

    Args:
        specs: Folder of the specs.
        output: Folder of the generated code; in its package, whatever else is there is removed.
        docs: Folder of the generated pages; without it they are not written. Other pages in it are left alone.
    """
    made = generate(specs)
    changed = _differences(made, output, docs)
    for name in read(output).keys() - made.code.keys():
        (output / name).unlink()
    write({name: text for name, text in made.code.items() if name in changed}, output)
    for folder in sorted((path for path in output.rglob("*") if path.is_dir()), reverse=True):
        if not any(child.name != "__pycache__" for child in folder.iterdir()):
            shutil.rmtree(folder)
    if docs is not None:
        write({name: text for name, text in made.pages.items() if f"{docs.name}/{name}" in changed}, docs)
    return changed


def differences(specs: Path, output: Path, docs: Path | None = None) -> list[str]:
    """Files in which the output folder, and that of the pages, differ from what the specs give."""
    return _differences(generate(specs), output, docs)


def _differences(made: Generated, output: Path, docs: Path | None) -> list[str]:
    wanted, present = dict(made.code), read(output)
    if docs is not None:
        for name, text in made.pages.items():
            wanted[f"{docs.name}/{name}"] = text
            if (docs / name).is_file():
                present[f"{docs.name}/{name}"] = _text(docs / name)
    return sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))
