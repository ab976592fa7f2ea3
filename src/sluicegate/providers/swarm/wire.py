"""What the server and its torrent engine say to each other: one JSON object per line, each way, over two pipes.

The first line to the engine is its ``SwarmOptions``; after that every line is a ``Request`` and is answered by one
``Reply`` with the same number, in any order. The engine says ``Hello`` (as reply 0) when it is ready to listen.
"""

from typing import Final

import msgspec

from sluicegate.core.transfers import TransferState

__all__ = [
    "LINE_MAX",
    "PAGE",
    "Add",
    "Added",
    "Call",
    "Choose",
    "Collect",
    "Done",
    "Facts",
    "Fault",
    "FaultKind",
    "FileFacts",
    "FileList",
    "Files",
    "Get",
    "Health",
    "Hello",
    "Remove",
    "Reply",
    "Report",
    "Request",
    "Result",
    "TransferFacts",
    "TransferList",
]

LINE_MAX: Final = 32 * 1024 * 1024
"""Bytes of one line: a .torrent of 16 MiB in base64 fits, and so does a list of every transfer."""

PAGE: Final = 5_000
"""Files in one answer, so that 100,000 long names stay below ``LINE_MAX``."""

FaultKind = str
"""``missing``, ``not_ready``, ``failed``, ``refused``, ``full``, ``slots``, ``invalid`` or ``internal``."""


class Add(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """Take a torrent, or add these trackers and peers to the one that is there.

    Attributes:
        info_hash: the transfer's id; the v2 hash is given whenever it is known.
        torrent: content of the ``.torrent``; None for a magnet.
        peers: ``address:port`` or ``[IPv6]:port``.
        metadata_only: fetch name and file list, then wait for ``Choose``.
    """

    info_hash: str
    info_hash_v2: str | None = None
    name: str = ""
    trackers: tuple[str, ...] = ()
    web_seeds: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    torrent: bytes | None = None
    metadata_only: bool = False


class Choose(msgspec.Struct, tag=True, frozen=True):
    """Fetch the files with these indexes and no others, or every file for None."""

    id: str
    indexes: tuple[int, ...] | None = None


class Report(msgspec.Struct, tag=True, frozen=True):
    """Tell about every transfer."""


class Get(msgspec.Struct, tag=True, frozen=True):
    """Tell about one transfer."""

    id: str


class Files(msgspec.Struct, tag=True, frozen=True):
    """List the files of a transfer from the ``start``-th on, at most ``PAGE`` of them."""

    id: str
    start: int = 0


class Collect(msgspec.Struct, tag=True, frozen=True):
    """Let go of a finished transfer's files, and list the wanted ones as ``Files`` does."""

    id: str
    start: int = 0


class Remove(msgspec.Struct, tag=True, frozen=True):
    """Forget a transfer and delete what it has on disk."""

    id: str


class Health(msgspec.Struct, tag=True, frozen=True):
    """Tell about the engine itself."""


Call = Add | Choose | Report | Get | Files | Collect | Remove | Health


class Request(msgspec.Struct, frozen=True):
    """One call; ``number`` counts up from 1."""

    number: int
    call: Call


class TransferFacts(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """One transfer as it is now; fields as in ``core.transfers.Transfer``, ``added_at`` in seconds since 1970."""

    id: str
    name: str
    state: TransferState
    detail: str
    size: int | None
    progress: float
    speed: int | None
    seeders: int | None
    added_at: float


class TransferList(msgspec.Struct, tag=True, frozen=True):
    """Every transfer, newest first."""

    items: tuple[TransferFacts, ...]


class Added(msgspec.Struct, tag=True, frozen=True):
    """Answer to ``Add``."""

    existing: bool
    transfer: TransferFacts


class FileFacts(msgspec.Struct, frozen=True):
    """One file: ``disk`` is its path below the engine's folder, present when the transfer is ready."""

    index: int
    path: str
    size: int
    wanted: bool = True
    disk: str = ""


class FileList(msgspec.Struct, tag=True, frozen=True):
    """Some files of a transfer; ``following`` is where the next part begins, None at the end."""

    items: tuple[FileFacts, ...]
    following: int | None


class Facts(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """Answer to ``Health``: bytes, counts and the port that peers can connect to."""

    disk_free: int
    transfers: int
    peers: int
    port: int


class Hello(msgspec.Struct, tag=True, frozen=True):
    """The engine is ready."""

    libtorrent: str


class Done(msgspec.Struct, tag=True, frozen=True):
    """Nothing more to say."""


class Fault(msgspec.Struct, tag=True, frozen=True):
    """Why a call failed: a ``kind`` to decide on and a sentence for a person."""

    kind: FaultKind
    words: str


Result = TransferFacts | TransferList | Added | FileList | Facts | Hello | Done | Fault


class Reply(msgspec.Struct, frozen=True):
    """The answer to the request of that number."""

    number: int
    result: Result
