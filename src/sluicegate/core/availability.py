"""Whether a provider could deliver a hash at once: yes, no, or nobody knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sluicegate.core.files import RemoteFile

__all__ = ["Availability", "HeldCopy", "HeldCopyRepository"]


@dataclass(frozen=True, slots=True)
class Availability:
    """One provider's answer about one hash.

    Attributes:
        info_hash: 40 lower-case hex characters.
        cached: True, False, or None for unknown. A fault while asking is an error, never False.
        origin: ``provider`` when the provider was asked, ``learned`` when we know it from what we have seen, ``held``
            when the user's own account holds it, ``stored`` when our own storage does.
        checked_at: UTC; when the fact was learnt, None for "just now" in an adapter's answer.
        name: title, when told.
        size: bytes, when told.
        files: as far as told, else empty.
    """

    info_hash: str
    cached: bool | None
    origin: str = "provider"
    checked_at: datetime | None = None
    name: str = ""
    size: int | None = None
    files: tuple[RemoteFile, ...] = ()


@dataclass(frozen=True, slots=True)
class HeldCopy:
    """A ready torrent job, as far as it tells that its content is there at once.

    Attributes:
        stored: whether our own storage keeps every file of it.
        account_id: the account that holds it, None when none is needed.
        updated_at: when the job changed last.
    """

    info_hash: str
    user_id: UUID
    provider: str
    account_id: UUID | None
    name: str
    size: int | None
    updated_at: datetime
    stored: bool


class HeldCopyRepository(Protocol):
    """What ready jobs tell about availability."""

    async def of(self, user_id: UUID, hashes: Sequence[str], *, everybody: bool) -> list[HeldCopy]:
        """The user's own copies; with ``everybody`` also those of others that our storage keeps."""
        ...

    async def wanted(self, account_id: UUID, info_hash: str) -> bool:
        """Whether any job that is not failed or cancelled counts on this hash at this account or for its owner."""
        ...
