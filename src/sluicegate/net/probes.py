"""Tries of addresses that a user typed in (storage endpoints, webhooks), which must not turn into a port scanner."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from sluicegate.core.errors import ConnectionFailed, ForbiddenAddress, UpstreamError

__all__ = ["probe"]

T = TypeVar("T")


async def probe(attempt: Awaitable[T], *, seconds: float = 5.0) -> T:
    """The result of an attempt to reach something, with one answer for every way it can fail.

    A closed port, a filtered one, one that speaks something else and an address that the guard refuses all raise the
    same error with the same words after the same time, so the caller learns nothing about networks it cannot see.

    Raises:
        ConnectionFailed: it did not work within ``seconds``; raised when they are over, never earlier.
    """
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    try:
        async with asyncio.timeout_at(ends):
            return await attempt
    except (ForbiddenAddress, UpstreamError, TimeoutError, OSError):
        await asyncio.sleep(ends - loop.time())
    raise ConnectionFailed(
        "Nothing usable answers at this address, or it may not be reached from here.",
        action="Check the address; private networks must be allowed by the operator.",
    )
