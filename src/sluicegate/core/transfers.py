"""Transfers: provider-side jobs, with the few states that every provider's vocabulary maps to."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sluicegate.core.files import RemoteFile
from sluicegate.core.sources import SourceKind

__all__ = ["Submission", "Transfer", "TransferState"]


class TransferState(StrEnum):
    """Where a provider is with a transfer.

    ``UNKNOWN`` is for upstream words nobody has seen yet: it never ends anything; the transfer is asked about again.
    """

    UNKNOWN = "unknown"
    QUEUED = "queued"
    RESOLVING = "resolving"
    """The provider is still fetching the torrent's metadata."""
    SELECTING = "selecting"
    """The provider waits until somebody selects files (Real-Debrid)."""
    DOWNLOADING = "downloading"
    STALLED = "stalled"
    """Alive at the provider, but no bytes move: no seeders, paused, or waiting for a slot."""
    PROCESSING = "processing"
    """All bytes are at the provider, which is compressing, moving or uploading them."""
    READY = "ready"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """True for READY and FAILED."""
        return self in {TransferState.READY, TransferState.FAILED}


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer of one account as the provider tells it now.

    Attributes:
        id: the provider's id as text.
        info_hash: 40 lower-case hex characters, or None when the provider does not tell (Premiumize) or has none.
        size: bytes, or None when unknown.
        progress: 0.0 to 1.0.
        speed: bytes per second, or None.
        seeders: or None.
        detail: the provider's own words for the state, as data for the trace.
        files: the files if this answer carried them; None means "not told here, ask ``Provider.files``".
    """

    id: str
    state: TransferState
    name: str = ""
    kind: SourceKind = SourceKind.TORRENT
    info_hash: str | None = None
    size: int | None = None
    progress: float = 0.0
    speed: int | None = None
    seeders: int | None = None
    added_at: datetime | None = None
    detail: str = ""
    files: tuple[RemoteFile, ...] | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """What a provider said when it accepted a source.

    Attributes:
        transfer_id: the provider's id as text.
        existing: True when the provider said that it had this transfer already; None when it does not tell.
        cached: True when the content is there at once; None when the provider does not tell.
        transfer: the transfer itself when the answer carried enough to build it.
    """

    transfer_id: str
    existing: bool | None = None
    cached: bool | None = None
    transfer: Transfer | None = None
