"""Everything that the specs declare, as a list for machines."""

from __future__ import annotations

from typing import Any

from .ir import Channel, Method, Product


def catalogue(products: list[Product]) -> list[dict[str, Any]]:
    """One entry per REST operation, WebSocket channel and WebSocket method."""
    entries: list[dict[str, Any]] = []
    for product in products:
        for group in product.groups:
            entries += [
                {
                    "kind": "rest",
                    "product": product.name,
                    "group": group.name,
                    "name": operation.name,
                    "method": operation.method,
                    "path": operation.path,
                    "auth": operation.auth,
                    "deprecated": operation.deprecated,
                }
                for operation in group.operations
            ]
        streaming: list[Channel | Method] = [*product.channels, *product.methods]
        for each in streaming:
            entries.append(
                {
                    "kind": "ws",
                    "product": product.name,
                    "group": each.group,
                    "name": each.name,
                    "method": "subscribe" if isinstance(each, Channel) else each.name,
                    "path": product.sockets[each.socket].path,
                    "auth": each.auth,
                    "deprecated": each.deprecated,
                }
            )
    return entries
