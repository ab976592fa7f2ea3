"""Trying again after faults of a storage that may pass."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sluicegate.core.errors import Retry, StorageError

__all__ = ["patiently"]

_PAUSES: Final = (1.0, 4.0, 15.0)
_T = TypeVar("_T")


async def patiently(attempt: Callable[[], Awaitable[_T]]) -> tuple[_T, int]:
    """The result, and how many times ``attempt`` had to be repeated. Raises what does not pass."""
    for retries, pause in enumerate(_PAUSES):
        try:
            return await attempt(), retries
        except StorageError as error:
            if error.retry is not Retry.LATER:
                raise
            await asyncio.sleep(max(pause, error.retry_after or 0.0))
    return await attempt(), len(_PAUSES)
