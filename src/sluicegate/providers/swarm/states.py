"""From what libtorrent reports to a transfer's state and a sentence that explains it."""

from dataclasses import dataclass

from sluicegate.core.transfers import TransferState

__all__ = ["Observation", "describe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One torrent at one moment.

    Attributes:
        blocked: why the disk does not take it, else empty.
        has_content: name and files are known.
        choosing: it was asked for metadata only.
        checking: files on disk are being verified.
        queued: it waits for a slot.
        finished: every wanted byte is there, not yet all on disk.
        idle: seconds since the last byte arrived, or since the start.
        patience: seconds of that after which it counts as stalled.
        peers: connected peers.
        seeds: connected peers that have everything.
        slots: transfers that may be active at the same time.
    """

    blocked: str = ""
    has_content: bool = False
    choosing: bool = False
    checking: bool = False
    queued: bool = False
    finished: bool = False
    idle: float = 0.0
    patience: float = 15.0
    peers: int = 0
    seeds: int = 0
    slots: int = 8


def describe(seen: Observation) -> tuple[TransferState, str]:
    """The state and why, for a transfer that is neither ready nor failed."""
    if seen.blocked:
        return TransferState.STALLED, seen.blocked
    if seen.choosing and seen.has_content:
        return TransferState.SELECTING, "The file list is here; nothing is downloaded until files are chosen."
    if seen.finished:
        return TransferState.PROCESSING, "All bytes are here; the last of them are being written to disk."
    if seen.checking:
        return TransferState.QUEUED, "Checking what is on disk already."
    if seen.queued:
        return TransferState.QUEUED, f"Waiting for one of {seen.slots} download slots."
    return _moving(seen) if seen.has_content else _resolving(seen)


def _moving(seen: Observation) -> tuple[TransferState, str]:
    if seen.idle < seen.patience:
        return TransferState.DOWNLOADING, f"Connected to {_peers(seen.peers)}, {seen.seeds} of them complete."
    if not seen.peers:
        return TransferState.STALLED, "No seeders yet: nobody who has it can be found. It waits and keeps looking."
    if not seen.seeds:
        return TransferState.STALLED, f"No seeders yet: {_peers(seen.peers)} connected, none has the missing parts."
    return TransferState.STALLED, f"Connected to {_peers(seen.peers)}, but none sends anything. It keeps asking."


def _resolving(seen: Observation) -> tuple[TransferState, str]:
    if seen.peers:
        return TransferState.RESOLVING, f"Asking {_peers(seen.peers)} for the file list."
    if seen.idle < seen.patience:
        return TransferState.RESOLVING, "Looking for peers that know this torrent."
    return TransferState.STALLED, "No seeders yet: nobody who knows this torrent can be found. It keeps looking."


def _peers(count: int) -> str:
    return "1 peer" if count == 1 else f"{count} peers"
