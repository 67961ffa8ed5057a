"""What a spec must be before code is made from it: the standards, our extension keys, and the lints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from .error_table import check_error_table
from .extensions import BY_KEY, EXTENSIONS
from .lints import lint
from .load import Document, Pointer, Problem, walk
from .places import Json, channels, label, operations, place
from .standard import check_standard, described, violations


def check_documents(documents: list[Document]) -> list[Problem]:
    """Every mistake in the documents, in their order."""
    others = {document.path.resolve(): document for document in documents}
    problems = [problem for document in documents for problem in _check_document(document, others)]
    problems = problems or list(_check_unique(documents))
    return sorted(set(problems), key=lambda problem: (problem.path, problem.line, problem.what))


def _check_document(document: Document, others: dict[Path, Document]) -> Iterator[Problem]:
    kind = document_kind(document)
    if kind == "errors":
        yield from check_error_table(document)
        return
    # Each check relies on what the one before it found to be right.
    problems = list(_check_references(document, others)) or list(check_standard(document, kind))
    yield from problems
    if not problems:
        yield from _check_extensions(document, kind)
        yield from lint(document)


def document_kind(document: Document) -> str:
    """`openapi`, `asyncapi`, or `errors` for the table of error codes."""
    return next((kind for kind in ("openapi", "asyncapi") if kind in document.data), "errors")


# ---------------------------------------------------------------------------- references


def _check_references(document: Document, others: dict[Path, Document]) -> Iterator[Problem]:
    for at, value in walk(document.data):
        if at and at[-1] == "$ref" and isinstance(value, str):
            found = find_reference(document, value, others)
            if found is None:
                yield document.problem(at, f"$ref: {value} does not exist", _neighbours(document, value, others))
            elif found[0] is not document and found[0].data.get("paths"):
                # Its classes stand in another module of models, under names that may be ours too.
                yield document.problem(at, f"$ref: {value} belongs to another group", "documents without paths")


def _neighbours(document: Document, reference: str, others: dict[Path, Document]) -> str:
    """What a reference that leads nowhere could have named instead."""
    folder = document.path.parent.resolve()
    file = reference.partition("#")[0]
    if file and (folder / file).resolve() not in others:
        return ", ".join(
            sorted(path.name for path in others if path.parent == folder and path != document.path.resolve())
        )
    found = find_reference(document, reference.rpartition("/")[0], others)
    names = found[2] if found and isinstance(found[2], dict) else {}
    return ", ".join(names) or "#/components/schemas/<Name>, after the name of another file"


def find_reference(
    document: Document, reference: str, others: dict[Path, Document]
) -> tuple[Document, Pointer, Any] | None:
    """The document, pointer and value that a `$ref` names."""
    file, _, fragment = reference.partition("#")
    target = others.get((document.path.parent / file).resolve()) if file else document
    if target is None or not fragment.startswith("/"):
        return None
    value: Any = target.data
    pointer: Pointer = ()
    for part in fragment[1:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, dict) or key not in value:
            return None
        value, pointer = value[key], (*pointer, key)
    return target, pointer, value


# ---------------------------------------------------------------------------- x-kraken-* keys


def _check_extensions(document: Document, kind: str) -> Iterator[Problem]:
    for at, value in walk(document.data):
        if isinstance(value, dict) and not any(str(part).startswith("x-kraken-") for part in at):
            for key in value:
                if key.startswith("x-kraken-"):
                    yield from _check_extension(document, at, key, value[key])
    for at, value in _holders(document, kind):
        for extension in EXTENSIONS:
            if extension.required and place(at) in extension.places and extension.key not in value:
                yield document.problem(at, f"{label(at)}: {extension.key} is missing", described(extension.value))


def _holders(document: Document, kind: str) -> Iterator[tuple[Pointer, Json]]:
    """The places that some keys are required of. A document that only has shared schemas is none."""
    found = [*operations(document), *channels(document)]
    if found:
        # The envelope is about REST alone.
        yield (), document.data if kind == "openapi" else {"x-kraken-envelope": "", **document.data}
    yield from found


def _check_extension(document: Document, at: Pointer, key: str, value: Any) -> Iterator[Problem]:
    extension = BY_KEY.get(key)
    here = (*at, key)
    if extension is None:
        allowed = ", ".join(each.key for each in EXTENSIONS if place(at) in each.places)
        yield document.problem(here, f"{key}: unknown key", allowed or "no x-kraken-* key here")
    elif place(at) not in extension.places:
        yield document.problem(here, f"{key}: does not belong here", "beside a " + ", ".join(extension.places))
    else:
        for problem in violations(document, here, Draft202012Validator(extension.value).iter_errors(value)):
            yield problem._replace(allowed=problem.allowed or described(extension.value))


# ---------------------------------------------------------------------------- names that must be unique


def _check_unique(documents: list[Document]) -> Iterator[Problem]:
    """Names under which generated code is reached."""
    seen: dict[tuple[str, str, str], tuple[Document, Pointer]] = {}
    for document in documents:
        product = document.data.get("x-kraken-product", "")
        for kind, name, at in _names(document):
            first, where = seen.setdefault((product, kind, name), (document, at))
            if (first, where) != (document, at):
                what = f"{name}: stands in specs/{first.name}:{first.line(where)} too"
                yield document.problem(at, what, f"one {kind} of this name")


def _names(document: Document) -> Iterator[tuple[str, str, Pointer]]:
    found = list(operations(document))
    if found:
        yield "group of REST operations", document.data["x-kraken-group"], ("x-kraken-group",)
    for at, operation in found:
        yield "operation", operation["operationId"], (*at, "operationId")
        yield "method and path", label(at), at
    for at, channel in channels(document):
        yield "channel or method", channel["address"], (*at, "address")
