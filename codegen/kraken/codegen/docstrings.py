"""Docstrings of generated methods, from the facts in the specs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from .ir import Channel, Field, Method, Operation

WIDTH = 120


def wrap(text: str, indent: int, hanging: int = 0) -> str:
    """A text as the inside of a docstring that stands at an indentation; further lines may hang deeper."""
    lines = textwrap.wrap(" ".join(text.split()), WIDTH - indent - 6, break_long_words=False, break_on_hyphens=False)
    wrapped = ("\n" + " " * (indent + hanging)).join(lines)
    return wrapped.replace("\\", "\\\\").replace('"""', "'''") + (" " if wrapped.endswith('"') else "")


def with_unit(field: Field) -> str:
    """A field's description, its unit and whether it is deprecated."""
    parts = [field.description.strip()]
    if field.unit:
        parts.append(f"Unit: {field.unit}.")
    if field.deprecated:
        parts.append("Deprecated by Kraken.")
    return " ".join(parts)


def _section(title: str, entries: Iterable[tuple[str, str]], indent: int) -> list[str]:
    pad = " " * indent
    lines = [
        f"{pad}    " + wrap(f"{name}: {text}" if name else text, indent + 4, 4 if name else 0) for name, text in entries
    ]
    return ["", f"{pad}{title}:", *lines] if lines else []


def _arguments(fields: Iterable[Field]) -> list[tuple[str, str]]:
    ordered = sorted(fields, key=lambda field: not field.required)
    return [(field.name, with_unit(field)) for field in ordered]


def _facts(permissions: tuple[str, ...], auth: str, deprecated: bool, replaced_by: str, further: str = "") -> list[str]:
    needs = (
        "API key permission: " + ("; ".join(permissions) or "any") + "." if auth == "required" else "Needs no API key."
    )
    return [*([f"Deprecated by Kraken: use {replaced_by}."] if deprecated else []), f"{needs} {further}".strip()]


def _experimental(each: Channel | Method) -> list[str]:
    """What is only implied."""
    if not each.experimental:
        return []
    words = f"Experimental: Kraken documents it, but its {each.experimental} are in part taken over by analogy. "
    return [words + "The first use warns with `ExperimentalWarning`."]


def _assemble(summary: str, description: str, sections: list[str], facts: list[str], url: str, indent: int) -> str:
    pad = " " * indent
    lines = [wrap(summary, indent), "", pad + wrap(description, indent), *sections, ""]
    lines += [pad + wrap(fact, indent) for fact in facts]
    return "\n".join([*lines, f"{pad}Kraken's page: {url}", pad])


def cost(operation: Operation) -> str:
    """What a call is charged, in words."""
    if operation.counter == "none":
        return ""
    if operation.counter == "public":
        return "Rate limit: public calls are limited per IP address."
    text, prices = f"{operation.cost:g}", operation.prices
    if operation.per and operation.cost:
        text = f"{operation.base:g} and " * bool(operation.base) + f"{text} for each element of `{operation.per}`"
    if prices and prices["up_to"]:
        text += f" without `{prices['parameter']}`, {prices['up_to'][0][1]:g} to {prices['given']:g} by its value,"
    elif prices:
        text += f", or {prices['given']:g} with `{prices['parameter']}`,"
    return f"Rate limit: costs {text} on the {operation.counter} counter."


def operation_doc(operation: Operation, indent: int) -> str:
    """The docstring of a REST method."""
    raises = [("InvalidRequest", "An argument was refused before anything was sent.")] if operation.fields else []
    raises.append(("ExchangeError", "Kraken answered with an error; its subclasses are in `kraken.exceptions`."))
    if operation.danger != "none":
        raises.append(
            ("OrderStateUnknown", "The reply was lost: the request was sent once, and may have been carried out.")
        )
    else:
        raises.append(("ReplyLost", "The reply was lost, also when the call was repeated."))
    raises.append(("NotSent", "No connection could be made."))
    own = [("options", "Timeout, headers and further parameters of this call.")]
    if operation.binary:
        own.insert(
            0,
            (
                "to",
                "Path of a file to write to, piece by piece; it appears when it is whole. The result is empty then.",
            ),
        )
    sections = _section("Args", [*_arguments(operation.fields), *own], indent)
    sections += _section("Returns", [("", operation.result_description)], indent)
    sections += _section("Raises", raises, indent)
    facts = _facts(operation.permissions, operation.auth, operation.deprecated, operation.replaced_by, cost(operation))
    return _assemble(operation.summary, operation.description, sections, facts, operation.url, indent)


def iterator_doc(operation: Operation, indent: int) -> str:
    """The docstring of a method that iterates over all pages."""
    further = [
        ("cursor", "Where to begin: the `cursor` of an earlier iteration."),
        ("max_items", "How many items at the most."),
        ("on_page", "Called with the progress after each page."),
        ("options", "Timeout, headers and further parameters of each call."),
    ]
    sections = _section("Args", [*_arguments(operation.page_fields), *further], indent)
    shown = "An iterator that fetches the next page when it is needed; its `cursor` continues after the last item that came."
    sections += _section("Returns", [("", shown)], indent)
    summary = f"Iterate over all pages of `{operation.name}`, whose documentation tells the rest."
    description = "Items that two pages have in common come once. Errors are those of the call, raised while iterating."
    facts = _facts(operation.permissions, operation.auth, operation.deprecated, operation.replaced_by)
    return _assemble(summary, description, sections, facts, operation.url, indent)


_POLICIES = {
    "keep-latest": "A slow consumer gets the latest item{key}; older ones are dropped.",
    "drop-oldest": "For a slow consumer the oldest items are dropped, and the stream says how many.",
    "never-drop": "Nothing is dropped: a consumer that is too slow gets `SlowConsumer`.",
}


def channel_doc(channel: Channel, indent: int) -> str:
    """The docstring of a subscription method."""
    sections = _section("Args", _arguments(channel.fields), indent)
    sections += _section(
        "Returns",
        [
            (
                "",
                f"A stream: `async for item in ...` gives each `{channel.item}`, `.messages()` whole frames. It subscribes when it is first used.",
            )
        ],
        indent,
    )
    raises = [("ExchangeError", "Kraken refused the subscription.")] if channel.fields or channel.subscription else []
    sections += _section("Raises", [*raises, ("ConnectionLost", "The connection ended for good.")], indent)
    key = " per " + ", ".join(channel.key) if channel.key else ""
    facts = _facts(
        channel.permissions,
        channel.auth,
        channel.deprecated,
        channel.replaced_by,
        _POLICIES[channel.policy].format(key=key),
    )
    facts += _experimental(channel)
    return _assemble(channel.title, channel.description, sections, facts, channel.url, indent)


def method_doc(method: Method, indent: int) -> str:
    """The docstring of a request over the WebSocket."""
    sections = _section("Args", [*_arguments(method.fields), ("timeout", "Seconds to wait for the reply.")], indent)
    single = method.result.removeprefix("list[").rstrip("]")
    if method.replies_per:
        returned = f"One {single} per id."
    elif single != method.result:
        returned = f"One {single} per element, in the order of the request."
    else:
        returned = f"The {single or 'reply'}."
    sections += _section("Returns", [("", returned)], indent)
    raises = [
        ("InvalidRequest", "An argument was refused before anything was sent."),
        ("ExchangeError", "Kraken answered with an error; its subclasses are in `kraken.exceptions`."),
        (
            "OrderStateUnknown",
            "The connection or the reply was lost: the request was sent once, and may have been carried out.",
        )
        if method.danger != "none"
        else ("ReplyLost", "No reply came in time."),
        ("NotSent", "No connection could be made."),
    ]
    sections += _section("Raises", raises, indent)
    facts = _facts(method.permissions, method.auth, method.deprecated, method.replaced_by) + _experimental(method)
    return _assemble(method.title, method.description, sections, facts, method.url, indent)
