"""What an operator can decide about downloads of plain links."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["DirectOptions"]

_MIB = 1024 * 1024
_GIB = 1024 * _MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectOptions:
    """Settings of the downloader.

    Attributes:
        folder: where downloads and their state live; one downloader at a time holds it.
        segments: connections for one file, where the host honours ranges and names a strong validator.
        segment_min: bytes below which a segment is not worth a connection.
        max_bytes: size a file may have, also when the host promises none.
        max_active: downloads that run at the same time; the others wait.
        max_transfers: downloads that may exist at the same time.
        per_host: connections to one host at the same time.
        attempts: tries of one segment without real progress before the download fails.
        restarts: times a file may change on its host while it is fetched.
        backoff: seconds before the second try; doubled each time up to ``backoff_max``.
        retry_after_max: longest wait that a host may ask for with ``Retry-After``.
        idle_timeout: seconds of silence after which a connection is given up.
        slow_below: bytes per second under which a download counts as stalled.
        stall_after: seconds of that.
        save_every: seconds between two savings of the state.
        disk_retry: seconds between two looks at a full disk.
        disk_reserve: bytes that stay free on the disk whatever happens.
    """

    folder: Path
    segments: int = 4
    segment_min: int = 8 * _MIB
    max_bytes: int = 1024 * _GIB
    max_active: int = 8
    max_transfers: int = 10_000
    per_host: int = 8
    attempts: int = 6
    restarts: int = 3
    backoff: float = 0.5
    backoff_max: float = 60.0
    retry_after_max: float = 900.0
    idle_timeout: float = 30.0
    slow_below: int = 1024
    stall_after: float = 15.0
    save_every: float = 5.0
    disk_retry: float = 10.0
    disk_reserve: int = 512 * _MIB
