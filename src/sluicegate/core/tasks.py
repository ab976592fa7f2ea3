"""The shape of background work, shared by those who do it and those who run it."""

from collections.abc import Awaitable, Callable, Mapping

__all__ = ["Handler", "Handlers"]

Handler = Callable[[str], Awaitable[float | None]]
"""Does the work for one subject: returns None when done, or seconds after which it wants to run again."""

Handlers = Mapping[str, Handler]
"""Handlers by task kind."""
