"""Jobs of the library: our record of one thing a user wants, and the moves it may make."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sluicegate.core.errors import IllegalMove
from sluicegate.core.sources import SourceKind

__all__ = ["ACTIVE_STATES", "LEGAL_MOVES", "Job", "JobState", "KeptJob", "check_move"]


class JobState(StrEnum):
    """States of the library contract (its sheet, section 5.5), spelled as on the wire."""

    QUEUED = "queued"
    CACHED_HIT = "cached_hit"
    DOWNLOADING = "downloading"
    UPLOADING = "uploading"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        """True for the three states that nothing leaves."""
        return self in {JobState.READY, JobState.FAILED, JobState.CANCELLED}


_S = JobState

LEGAL_MOVES: Final[dict[JobState, frozenset[JobState]]] = {
    _S.QUEUED: frozenset({_S.CACHED_HIT, _S.DOWNLOADING, _S.UPLOADING, _S.READY, _S.FAILED, _S.CANCELLED}),
    _S.CACHED_HIT: frozenset({_S.QUEUED, _S.DOWNLOADING, _S.READY, _S.FAILED, _S.CANCELLED}),
    # Back to queued: the next rung is tried after a transfer died (re-cascade).
    _S.DOWNLOADING: frozenset({_S.QUEUED, _S.UPLOADING, _S.READY, _S.FAILED, _S.CANCELLED}),
    _S.UPLOADING: frozenset({_S.QUEUED, _S.DOWNLOADING, _S.READY, _S.FAILED, _S.CANCELLED}),
    _S.READY: frozenset(),
    _S.FAILED: frozenset(),
    _S.CANCELLED: frozenset(),
}

ACTIVE_STATES: Final = frozenset(state for state in JobState if not state.over)


def check_move(old: JobState, new: JobState) -> None:
    """Accepts a legal move or none at all.

    Raises:
        IllegalMove: a job in ``old`` cannot go to ``new``.
    """
    if old is not new and new not in LEGAL_MOVES[old]:
        raise IllegalMove(f"A job that is {old} cannot become {new}.")


@dataclass(frozen=True, slots=True)
class Job:
    """One job of one user.

    Attributes:
        info_hash: 40 lower-case hex characters; for a link the SHA-1 of the normalised URL, so that it is never empty.
        source_kind: what was handed in.
        source_uri: the magnet or URL as normalised; a ``.torrent`` is kept apart and has ``magnet:`` here.
        state: see ``JobState``.
        provider: house name of the provider that holds the transfer, empty while there is none.
        account_id: the account used, None for local providers and while there is none.
        transfer_id: the provider's id, empty while there is none.
        cached_in: house name of the provider that had it at once, or None.
        progress: 0.0 to 1.0, never going backwards while the same transfer lives.
        size: bytes, None while unknown.
        speed: bytes per second as last told, None when nothing moves.
        waiting: in plain words, what an unfinished job waits for ("No seeders yet …"), or empty.
        error_code: ``SluicegateError.code`` of the reason it failed, or None.
        error: the reason in plain words, with what to do next.
        version: counts changes; used for optimistic locking and for change feeds.
        missing_since: since when the provider does not list the transfer, None while it is there or nobody has looked.
        missing: why that is believed and what happens next, in words, or empty.
        removed_at: when its owner removed it; it can be brought back until the grace period is over.
        removed_from: the state it was in then, when the removal has ended it.
        removes_upstream: its owner asked that the provider's copy goes as well, at the end of the grace period.
    """

    id: UUID
    user_id: UUID
    info_hash: str
    source_kind: SourceKind
    source_uri: str = field(repr=False)
    state: JobState
    created_at: datetime
    updated_at: datetime
    name: str = ""
    size: int | None = None
    progress: float = 0.0
    speed: int | None = None
    provider: str = ""
    account_id: UUID | None = None
    transfer_id: str = ""
    cached_in: str | None = None
    waiting: str = ""
    error_code: str | None = None
    error: str = ""
    version: int = 1
    missing_since: datetime | None = None
    missing: str = ""
    removed_at: datetime | None = None
    removed_from: JobState | None = None
    removes_upstream: bool = False

    @property
    def place(self) -> tuple[str, UUID | None, str]:
        """Where its transfer is; two providers may well give two transfers one id."""
        return self.provider, self.account_id, self.transfer_id


@dataclass(frozen=True, slots=True)
class KeptJob:
    """A ready job whose files a provider keeps: what comparing it with that provider's listing needs."""

    id: UUID
    transfer_id: str
    info_hash: str
    missing_since: datetime | None
