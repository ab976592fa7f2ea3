"""Torrent calls: add, list, info, select, delete."""

from collections.abc import Iterable
from typing import Any, Final

from sluicegate.sandbox.content import Content
from sluicegate.sandbox.dialect import Call, Dialect, Route
from sluicegate.sandbox.dialects.realdebrid.answers import listing, refuse, shown, stamp
from sluicegate.sandbox.dialects.realdebrid.host_links import HostLinks
from sluicegate.sandbox.sources import Submitted, read_magnet, read_torrent
from sluicegate.sandbox.transfers import Hold, Phase, Progress, Transfer, chosen_size
from sluicegate.sandbox.wire import Answer

__all__ = ["TorrentCalls"]

_SLOTS: Final = 25
_SPLIT_GB: Final = 2000
_INFO_ORDER: Final = (
    *("id", "filename", "original_filename", "hash", "bytes", "original_bytes", "host", "split", "progress"),
    *("status", "added", "files", "links", "speed", "seeders", "ended"),
)
_STATUS: Final = {
    Phase.RESOLVING: "magnet_conversion",
    Phase.SELECTING: "waiting_files_selection",
    Phase.QUEUED: "queued",
    Phase.DOWNLOADING: "downloading",
    Phase.PROCESSING: "uploading",
    Phase.READY: "downloaded",
    Phase.FAILED: "dead",
}


class TorrentCalls:
    """``/torrents/*``."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._world = dialect.world
        self._links = HostLinks(dialect.world)

    def routes(self) -> Iterable[Route]:
        """Paths of this part."""
        root = "/rest/1.0/torrents"
        return (
            Route("GET", root, self.listing),
            Route("POST", f"{root}/addMagnet", self.add_magnet),
            Route("PUT", f"{root}/addTorrent", self.add_torrent),
            Route("GET", f"{root}/info/{{id}}", self.one),
            Route("POST", f"{root}/selectFiles/{{id}}", self.select),
            Route("DELETE", f"{root}/delete/{{id}}", self.delete),
            Route("GET", f"{root}/activeCount", self.active_count),
            Route("GET", f"{root}/availableHosts", self.available_hosts),
        )

    def add_magnet(self, call: Call) -> Answer:
        """Form ``magnet``; bare hashes are not taken."""
        text = call.request.form.get("magnet")
        if not text:
            raise refuse(1)
        found = read_magnet(text)
        if found is None:
            raise refuse(2)
        return self._add(call, found, metadata=False)

    def add_torrent(self, call: Call) -> Answer:
        """Raw bytes of a ``.torrent``."""
        found = read_torrent(call.request.body)
        if found is None:
            raise refuse(30)
        return self._add(call, found, metadata=True)

    def _add(self, call: Call, found: Submitted, *, metadata: bool) -> Answer:
        """A new id each time, also for a hash that is there already; nothing starts before files are selected."""
        self._premium(call)
        if "realdebrid" in self._world.content(found.info_hash).blocked_on:
            raise refuse(35)
        self._free_slot(call)
        code = self._world.code(13)
        self._world.add(call.account, found.info_hash, id=code, name=found.name, hold=Hold.CHOICE, metadata=metadata)
        uri = f"{call.request.root}/realdebrid/rest/1.0/torrents/info/{code}"
        return shown({"id": code, "uri": uri}, 201)

    def _premium(self, call: Call) -> None:
        if not call.account.premium:
            raise refuse(9)

    def _free_slot(self, call: Call) -> None:
        if self._dialect.limited and len(self._world.active(call.account)) >= _SLOTS:
            raise refuse(21)

    def listing(self, call: Call) -> Answer:
        """Youngest first; 204 where there is nothing."""
        self._premium(call)
        active = call.request.query.get("filter") == "active"
        every = self._world.active(call.account)[::-1] if active else self._world.transfers(call.account)
        rows, headers = listing(call, len(every))
        page = [self._row(transfer) for transfer in every[rows]]
        answer = shown(page) if page else Answer(204)
        answer.headers += headers
        return answer

    def one(self, call: Call) -> Answer:
        """One torrent with its files."""
        transfer = self._transfer(call)
        content, progress = self._world.content(transfer.source), self._world.progress(transfer)
        row = self._row(transfer)
        known = progress.phase is not Phase.RESOLVING
        more: dict[str, Any] = {
            "original_filename": row["filename"],
            "original_bytes": content.size if known else 0,
            "files": _files(transfer, content) if known else [],
        }
        return shown({key: (row | more)[key] for key in _INFO_ORDER if key in row or key in more})

    def _transfer(self, call: Call) -> Transfer:
        self._premium(call)
        found = self._world.transfer(call.account, call.params["id"])
        if found is None:
            raise refuse(7)
        return found

    def _row(self, transfer: Transfer) -> dict[str, Any]:
        content, progress = self._world.content(transfer.source), self._world.progress(transfer)
        known = progress.phase is not Phase.RESOLVING
        percent = round(progress.fraction * 100, 2)
        row: dict[str, Any] = {
            "id": transfer.id,
            "filename": content.name if known else transfer.name or "Magnet",
            "hash": transfer.source,
            "bytes": chosen_size(transfer, content) if known else 0,
            "host": "real-debrid.com",
            "split": _SPLIT_GB,
            "progress": int(percent) if percent == int(percent) else percent,
            "status": _STATUS[progress.phase],
            "added": stamp(transfer.created_at),
            "links": self._links.urls(transfer) if progress.ready else [],
        }
        return row | _movement(progress)

    def select(self, call: Call) -> Answer:
        """Form ``files``: ``all`` or ids; starts the torrent."""
        transfer = self._transfer(call)
        chosen = call.request.form.get("files")
        if not chosen:
            raise refuse(1)
        if transfer.started_at is not None:
            raise refuse(31)
        if self._world.progress(transfer).phase is Phase.RESOLVING:
            raise refuse(7)
        self._free_slot(call)
        content = self._world.content(transfer.source)
        transfer.selected = _chosen(chosen, content)
        self._links.make(call.account, transfer, content)
        self._world.start(transfer)
        return Answer(204)

    def delete(self, call: Call) -> Answer:
        """Gone at once, with its links."""
        transfer = self._transfer(call)
        self._links.forget(transfer)
        self._world.remove(call.account, transfer.id)
        return Answer(204)

    def active_count(self, call: Call) -> Answer:
        """Running torrents and the most there may be."""
        return shown({"nb": len(self._world.active(call.account)), "limit": _SLOTS})

    def available_hosts(self, call: Call) -> Answer:
        """Where torrents can be stored; sizes in GB."""
        return shown([{"host": "real-debrid.com", "max_file_size": _SPLIT_GB}])


def _movement(progress: Progress) -> dict[str, Any]:
    """Members that only some states have."""
    row: dict[str, Any] = {}
    if progress.phase in {Phase.DOWNLOADING, Phase.PROCESSING}:
        row["speed"] = progress.speed
    if progress.phase in {Phase.DOWNLOADING, Phase.RESOLVING}:
        row["seeders"] = 12 if progress.phase is Phase.DOWNLOADING else 0
    if progress.ready and progress.ended_at is not None:
        row["ended"] = stamp(progress.ended_at)
    return row


def _chosen(text: str, content: Content) -> tuple[int, ...] | None:
    """Indices of the chosen files, None for all; ids count from 1."""
    if text == "all":
        return None
    ids = [part.strip() for part in text.split(",") if part.strip()]
    if not ids or any(not part.isdecimal() or not 1 <= int(part) <= len(content.files) for part in ids):
        raise refuse(2, 404)
    return tuple(sorted({int(part) - 1 for part in ids}))


def _files(transfer: Transfer, content: Content) -> list[dict[str, Any]]:
    started = transfer.started_at is not None
    return [
        {
            "id": index + 1,
            "path": "/" + file.path,
            "bytes": file.size,
            "selected": int(started and (transfer.selected is None or index in transfer.selected)),
        }
        for index, file in enumerate(content.files)
    ]
