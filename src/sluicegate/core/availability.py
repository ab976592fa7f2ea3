"""Whether a provider could deliver a hash at once: yes, no, or nobody knows."""

from dataclasses import dataclass
from datetime import datetime

from sluicegate.core.files import RemoteFile

__all__ = ["Availability"]


@dataclass(frozen=True, slots=True)
class Availability:
    """One provider's answer about one hash.

    Attributes:
        info_hash: 40 lower-case hex characters.
        cached: True, False, or None for unknown. A fault while asking is an error, never False.
        origin: ``provider`` when the provider was asked, ``learned`` when we know it from what we have seen.
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
