"""ASGI in the few shapes that our raw applications use (https://asgi.readthedocs.io)."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

__all__ = ["ZERO_COPY", "Application", "Message", "Receive", "Scope", "Send", "header", "header_lines"]

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_KEPT: Final = "sluicegate.headers"
"""Where a scope keeps its headers by name, together with the list they were taken from."""

ZERO_COPY: Final = "http.response.zerocopysend"
"""ASGI extension: the server sends a span of an open file itself (``file``, ``offset``, ``count``, ``more_body``)."""


def header(scope: Scope, name: bytes) -> str | None:
    """The value of a request header that may occur once; None when it is absent or occurs more than once."""
    lines = header_lines(scope, name)
    return lines[0] if len(lines) == 1 else None


def header_lines(scope: Scope, name: bytes) -> list[str]:
    """All values of a request header, in order; ``name`` is lower-case, as ASGI delivers them."""
    kept = scope.get(_KEPT)
    if kept is None or kept[0] is not scope["headers"]:
        # Sorted once: a gateway call alone asks for ten headers.
        found: defaultdict[bytes, list[str]] = defaultdict(list)
        for key, value in scope["headers"]:
            found[key].append(value.decode("latin-1"))
        kept = scope[_KEPT] = (scope["headers"], dict(found))
    return list(kept[1].get(name, ()))
