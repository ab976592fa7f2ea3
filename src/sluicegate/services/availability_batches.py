"""Questions about single hashes, gathered for a moment and asked of an account in one call.

A feed or a list of magnets makes many jobs at once. Asked one by one they would use up an account's budget of calls.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from uuid import UUID

from sluicegate.core.accounts import Account
from sluicegate.core.availability import Availability

__all__ = ["AvailabilityBatches"]

_GATHER_SECONDS: Final = 0.02
_BATCH_MAX: Final = 100

Asker = Callable[[Account, Sequence[str]], Awaitable[Sequence[Availability]]]
"""Asks an account about hashes; as many answers, in the same order."""


class AvailabilityBatches:
    """Gathers questions; whoever asked gets the answer for his hash, or the error of the whole call."""

    def __init__(self, ask: Asker) -> None:
        self._ask = ask
        self._waiting: dict[UUID, dict[str, asyncio.Future[Availability]]] = {}
        self._calls: set[asyncio.Task[None]] = set()

    async def ask(self, account: Account, info_hash: str) -> Availability:
        """What the account says about a hash. Raises what the call raised."""
        waiting = self._waiting.get(account.id)
        if waiting is None or len(waiting) >= _BATCH_MAX:
            waiting = self._waiting[account.id] = {}
            call = asyncio.create_task(self._call(account, waiting))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
        answer = waiting.setdefault(info_hash, asyncio.get_running_loop().create_future())
        # Who gives up waiting must not take the answer away from the others.
        return await asyncio.shield(answer)

    async def _call(self, account: Account, waiting: dict[str, asyncio.Future[Availability]]) -> None:
        try:
            await asyncio.sleep(_GATHER_SECONDS)
            if self._waiting.get(account.id) is waiting:
                del self._waiting[account.id]
            answers = await self._ask(account, tuple(waiting))
            for future, answer in zip(waiting.values(), answers, strict=True):
                future.set_result(answer)
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait, whatever it is
            for future in waiting.values():
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # nobody may be waiting any more
        finally:
            for future in waiting.values():
                future.cancel()
