"""Giving places at work to media jobs, fairly between users (the rule itself: ``core.media_queue.choose``)."""

from typing import Final

from sluicegate.core.media_queue import Places, choose
from sluicegate.core.ports import Clock, Task, UnitOfWork, UnitOfWorkFactory
from sluicegate.services.task_kinds import MEDIA, MEDIA_ADMIT

__all__ = ["MediaQueueService", "ask_for_places"]

_ROUNDS: Final = 5
_EACH_MAX: Final = 200


async def ask_for_places(tx: UnitOfWork, *, delay: float = 0.0, subject: str = "") -> None:
    """Has the free places given out as soon as ``tx`` commits, or ``delay`` seconds later.

    A later time needs a ``subject`` of its own, so that it does not stand in for an earlier one.
    """
    await tx.tasks.add(Task(MEDIA_ADMIT, subject, delay=delay, at_once=True))


class MediaQueueService:
    """Admits jobs: each gets a place and its task in one transaction."""

    def __init__(self, transactions: UnitOfWorkFactory, places: Places, clock: Clock) -> None:
        self._transactions = transactions
        self._places = places
        self._clock = clock

    async def admit(self) -> int:
        """Gives out what is free; how many jobs got a place."""
        async with self._transactions() as tx:
            await tx.media_queue.lock()
            admitted = 0
            for _ in range(_ROUNDS):
                count = await self._round(tx)
                admitted += count
                if not count:
                    break
            return admitted

    async def _round(self, tx: UnitOfWork) -> int:
        """Looks at the heads of all lines once; hosts that are full are passed over in the next round."""
        busy = await tx.media_queue.busy()
        free = self._places.total - sum(count for _, _, count in busy)
        if free <= 0:
            return 0
        hosts: dict[str, int] = {}
        for _, host, count in busy:
            hosts[host] = hosts.get(host, 0) + count
        full = [host for host, count in hosts.items() if count >= self._places.per_host]
        now = self._clock.now()
        waiting = await tx.media_queue.waiting(now, each=min(free, _EACH_MAX), not_hosts=full)
        chosen = [candidate.id for candidate in choose(waiting, busy, self._places)]
        if chosen:
            await tx.media_queue.admit(chosen, now)
            for job_id in chosen:
                await tx.tasks.add(Task(MEDIA, str(job_id), at_once=True))
        return len(chosen)
