"""`python -m kraken.codegen build | check | lint | catalogue`, also installed as `kraken-codegen`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from .load import SpecError


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="kraken-codegen", description="Turn the specs into code.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("build", "write the generated code and pages"),
        ("check", "fail if the generated code or pages are not what the specs give"),
        ("lint", "report mistakes in the specs"),
        ("catalogue", "list every operation, channel and method"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--specs", type=Path, help="folder of the specs")
        if name in ("build", "check"):
            command.add_argument(
                "--output", type=Path, help="folder of the generated code; that of the repository when left out"
            )
            command.add_argument(
                "--docs", type=Path, help="folder of the generated pages; with --output, none when left out"
            )
        if name == "catalogue":
            command.add_argument("-o", "--format", choices=["table", "json"], default="table", help="how to print it")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Mistakes in the specs are printed one per line, with exit code 1 and nothing written."""
    # argparse answers --help and usage errors without the generator's heavy imports
    chosen = _arguments(arguments)
    try:
        return _run(chosen)
    except SpecError as error:
        print(error, file=sys.stderr)
        count = len(error.problems)
        print(f"{count} mistake{'s' if count > 1 else ''} in the specs; nothing was written", file=sys.stderr)
        return 1


def _run(chosen: argparse.Namespace) -> int:
    from . import build

    specs = (chosen.specs or build.specs_folder()).resolve()
    if chosen.command == "lint":
        products = build.load_products(specs)
        print(f"{len(products)} products, no mistakes")
    elif chosen.command == "catalogue":
        from .catalogue import catalogue

        entries = catalogue(build.load_products(specs))
        if chosen.format == "json":
            print(json.dumps(entries, indent=1))
        else:
            for entry in entries:
                print(
                    f"{entry['product']:8} {entry['kind']:5} {entry['group']:16} {entry['name']:36} {entry['method']} {entry['path']}"
                )
    else:
        output = (chosen.output or build.REPOSITORY / "generated").resolve()
        docs = chosen.docs or (None if chosen.output else build.REPOSITORY / "docs")
        if chosen.command == "build":
            for name in build.build(specs, output, docs):
                print(name)
        elif changed := build.differences(specs, output, docs):
            print(*changed, sep="\n", file=sys.stderr)
            print("differ from what the specs give; run `make generate`", file=sys.stderr)
            return 1
        else:
            print("generated code is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
