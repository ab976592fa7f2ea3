"""How one magnet of the world looks at AllDebrid: status rows, upload rows and file trees."""

import hashlib
import random
from typing import Any, Final

from sluicegate.sandbox.accounts import DAY
from sluicegate.sandbox.content import Content
from sluicegate.sandbox.transfers import Phase, Progress, Transfer

__all__ = ["LINK_PREFIX", "link_code", "read_link_code", "status_code", "status_row", "tree", "upload_row"]

LINK_PREFIX: Final = "https://alldebrid.com/f/"
_MOVED_SHARE: Final = 0.05
_KEPT_SECONDS: Final = 30 * DAY
_ALPHABET: Final = "ABCDEFGHJKMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789"
_INDEX_LENGTH: Final = 4
_CODES: Final = {
    Phase.QUEUED: 0,
    Phase.RESOLVING: 0,
    Phase.SELECTING: 0,
    Phase.DOWNLOADING: 1,
    Phase.PROCESSING: 2,
    Phase.READY: 4,
    Phase.FAILED: 15,
}
_TEXTS: Final = {
    0: "In Queue",
    1: "Downloading",
    2: "Compressing / Moving",
    3: "Uploading",
    4: "Ready",
    11: "Expired",
    15: "No peer",
}


def status_code(transfer: Transfer, content: Content, progress: Progress, now: float) -> int:
    """0 queued, 1 downloading, 2 moving, 3 uploading (storing is half 2, half 3), 4 ready, 11 expired, 15 dead.

    Files stay for thirty days (the sandbox's own figure), or for good where the world says that they are cached.
    """
    kept = transfer.provider in content.cached_on
    if progress.ready and not kept and now - (progress.ended_at or now) >= _KEPT_SECONDS:
        return 11
    if progress.phase is Phase.PROCESSING and progress.eta < content.seconds_to_ready * _MOVED_SHARE:
        return 3
    return _CODES[progress.phase]


def _known(transfer: Transfer, progress: Progress) -> bool:
    return transfer.metadata or progress.phase is not Phase.RESOLVING


def upload_row(transfer: Transfer, content: Content, progress: Progress, code: int) -> dict[str, Any]:
    """What an upload tells, without what was uploaded; a bare hash has neither name nor size at first."""
    known = _known(transfer, progress)
    return {
        "hash": transfer.source,
        "name": content.name if known else transfer.name or "noname",
        "filename_original": "",
        "size": content.size if known else 0,
        "ready": code == 4,
        "id": int(transfer.id),
    }


def status_row(
    transfer: Transfer, content: Content, progress: Progress, code: int, *, whole: bool = False
) -> dict[str, Any]:
    """A row of ``magnet/status``; ready magnets leave the moving figures out unless asked for alone (``whole``)."""
    known = _known(transfer, progress)
    figures = {
        "downloaded": progress.done,
        "uploaded": progress.done if code == 4 else 0,
        "processingPerc": 50 if code == 2 else 0,
        "seeders": 12 if code == 1 else 0,
        "downloadSpeed": progress.speed,
        "uploadSpeed": 0,
    }
    return {
        "id": int(transfer.id),
        "filename": content.name if known else transfer.name or "noname",
        "size": content.size if known else 0,
        "hash": transfer.source,
        "status": _TEXTS[code],
        "statusCode": code,
        **(figures if whole or code != 4 else {}),
        "uploadDate": int(transfer.created_at),
        "completionDate": int(progress.ended_at or 0),
        "type": "m",
        "notified": progress.ready,
        "version": 2,
        "nbLinks": len(content.files) if code == 4 else 0,
    }


def tree(transfer: Transfer, content: Content) -> list[dict[str, Any]]:
    """The files as nested nodes, in an order that changes from call to call; a single file stands bare at the root."""
    links = [LINK_PREFIX + link_code(transfer, index) for index in range(len(content.files))]
    if len(content.files) == 1 and content.files[0].path == content.name:
        return [{"n": content.name, "s": content.files[0].size, "l": links[0]}]
    root: dict[str, Any] = {"n": content.name, "e": []}
    order = list(enumerate(content.files))
    random.shuffle(order)
    for index, file in order:
        *folders, name = file.path.split("/")
        node = root
        for folder in folders:
            node = _folder(node, folder)
        node["e"].append({"n": name, "s": file.size, "l": links[index]})
    return [root]


def _folder(node: dict[str, Any], name: str) -> dict[str, Any]:
    children: list[dict[str, Any]] = node["e"]
    for child in children:
        if child["n"] == name and "e" in child:
            return child
    children.append({"n": name, "e": []})
    return children[-1]


def link_code(transfer: Transfer, index: int) -> str:
    """The stable end of a file's link: eleven characters, the last four of them the file."""
    return _prefix(transfer) + _digits(index)


def read_link_code(code: str, transfers: list[Transfer]) -> tuple[Transfer, int] | None:
    """Which file of which transfer a link means."""
    prefix, digits = code[:-_INDEX_LENGTH], code[-_INDEX_LENGTH:]
    if len(digits) != _INDEX_LENGTH or any(digit not in _ALPHABET for digit in digits):
        return None
    index = 0
    for digit in digits:
        index = index * len(_ALPHABET) + _ALPHABET.index(digit)
    return next(((transfer, index) for transfer in transfers if _prefix(transfer) == prefix), None)


def _prefix(transfer: Transfer) -> str:
    digest = hashlib.sha256(f"{transfer.account}/{transfer.id}".encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:7])


def _digits(number: int) -> str:
    found = ""
    for _ in range(_INDEX_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        found = _ALPHABET[digit] + found
    return found
