"""One transfer inside the engine: what is recorded about it plus what libtorrent says right now."""

import time
from dataclasses import dataclass, field

import libtorrent as lt

from sluicegate.core.transfers import TransferState
from sluicegate.providers.swarm.records import Content, Phase, Record
from sluicegate.providers.swarm.states import Observation, describe
from sluicegate.providers.swarm.wire import TransferFacts

__all__ = ["Download"]


@dataclass(slots=True, eq=False)
class Download:
    """A transfer; ``handle`` is None while libtorrent does not have it.

    Attributes:
        blocked: why the disk does not take it, else empty.
        strikes: disk errors in a row that more space would not cure.
        settling: every byte is there and is being made safe on disk.
        endpoints: peers met while the metadata was fetched, in order.
    """

    record: Record
    content: Content | None = None
    handle: lt.torrent_handle | None = None
    status: lt.torrent_status | None = None
    blocked: str = ""
    strikes: int = 0
    settling: bool = False
    ends_wanted: bool = False
    endpoints: dict[tuple[str, int], None] = field(default_factory=dict)
    _moved_at: float = field(default_factory=time.monotonic)
    _received: int = 0
    _progress: float = 0.0

    @property
    def id(self) -> str:
        """The transfer's id."""
        return self.record.id

    @property
    def choosing(self) -> bool:
        """True while only its metadata is wanted."""
        return self.record.source.metadata_only

    @property
    def size(self) -> int | None:
        """Bytes of the wanted files, None while they are unknown."""
        if self.content is None:
            return None
        return sum(entry.size for entry in self.content.entries if self.choosing or self.record.wants(entry.index))

    @property
    def missing(self) -> int:
        """Bytes that are still to come, 0 while that is unknown."""
        done = self.status.total_wanted_done if self.status is not None and self.status.has_metadata else 0
        return max((self.size or 0) - done, 0)

    @property
    def complete(self) -> bool:
        """True when libtorrent has every wanted byte."""
        seen = self.status
        if seen is None or self.content is None or self.choosing or not seen.has_metadata:
            return False
        return bool(seen.is_finished) and seen.total_wanted_done >= (self.size or 0)

    @property
    def moving(self) -> bool:
        """True once libtorrent has checked what is there and fetches the rest."""
        return self.status is not None and self.status.state == lt.torrent_status.downloading

    def observe(self, status: lt.torrent_status) -> None:
        """Takes in what libtorrent says."""
        self.status = status
        if status.total_payload_download != self._received:
            self._received = status.total_payload_download
            self._moved_at = time.monotonic()

    def restarted(self) -> None:
        """Counts patience from now on."""
        self._moved_at = time.monotonic()

    def facts(self, *, patience: float, slots: int) -> TransferFacts:
        """The transfer as it goes over the wire."""
        state, words = self._state(patience, slots)
        seen = self.status
        return TransferFacts(
            id=self.id,
            name=self.record.name,
            state=state,
            detail=words,
            size=self.size,
            progress=1.0 if state is TransferState.READY else self._advance(),
            speed=seen.download_payload_rate if seen is not None and not state.over else None,
            seeders=_seeders(seen) if seen is not None and not state.over else None,
            added_at=self.record.added_at,
        )

    def _state(self, patience: float, slots: int) -> tuple[TransferState, str]:
        if self.record.phase is Phase.READY:
            return TransferState.READY, ""
        if self.record.phase is Phase.FAILED:
            return TransferState.FAILED, self.record.words
        seen = self.status
        states = lt.torrent_status.states
        return describe(
            Observation(
                blocked=self.blocked,
                has_content=self.content is not None,
                choosing=self.choosing,
                checking=seen is not None and seen.state in {states.checking_files, states.checking_resume_data},
                queued=seen is not None and _is_queued(seen),
                finished=self.settling or self.complete,
                idle=time.monotonic() - self._moved_at,
                patience=patience,
                peers=seen.num_peers if seen is not None else 0,
                seeds=seen.num_seeds if seen is not None else 0,
                slots=slots,
            )
        )

    def _advance(self) -> float:
        """Share of the wanted bytes; a piece that failed its check does not turn it back."""
        size = self.size
        if size and self.status is not None and not self.choosing:
            share = (size - self.missing) / size
            self._progress = max(self._progress, min(share, 1.0))
        return self._progress


def _is_queued(seen: lt.torrent_status) -> bool:
    flags = lt.torrent_flags.paused | lt.torrent_flags.auto_managed
    return bool(seen.flags & flags == flags)


def _seeders(seen: lt.torrent_status) -> int:
    """What trackers count, when they do; otherwise the complete peers we know of."""
    return int(seen.num_complete) if seen.num_complete >= 0 else int(max(seen.list_seeds, seen.num_seeds))
