"""Debrid-Link's seedbox: add, list, activity, choice of files, removal, archives, limits."""

from typing import Any, Final
from urllib.parse import urlsplit

from sluicegate.sandbox.accounts import DAY, Account
from sluicegate.sandbox.content import Content
from sluicegate.sandbox.dialect import Call, Dialect
from sluicegate.sandbox.dialects.debridlink.answers import paged, refuse, success
from sluicegate.sandbox.dialects.debridlink.arguments import flag, id_filter, listed, many, one, place
from sluicegate.sandbox.dialects.debridlink.rows import activity_row, file_indices, torrent_id, torrent_row
from sluicegate.sandbox.limits import Rate
from sluicegate.sandbox.sources import read_hash, read_magnet, read_torrent
from sluicegate.sandbox.transfers import Hold, Transfer
from sluicegate.sandbox.wire import Answer, Request

__all__ = ["SERVER", "Seedbox"]

SERVER: Final = "server-"
"""Accounts ``sandbox-server-<name>`` call from a data centre."""

_PER_DAY: Final = Rate("debridlink.torrents", 50, DAY)
_DAY_SIZE: Final = 400 * 1024**3
_MOST_ACTIVE: Final = 20
_LARGEST: Final = 1024**4
_MOST_FILES: Final = 2000


class Seedbox:
    """Handlers below ``/api/v2/seedbox``."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._world = dialect.world

    # Add

    def add(self, call: Call) -> Answer:
        """A magnet, a link to a ``.torrent``, a file part, or the bare hash of something stored."""
        account, request = call.account, call.request
        if account.name.startswith(SERVER):
            raise refuse("serverNotAllowed")
        if not account.premium:
            raise refuse("freeServerOverload")
        source, name, metadata = self._read(request)
        content = self._world.content(source)
        order = {"created": self._world.clock.now(), "order": self._world.number("debridlink.order")}
        transfer = next(self._world.find(account, source), None)
        if transfer is None:
            self._admit(request, account, content)
            hold = Hold.CHOICE if flag(request, "wait") else Hold.NONE
            id_ = torrent_id(account, source)
            transfer = self._world.add(
                account, source, id=id_, name=name, hold=hold, metadata=metadata, extra=dict(order)
            )
        else:
            transfer.extra |= order
            self._world.save(transfer)
        return success(self._row(transfer))

    def _read(self, request: Request) -> tuple[str, str, bool]:
        """Source, name, and whether the files are known from the start."""
        part, url = request.form.file("file"), one(request, "url").strip()
        if part is not None:
            found = read_torrent(part.data)
            if found is None:
                raise refuse("badTorrentFile")
            return found.info_hash, found.name, True
        if not url:
            raise refuse("badArguments")
        if magnet := read_magnet(url):
            return magnet.info_hash, magnet.name, False
        info_hash = read_hash(url)
        if info_hash and self._dialect.name in self._world.content(info_hash).cached_on:
            return info_hash, "", True
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.path.lower().endswith(".torrent"):
            return url, "", True
        raise refuse("notAddTorrent")

    def _admit(self, request: Request, account: Account, content: Content) -> None:
        """What a new torrent may be refused for; stored ones take no slot and none of the day's torrents."""
        if self._dialect.name in content.blocked_on:
            raise refuse("infringingFile")
        if not self._dialect.limited:
            return
        if content.size > _LARGEST or len(content.files) > _MOST_FILES:
            raise refuse("torrentTooBig")
        if self._dialect.name in content.cached_on:
            return
        if len(self._world.active(account)) >= _MOST_ACTIVE:
            raise refuse("maxTransfer")
        if self._day_size(account) >= _DAY_SIZE or self._dialect.count(_PER_DAY, request, account):
            raise refuse("maxTorrent")

    def _day_size(self, account: Account) -> int:
        since = self._world.clock.now() - DAY
        fresh = [t for t in self._world.transfers(account) if t.created_at > since and not t.cached]
        return sum(self._world.content(transfer.source).size for transfer in fresh)

    # List

    def listing(self, call: Call) -> Answer:
        """Newest ``created`` first, or as asked with ``ids``; one id alone shows every file."""
        chosen, page, pages, single = self._page(call)
        return paged([self._row(transfer, alone=single) for transfer in chosen], page, pages)

    def activity(self, call: Call) -> Answer:
        """Figures by id; an empty map arrives as an empty list."""
        chosen, page, pages, _ = self._page(call)
        rows = {}
        for transfer in chosen:
            content, progress = self._world.content(transfer.source), self._world.progress(transfer)
            rows[transfer.id] = activity_row(transfer, content, progress)
        return paged(rows or [], page, pages)

    def _page(self, call: Call) -> tuple[list[Transfer], int, int, bool]:
        ids, (page, size) = id_filter(call.request), place(call.request)
        if ids is None:
            chosen = sorted(self._world.transfers(call.account), key=lambda t: t.extra["order"], reverse=True)
        else:
            found = (self._world.transfer(call.account, id_) for id_ in ids)
            chosen = [transfer for transfer in found if transfer is not None]
        pages = max(1, -(-len(chosen) // size))
        return chosen[page * size : (page + 1) * size], page, pages, ids is not None and len(ids) == 1

    def _row(self, transfer: Transfer, *, alone: bool = True) -> dict[str, Any]:
        content, progress = self._world.content(transfer.source), self._world.progress(transfer)
        return torrent_row(self._dialect, transfer, content, progress, alone=alone)

    # Choose, remove, pack

    def config(self, call: Call) -> Answer:
        """``files-unwanted`` names the files to leave out; it starts a waiting torrent."""
        transfer = self._transfer(call)
        content, unwanted = self._world.content(transfer.source), many(call.request, "files-unwanted")
        if transfer.started_at is None:
            ids = [f"{transfer.id}-{index}" for index in range(len(content.files))]
            if set(unwanted) - set(ids) or set(ids) == set(unwanted):
                raise refuse("badArguments")
            if unwanted:
                transfer.selected = tuple(index for index, id_ in enumerate(ids) if id_ not in unwanted)
            self._world.start(transfer)
        return success(unwanted)

    def remove(self, call: Call) -> Answer:
        """Echoes every id, held or not."""
        ids = listed(call.params["ids"])
        for id_ in ids:
            self._world.remove(call.account, id_)
        return success(ids)

    def pack(self, call: Call) -> Answer:
        """An archive of some files of a torrent."""
        transfer = self._transfer(call)
        content, ids = self._world.content(transfer.source), many(call.request, "ids")
        chosen = [index for index in file_indices(transfer, content) if f"{transfer.id}-{index}" in ids]
        if not chosen:
            raise refuse("badArguments")
        size = sum(content.files[index].size for index in chosen)
        url = self._dialect.packed_link(content, f"{content.name}.zip", size)
        return success({"status": "ready", "url": url})

    def _transfer(self, call: Call) -> Transfer:
        found = self._world.transfer(call.account, call.params["id"])
        if found is None:
            raise refuse("badId")
        return found

    def cached(self, call: Call) -> Answer:
        """The check that was switched off in November 2024."""
        raise refuse("endpointDisabled")

    def limits(self, call: Call) -> Answer:
        """What is used and what there is; -1 stands for not applicable or unlimited."""
        account = call.account
        left, _ = self._world.limits.left(self._dialect.name, account.id, _PER_DAY, self._world.clock.now())
        count, size = _PER_DAY.count - left, self._day_size(account)
        reset = DAY - int(self._world.clock.now()) % DAY
        share = max(count / _PER_DAY.count, size / _DAY_SIZE)
        figures = {
            "usagePercent": (min(100, int(share * 100)), 100),
            "nextResetSeconds": (-1, reset),
            "dayCount": (count, _PER_DAY.count),
            "daySize": (size, _DAY_SIZE),
            "monthCount": (count, -1),
            "monthSize": (size, -1),
            "torrentSize": (-1, _LARGEST),
            "torrentFiles": (-1, _MOST_FILES),
            "privateRatio": (-1, 1),
            "publicRatio": (-1, 0),
            "seedDurationDays": (-1, 1),
            "activeTransferCount": (len(self._world.active(account)), _MOST_ACTIVE),
            "viewCount": (-1, 1000),
        }
        return success({name: {"current": current, "value": most} for name, (current, most) in figures.items()})
