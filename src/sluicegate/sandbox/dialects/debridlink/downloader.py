"""Debrid-Link's downloader: unlocked hoster links, their list, limits and hosts."""

import re
from typing import Any, Final
from urllib.parse import urlsplit

from sluicegate.sandbox.accounts import DAY, Account
from sluicegate.sandbox.content import DEFAULT_SECONDS, Content
from sluicegate.sandbox.dialect import Call, Dialect
from sluicegate.sandbox.dialects.debridlink.answers import paged, refuse, success
from sluicegate.sandbox.dialects.debridlink.arguments import id_filter, listed, one, place
from sluicegate.sandbox.dialects.debridlink.rows import code
from sluicegate.sandbox.dialects.debridlink.seedbox import SERVER
from sluicegate.sandbox.hosters import HosterState, host_of
from sluicegate.sandbox.wire import Answer

__all__ = ["Downloader"]

_SHELF: Final = "links"
_HOST_SIZE: Final = 100 * 1024**3
_HOST_COUNT: Final = 200


class Downloader:
    """Handlers below ``/api/v2/downloader``.

    A link to several files is a folder. One whose content takes longer than the default seconds and is not cached here
    is processed first.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._world = dialect.world

    def add(self, call: Call) -> Answer:
        """One link object, or a list of them for a folder."""
        account, url = call.account, one(call.request, "url").strip()
        if not url:
            raise refuse("badArguments")
        self._admit(account, url)
        content = self._world.content(url)
        rows = []
        for index in range(len(content.files)):
            id_ = code(account.id, url, str(index))
            kept = {"url": url, "index": index, "created": self._world.clock.now()}
            self._world.keep_record(account, _SHELF, id_, kept)
            rows.append(self._row(id_, kept))
        return success(rows if len(rows) > 1 else rows[0])

    def _admit(self, account: Account, url: str) -> None:
        if account.name.startswith(SERVER):
            raise refuse("serverNotAllowed")
        if not account.premium:
            raise refuse("notFreeHost")
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise refuse("badFileUrl")
        state = self._world.hoster(url).state
        if state is HosterState.UNSUPPORTED:
            raise refuse("hostNotValid")
        if state is HosterState.DOWN:
            raise refuse("maintenanceHost")
        if self._dialect.name in self._world.content(url).blocked_on:
            raise refuse("infringingFile")

    def _row(self, id_: str, kept: dict[str, Any]) -> dict[str, Any]:
        content = self._world.content(kept["url"])
        index = min(kept["index"], len(content.files) - 1)
        file = content.files[index]
        age = self._world.clock.now() - kept["created"]
        processing = age < self._seconds(content)
        dead = age >= DAY or (content.dies and not processing)
        link = "" if processing else self._dialect.file_link(content, index, max(1.0, DAY - age))
        return {
            "id": id_,
            "name": file.path.rpartition("/")[2],
            "url": kept["url"],
            "downloadUrl": link,
            "expired": dead,
            "chunk": 16,
            "host": self._host(kept["url"]),
            "size": file.size,
            "created": int(kept["created"]),
            "isProcessing": processing,
            "otherLinks": [],
        }

    def _seconds(self, content: Content) -> float:
        """World seconds before a link is there; 0 for the usual ones."""
        slow = content.seconds_to_ready > DEFAULT_SECONDS and self._dialect.name not in content.cached_on
        return content.seconds_to_ready if slow else 0.0

    def _host(self, url: str) -> str:
        host = host_of(url)
        return next((known.id for known in self._world.hosts() if host in known.domains), host)

    def listing(self, call: Call) -> Answer:
        """Newest first, or as asked with ``ids``."""
        kept, ids = self._world.records(call.account, _SHELF), id_filter(call.request)
        page, size = place(call.request)
        chosen = list(reversed(kept)) if ids is None else [id_ for id_ in ids if id_ in kept]
        rows = [self._row(id_, kept[id_]) for id_ in chosen[page * size : (page + 1) * size]]
        return paged(rows, page, max(1, -(-len(chosen) // size)))

    def remove(self, call: Call) -> Answer:
        """Echoes every id, held or not."""
        ids = listed(call.params["ids"])
        for id_ in ids:
            self._world.keep_record(call.account, _SHELF, id_, None)
        return success(ids)

    # Limits and hosts

    def limits(self, call: Call) -> Answer:
        """By hoster: what went through since midnight, and how much may."""
        now = int(self._world.clock.now())
        today = [row for row in self._world.records(call.account, _SHELF).values() if row["created"] >= now - now % DAY]
        hosters: list[dict[str, Any]] = []
        for host in self._world.hosts():
            urls = [row["url"] for row in today if host_of(row["url"]) in host.domains]
            size = sum(self._world.content(url).size for url in urls)
            day_size, day_count = {"current": size, "value": _HOST_SIZE}, {"current": len(urls), "value": _HOST_COUNT}
            hosters.append({"name": host.id, "daySize": day_size, "dayCount": day_count})
        used = max((100 * row["daySize"]["current"] // _HOST_SIZE for row in hosters), default=0)
        general = {
            "usagePercent": {"current": min(100, used), "value": 100},
            "nextResetSeconds": {"current": -1, "value": DAY - now % DAY},
        }
        return success({**general, "hosters": hosters})

    def hosts(self, call: Call) -> Answer:
        """Hosts; ``keys`` says which members to show."""
        keys = listed(call.request.query.get("keys"))
        rows = [
            {
                "name": host.id,
                "type": "host",
                "domains": list(host.domains),
                "regexs": [_shape(domain) for domain in host.domains],
                "isFree": False,
                "status": 1,
            }
            for host in self._world.hosts()
        ]
        return success([{name: row[name] for name in row if not keys or name in keys} for row in rows])

    def domains(self, call: Call) -> Answer:
        """All domains of all hosts."""
        return success([domain for host in self._world.hosts() for domain in host.domains])

    def shapes(self, call: Call) -> Answer:
        """All patterns; deprecated in favour of ``hosts``."""
        return success([_shape(domain) for host in self._world.hosts() for domain in host.domains])


def _shape(domain: str) -> str:
    """A pattern in the slashes and flags of PHP."""
    return "/^https?:\\/\\/(?:www\\.)?" + re.escape(domain) + "\\/.+/i"
