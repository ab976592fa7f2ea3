"""ASGI in the few shapes that our raw applications use (https://asgi.readthedocs.io)."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

__all__ = ["ZERO_COPY", "Application", "Message", "Receive", "Scope", "Send", "header", "header_lines"]

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

ZERO_COPY: Final = "http.response.zerocopysend"
"""ASGI extension: the server sends a span of an open file itself (``file``, ``offset``, ``count``, ``more_body``)."""


def header(scope: Scope, name: bytes) -> str | None:
    """The value of a request header that may occur once; None when it is absent or occurs more than once."""
    lines = header_lines(scope, name)
    return lines[0] if len(lines) == 1 else None


def header_lines(scope: Scope, name: bytes) -> list[str]:
    """All values of a request header, in order; ``name`` is lower-case, as ASGI delivers them."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]
