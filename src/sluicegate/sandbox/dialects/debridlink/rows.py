"""How one torrent of the world looks at Debrid-Link."""

import hashlib
from typing import Any, Final

from sluicegate.sandbox.accounts import Account
from sluicegate.sandbox.content import Content
from sluicegate.sandbox.dialect import Dialect
from sluicegate.sandbox.transfers import Hold, Phase, Progress, Transfer, chosen_size

__all__ = ["activity_row", "code", "file_indices", "torrent_id", "torrent_row"]

_MOST_FILES: Final = 100
_BASE36: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_STATUSES: Final = {
    Phase.QUEUED: 1,
    Phase.RESOLVING: 1,
    Phase.SELECTING: 0,
    Phase.DOWNLOADING: 4,
    Phase.PROCESSING: 6,
    Phase.READY: 100,
    Phase.FAILED: 0,
}
_DIED: Final = {"error": 3, "errorString": "No peers were found"}
_FINE: Final = {"error": 0, "errorString": ""}


def code(*parts: str) -> str:
    """Eight characters that depend on nothing but the parts."""
    number = int.from_bytes(hashlib.sha256("/".join(parts).encode()).digest()[:8], "big")
    letters = ""
    for _ in range(8):
        number, letter = divmod(number, 36)
        letters += _BASE36[letter]
    return letters


def torrent_id(account: Account, source: str) -> str:
    """A stable function of account and hash: the same after delete and re-add."""
    return code(account.id, source)


def file_indices(transfer: Transfer, content: Content) -> list[int]:
    """Which files are shown: the wanted ones, under the numbers they had before."""
    wanted = transfer.selected
    return [index for index in range(len(content.files)) if wanted is None or index in wanted]


def _percent(progress: Progress) -> int:
    """Whole percent; moving to storage (status 6) shows 99."""
    return 99 if progress.phase is Phase.PROCESSING else int(progress.fraction * 100)


def _known(transfer: Transfer, progress: Progress) -> bool:
    return transfer.metadata or progress.phase is not Phase.RESOLVING


def torrent_row(
    dialect: Dialect, transfer: Transfer, content: Content, progress: Progress, *, alone: bool = True
) -> dict[str, Any]:
    """A torrent; in bulk lists (not ``alone``) very many files collapse into one ZIP."""
    known, percent = _known(transfer, progress), _percent(progress)
    packed = known and not alone and len(file_indices(transfer, content)) > _MOST_FILES
    files = _packed(dialect, transfer, content, percent) if packed else _files(dialect, transfer, content, percent)
    moving = progress.phase is Phase.DOWNLOADING
    return {
        "id": transfer.id,
        "name": content.name if known else transfer.name,
        "created": int(transfer.extra["created"]),
        "hashString": content.id,
        "uploadRatio": 0.02 if moving else 0,
        "serverId": "seed07",
        "wait": transfer.hold is Hold.CHOICE and transfer.started_at is None,
        "peersConnected": 12 if moving else 0,
        "status": _STATUSES[progress.phase],
        "totalSize": chosen_size(transfer, content) if known else 0,
        "downloadPercent": percent,
        "downloadSpeed": progress.speed,
        "uploadSpeed": 120_832 if moving else 0,
        "isZip": packed,
        "srvMaint": False,
        **(_DIED if progress.phase is Phase.FAILED else _FINE),
        "files": files if known else [],
        "trackers": [{"announce": "udp://tracker.example:1337/announce"}],
    }


def _files(dialect: Dialect, transfer: Transfer, content: Content, percent: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{transfer.id}-{index}",
            "name": content.files[index].path.rpartition("/")[2],
            "size": content.files[index].size,
            "downloadUrl": dialect.file_link(content, index),
            "downloaded": False,
            "downloadPercent": percent,
        }
        for index in file_indices(transfer, content)
    ]


def _packed(dialect: Dialect, transfer: Transfer, content: Content, percent: int) -> list[dict[str, Any]]:
    name, size = f"{content.name}.zip", chosen_size(transfer, content)
    shown = {"id": f"{transfer.id}-zip", "name": name, "size": size, "downloaded": False, "downloadPercent": percent}
    return [{**shown, "downloadUrl": dialect.packed_link(content, name, size)}]


def activity_row(transfer: Transfer, content: Content, progress: Progress) -> dict[str, Any]:
    """The cheap row: figures only."""
    percent, moving = _percent(progress), progress.phase is Phase.DOWNLOADING
    known = _known(transfer, progress)
    return {
        "status": _STATUSES[progress.phase],
        "downloadPercent": percent,
        "files": [percent for _ in file_indices(transfer, content)] if known else [],
        "zip": [],
        "size": chosen_size(transfer, content) if known else 0,
        "uploadRatio": 0.02 if moving else 0,
        "peersConnected": 12 if moving else 0,
        "downloadSpeed": progress.speed,
        "uploadSpeed": 98_304 if moving else 0,
        "wait": transfer.hold is Hold.CHOICE and transfer.started_at is None,
        "act_progress": moving,
    }
