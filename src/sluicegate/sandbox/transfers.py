"""Transfers of the world and where each one stands at a moment: computed from the clock, never moved by a task."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec

from sluicegate.sandbox.content import Content

__all__ = ["Hold", "Kind", "Phase", "Progress", "Transfer", "chosen_size", "progress_of"]

_METADATA_SHARE: Final = 0.1
_MOVING_SHARE: Final = 0.9
_DEATH_SHARE: Final = 0.5


class Kind(StrEnum):
    """What was handed in."""

    TORRENT = "torrent"
    WEB = "web"
    USENET = "usenet"


class Hold(StrEnum):
    """Why a transfer has not started."""

    NONE = ""
    CHOICE = "choice"
    """Files must be selected first."""
    QUEUE = "queue"
    """It waits in the provider's queue."""


class Phase(StrEnum):
    """Where a transfer stands, in the words of the control API."""

    QUEUED = "queued"
    RESOLVING = "resolving"
    SELECTING = "selecting"
    DOWNLOADING = "downloading"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """True for READY and FAILED."""
        return self in {Phase.READY, Phase.FAILED}


class Transfer(msgspec.Struct, kw_only=True):
    """One transfer of one account.

    Attributes:
        id: the provider's id as text; dialects with numbers convert.
        provider: house name.
        account: ``Account.id``.
        kind: torrent, web or usenet.
        source: as ``Content.source``.
        name: what the submitter called it (``dn``, form field), shown until the metadata is there.
        created_at: world time.
        started_at: world time, None while held.
        hold: why it has not started.
        metadata: the file list was known from the first moment (a ``.torrent``, or cached content).
        cached: the provider had it when it was added.
        selected: indices of chosen files, None for all.
        number: a running number per world; larger is younger.
        extra: what only the dialect cares for.
    """

    id: str
    provider: str
    account: str
    kind: Kind
    source: str
    created_at: float
    name: str = ""
    started_at: float | None = None
    hold: Hold = Hold.NONE
    metadata: bool = False
    cached: bool = False
    selected: tuple[int, ...] | None = None
    number: int = 0
    extra: dict[str, Any] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """A transfer at one moment.

    Attributes:
        phase: where it stands.
        fraction: 0.0 to 1.0.
        done: bytes.
        speed: bytes per world second, 0 unless downloading.
        eta: world seconds until ready, 0 when over or unknown.
        ended_at: world time it became ready or failed.
    """

    phase: Phase
    fraction: float = 0.0
    done: int = 0
    speed: int = 0
    eta: float = 0.0
    ended_at: float | None = None

    @property
    def ready(self) -> bool:
        """Files can be linked."""
        return self.phase is Phase.READY


def chosen_size(transfer: Transfer, content: Content) -> int:
    """Bytes of the selected files."""
    if transfer.selected is None:
        return content.size
    return sum(content.files[index].size for index in transfer.selected if index < len(content.files))


def progress_of(transfer: Transfer, content: Content, now: float) -> Progress:
    """Where a transfer stands at world time ``now``.

    A start is followed by a tenth of ``seconds_to_ready`` for metadata, eight tenths of download and a tenth of moving
    to storage. A cached transfer is ready at its start; a dying one fails half-way.
    """
    total = 0.0 if transfer.cached else content.seconds_to_ready
    size = chosen_size(transfer, content)
    if transfer.started_at is None:
        return _held(transfer, now - transfer.created_at, total)
    if transfer.cached or (not content.dies and now - transfer.started_at >= total):
        return Progress(Phase.READY, 1.0, size, ended_at=transfer.started_at + total)
    return _moving(transfer, now - transfer.started_at, total, size, dies=content.dies)


def _held(transfer: Transfer, age: float, total: float) -> Progress:
    if transfer.hold is Hold.QUEUE:
        return Progress(Phase.QUEUED)
    known = transfer.metadata or age >= total * _METADATA_SHARE
    return Progress(Phase.SELECTING if known else Phase.RESOLVING)


def _moving(transfer: Transfer, age: float, total: float, size: int, *, dies: bool) -> Progress:
    share = age / total if total > 0 else 1.0
    fraction = min(1.0, max(0.0, (share - _METADATA_SHARE) / (_MOVING_SHARE - _METADATA_SHARE)))
    done = int(size * fraction)
    if dies and share >= _DEATH_SHARE:
        died = (transfer.started_at or 0.0) + total * _DEATH_SHARE
        return Progress(Phase.FAILED, _DEATH_SHARE, int(size * _DEATH_SHARE), ended_at=died)
    if share < _METADATA_SHARE:
        waiting = Phase.QUEUED if transfer.metadata or transfer.hold is Hold.CHOICE else Phase.RESOLVING
        return Progress(waiting, eta=total - age)
    if share < _MOVING_SHARE:
        speed = int(size / (total * (_MOVING_SHARE - _METADATA_SHARE)))
        return Progress(Phase.DOWNLOADING, fraction, done, speed, total - age)
    return Progress(Phase.PROCESSING, 1.0, size, eta=total - age)
