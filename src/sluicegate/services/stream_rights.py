"""Whether those who read may go on reading, and whether the key behind a link is still good."""

import time
from collections import OrderedDict
from collections.abc import Collection, Iterable
from typing import Final, Protocol, TypeVar
from uuid import UUID

from sluicegate.core.errors import Unauthenticated
from sluicegate.core.ports import UnitOfWorkFactory

__all__ = ["StreamRights"]

_FRESH_SECONDS: Final = 1.0
_REMEMBERED_MAX: Final = 4_096


class _Right(Protocol):
    """What a link grants (``web.signing.Grant``)."""

    @property
    def user_id(self) -> UUID: ...
    @property
    def job_kind(self) -> str: ...
    @property
    def job_id(self) -> UUID: ...
    @property
    def key_id(self) -> UUID | None: ...


_RightT = TypeVar("_RightT", bound=_Right)


class StreamRights:
    """Asks the database, in a query for each kind of right and not for each stream."""

    def __init__(self, transactions: UnitOfWorkFactory) -> None:
        self._transactions = transactions
        self._good: OrderedDict[UUID, float] = OrderedDict()

    async def check(self, key_id: UUID) -> None:
        """Raises Unauthenticated when the key is revoked or gone; a good one is believed for a second."""
        if self._good.get(key_id, 0.0) > time.monotonic():
            return
        async with self._transactions() as tx:
            if key_id not in await tx.stream_rights.keys([key_id]):
                raise Unauthenticated("This link was made with a key that is not valid any more.")
        self._good[key_id] = time.monotonic() + _FRESH_SECONDS
        while len(self._good) > _REMEMBERED_MAX:
            self._good.popitem(last=False)

    def forget(self) -> None:
        """Believes nothing: some right has changed."""
        self._good.clear()

    async def lost(self, rights: Collection[_RightT]) -> list[_RightT]:
        """Those of ``rights`` that do not stand any more."""
        keys = {right.key_id for right in rights if right.key_id is not None}
        async with self._transactions() as tx:
            good = await tx.stream_rights.keys(keys) if keys else set()
            standing = {
                "job": await tx.stream_rights.jobs(_jobs(rights, "job")),
                "media": await tx.stream_rights.media_jobs(_jobs(rights, "media")),
            }
        return [
            right
            for right in rights
            if (right.user_id, right.job_id) not in standing[right.job_kind]
            or (right.key_id is not None and right.key_id not in good)
        ]


def _jobs(rights: Iterable[_Right], kind: str) -> set[UUID]:
    return {right.job_id for right in rights if right.job_kind == kind}
