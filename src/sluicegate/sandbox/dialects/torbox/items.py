"""How one download looks in a list."""

import mimetypes
from typing import Any, Final

from sluicegate.sandbox.accounts import DAY, Account
from sluicegate.sandbox.content import Content
from sluicegate.sandbox.dialects.torbox.answers import stamp
from sluicegate.sandbox.dialects.torbox.families import FAMILIES, hash_of
from sluicegate.sandbox.dialects.torbox.plans import auth_id
from sluicegate.sandbox.transfers import Kind, Phase, Progress, Transfer

__all__ = ["file_rows", "item", "world_id"]

_KEPT_DAYS: Final = 30
_PREFIX: Final = {family.kind: family.prefix for family in FAMILIES}
_STATES: Final = {
    Kind.TORRENT: {
        Phase.RESOLVING: "metaDL",
        Phase.QUEUED: "checkingResumeData",
        Phase.DOWNLOADING: "downloading",
        Phase.PROCESSING: "completed",
        Phase.FAILED: "failed (no seeds)",
    },
    Kind.USENET: {
        Phase.RESOLVING: "queued",
        Phase.QUEUED: "queued",
        Phase.DOWNLOADING: "downloading",
        Phase.PROCESSING: "verifying",
        Phase.FAILED: "failed (Aborted, cannot be completed)",
    },
    Kind.WEB: {
        Phase.RESOLVING: "queued",
        Phase.QUEUED: "queued",
        Phase.DOWNLOADING: "downloading",
        Phase.PROCESSING: "decrypting",
        Phase.FAILED: "error",
    },
}


def world_id(kind: Kind, number: int) -> str:
    """The world's id of a download: the three number spaces overlap."""
    return f"{_PREFIX[kind]}{number}"


def item(transfer: Transfer, content: Content, progress: Progress, account: Account) -> dict[str, Any]:
    """One list item of the transfer's kind."""
    row = _shared(transfer, content, progress, account)
    if transfer.kind is Kind.TORRENT:
        return row | _torrent_only(transfer, progress) | {"owner": row["auth_id"]}
    row["original_url"] = transfer.extra.get("link")
    if transfer.kind is Kind.WEB:
        row |= {"error": "The download failed." if progress.phase is Phase.FAILED else None}
        return row | {"upload_speed": 0, "torrent_file": False, "availability": 1, "inactive_check": 0}
    return row | {"download_id": f"SABnzbd_nzo_{transfer.id}"}


def _shared(transfer: Transfer, content: Content, progress: Progress, account: Account) -> dict[str, Any]:
    known = progress.phase is not Phase.RESOLVING
    finished = progress.phase in {Phase.READY, Phase.PROCESSING}
    name = transfer.extra.get("name") or (content.name if known else transfer.name or transfer.source)
    changed = progress.ended_at or transfer.created_at
    return {
        "id": int(transfer.id.removeprefix(_PREFIX[transfer.kind])),
        "auth_id": auth_id(account),
        "server": 1,
        "hash": hash_of(transfer),
        "name": name,
        "size": content.size if known else 0,
        "active": not progress.phase.over or (progress.ready and not transfer.cached),
        "created_at": stamp(transfer.created_at),
        "updated_at": stamp(changed),
        "download_state": _state(transfer, progress),
        "progress": round(progress.fraction, 4),
        "download_speed": progress.speed,
        "eta": int(progress.eta),
        "expires_at": stamp(progress.ended_at + _KEPT_DAYS * DAY) if progress.ready and progress.ended_at else None,
        "download_present": progress.ready,
        "download_finished": finished,
        "files": file_rows(content, hash_of(transfer), rooted=transfer.kind is Kind.TORRENT) if finished else [],
        "cached": progress.ready,
        "cached_at": stamp(progress.ended_at) if progress.ready and progress.ended_at else None,
        "alternative_hashes": transfer.extra.get("alternative_hashes", []),
        "tags": transfer.extra.get("tags", []),
        "airlocked": False,
    }


def _torrent_only(transfer: Transfer, progress: Progress) -> dict[str, Any]:
    moving = progress.phase is Phase.DOWNLOADING
    return {
        "magnet": f"magnet:?xt=urn:btih:{transfer.source}",
        "seeds": 14 if moving else 0,
        "peers": 3 if moving else 0,
        "ratio": 0.0,
        "upload_speed": 0,
        "torrent_file": transfer.metadata and not transfer.cached,
        "download_path": transfer.source,
        "availability": 1.0,
        "tracker": None,
        "total_uploaded": 0,
        "total_downloaded": progress.done,
        "seed_torrent": False,
        "allow_zipped": True,
        "long_term_seeding": False,
        "tracker_message": None,
        "private": False,
    }


def _state(transfer: Transfer, progress: Progress) -> str:
    if progress.ready:
        return "cached" if transfer.cached else {Kind.TORRENT: "uploading"}.get(transfer.kind, "completed")
    return _STATES[transfer.kind][progress.phase]


def file_rows(content: Content, digest: str, *, rooted: bool) -> list[dict[str, Any]]:
    """The files of an item; names begin with the root folder, but for a single file that is no torrent's."""
    rows = []
    rooted = rooted or [file.path for file in content.files] != [content.name]
    for index, file in enumerate(content.files):
        path = f"{content.name}/{file.path}" if rooted else file.path
        short = file.path.rpartition("/")[2]
        rows.append(
            {
                "id": index,
                "md5": None,
                "hash": digest,
                "name": path,
                "size": file.size,
                "zipped": False,
                "s3_path": f"{digest}/{path}",
                "infected": False,
                "mimetype": mimetypes.guess_type(short)[0] or "application/octet-stream",
                "short_name": short,
                "absolute_path": f"/downloads/{digest}/{path}",
                "opensubtitles_hash": None,
            }
        )
    return rows
