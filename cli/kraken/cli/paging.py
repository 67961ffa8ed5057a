"""Long work: all pages of a result, and files; with progress on stderr, and going on where it was interrupted."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kraken.runtime.command import Command
from kraken.runtime.json import encode, to_json

from .commands import Refused
from .settings import Settings

if TYPE_CHECKING:
    from kraken.runtime.pagination import Pages, Progress

__all__ = ["fetch_all", "progress_of_bytes"]


def fetch_all(
    pages: Callable[..., Pages[Any]],
    endpoint: Command,
    arguments: dict[str, Any],
    settings: Settings,
    most: int | None,
    to: str | None,
) -> None:
    """Fetch all pages, and print or write their items.

    Args:
        pages: The client's method that iterates over all pages.
        endpoint: The command.
        arguments: Its arguments.
        settings: How to print.
        most: How many items at the most.
        to: Path of a file for JSON lines. What it holds stays; a note beside it says where to go on.

    Raises:
        Refused: The file is of another command, or cannot be written.
    """
    if to is not None:
        if settings.output not in ("", "ndjson") or settings.query:
            raise Refused("--save: writes JSON lines; --output and --query do not go with it")
        _to_file(pages, endpoint, arguments, most, Path(to))
        return
    with _progress(endpoint, most) as on_page:
        items = pages(**arguments, max_items=most, on_page=on_page)
        if settings.output == "ndjson":
            from .output import lines

            show = lines(settings)
            for item in items:
                show(to_json(item))
            return
        found = list(items)
    from .output import show as show_result

    show_result(found, settings)


def _to_file(
    pages: Callable[..., Pages[Any]], endpoint: Command, arguments: dict[str, Any], most: int | None, path: Path
) -> None:
    note = path.with_name(path.name + ".cursor")
    question = {"command": " ".join(endpoint.path), "arguments": arguments}
    cursor, size, done = _where_to_go_on(path, note, question)
    left, come = None if most is None else max(most - done, 0), 0
    with _progress(endpoint, left) as on_page, _opened(path, size) as file:
        items = pages(**arguments, cursor=cursor, max_items=left, on_page=on_page)
        for item in items:
            file.write((to_json(item) + "\n").encode())
            done, come = done + 1, come + 1
            if come == items.progress.items:  # a page is written
                file.flush()
                _keep(note, {**question, "cursor": items.cursor, "size": file.tell(), "items": done})
        file.flush()
    note.unlink(missing_ok=True)
    click.echo(f"{path}: {done} items", err=True)


def _where_to_go_on(path: Path, note: Path, question: dict[str, Any]) -> tuple[Any, int, int]:
    """The cursor, how much of the file counts, and how many items that are."""
    if not note.exists():
        if path.exists():
            raise Refused(f"--save: {path} exists; name another file, or remove it")
        return None, 0, 0
    try:
        kept = json.loads(note.read_text(encoding="utf-8"))
        same = all(json.loads(encode(question[name])) == kept[name] for name in question)
        found = kept["cursor"], int(kept["size"]), int(kept["items"])
    except (ValueError, KeyError, TypeError):
        raise Refused(f"--save: {note} cannot be understood; remove it and {path} to begin anew") from None
    if not same:
        raise Refused(f"--save: {path} belongs to another command: {kept.get('command')}; name another file")
    if not path.exists() or path.stat().st_size < found[1]:
        raise Refused(f"--save: {path} is shorter than {note} says; remove both to begin anew")
    click.echo(f"{path}: going on after {found[2]} items", err=True)
    return found


def _keep(note: Path, told: dict[str, Any]) -> None:
    draft = note.with_name(note.name + ".part")
    draft.write_bytes(encode(told))
    draft.replace(note)


@contextmanager
def _opened(path: Path, size: int) -> Iterator[Any]:
    try:
        with path.open("r+b" if path.exists() else "xb") as file:
            # What was written behind the last whole page comes again.
            file.truncate(size)
            file.seek(size)
            yield file
    except OSError as error:
        raise Refused(f"--save: {path}: {error.strerror}") from error


@contextmanager
def _progress(endpoint: Command, most: int | None) -> Iterator[Callable[[Progress], None] | None]:
    """A bar on stderr with count, rate and time left; none when stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(desc=endpoint.name.replace("_", " "), unit=" items", total=most, file=sys.stderr) as bar:

        def on_page(progress: Progress) -> None:
            if progress.total is not None:
                bar.total = progress.total if most is None else min(progress.total, most)
            bar.update(progress.items - bar.n)

        yield on_page


@contextmanager
def progress_of_bytes(endpoint: Command) -> Iterator[Callable[[int, int | None], None] | None]:
    """The same for a file that is downloaded, in bytes."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(desc=endpoint.name.replace("_", " "), unit="B", unit_scale=True, file=sys.stderr) as bar:

        def on_piece(length: int, total: int | None) -> None:
            bar.total = total
            bar.update(length)

        yield on_piece
