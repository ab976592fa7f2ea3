"""Premiumize's cache check, direct links and list of services."""

from typing import Any, Final
from urllib.parse import urlsplit

from sluicegate.sandbox.content import Content
from sluicegate.sandbox.dialect import Call, Dialect
from sluicegate.sandbox.dialects.premiumize.answers import NOT_PREMIUM, refuse, success
from sluicegate.sandbox.dialects.premiumize.arguments import many, one
from sluicegate.sandbox.dialects.premiumize.fairuse import FairUse
from sluicegate.sandbox.dialects.premiumize.jobs import OLD
from sluicegate.sandbox.hosters import HosterState
from sluicegate.sandbox.sources import read_hash, read_magnet
from sluicegate.sandbox.wire import Answer

__all__ = ["Direct"]

_LONGEST_QUERY: Final = 8_000


class Direct:
    """Handlers for ``/api/cache/check``, ``/api/transfer/directdl`` and ``/api/services/list``."""

    def __init__(self, dialect: Dialect, fair_use: FairUse) -> None:
        self._dialect = dialect
        self._world = dialect.world
        self._fair_use = fair_use

    def check(self, call: Call) -> Answer:
        """``items[]``: parallel arrays in the order asked, sizes as text. Free of charge.

        The old generation left misses at the end out, and told sizes as numbers.
        """
        if sum(len(item) + 13 for item in call.request.query.all("items[]")) > _LONGEST_QUERY:
            return Answer.html(414)
        found = [self._cached(item) for item in many(call.request, "items")]
        old = call.account.name.startswith(OLD)
        while old and found and found[-1] is None:
            found.pop()
        return success(
            response=[content is not None for content in found],
            transcoded=[content is not None for content in found],
            filename=[content.name if content else ("" if old else None) for content in found],
            filesize=[_size(content, old=old) for content in found],
        )

    def _cached(self, item: str) -> Content | None:
        magnet = read_magnet(item)
        source = magnet.info_hash if magnet else read_hash(item) or item
        content = self._world.content(source)
        return content if self._dialect.name in content.cached_on else None

    def direct(self, call: Call) -> Answer:
        """Links to a cached torrent's files or to a hoster's file, at once; every success costs points."""
        if not call.account.premium:
            raise refuse(*NOT_PREMIUM)
        content, root = self._found(one(call.request, "src"))
        self._fair_use.spend(call.account, content.size)
        rows = [self._row(content, index, root) for index in range(len(content.files))]
        largest = max(range(len(rows)), key=lambda index: content.files[index].size)
        file = content.files[largest]
        return success(
            location=rows[largest]["link"],
            filename=file.path.rpartition("/")[2],
            filesize=file.size,
            content=rows,
        )

    def _found(self, src: str) -> tuple[Content, str]:
        """What is behind a source, and the folder its files are told in."""
        magnet = read_magnet(src)
        info_hash = magnet.info_hash if magnet else read_hash(src)
        if info_hash:
            content = self._world.content(info_hash)
            if self._dialect.name not in content.cached_on:
                raise refuse("not_found", "This torrent is not cached.")
            bare = len(content.files) == 1 and content.files[0].path == content.name
            return content, "" if bare else content.name + "/"
        if urlsplit(src).scheme not in {"http", "https"}:
            raise refuse("invalid_request", "src is neither a magnet nor a link.")
        state = self._world.hoster(src).state
        if state is HosterState.UNSUPPORTED:
            raise refuse("service_unsupported", "This service is not supported.")
        if state is HosterState.DOWN:
            raise refuse("service_down", "The target service is unreachable, retry after a delay.")
        return self._world.content(src), ""

    def _row(self, content: Content, index: int, root: str) -> dict[str, Any]:
        """One file; every second size is text."""
        file = content.files[index]
        return {
            "path": root + file.path,
            "size": str(file.size) if index % 2 else file.size,
            "link": self._dialect.file_link(content, index),
            "stream_link": None,
            "transcode_status": "good_as_is",
        }

    def services(self, call: Call) -> Answer:
        """Hosters by what can be done with them; without a ``status``, without a key."""
        hosts = self._world.hosts()
        main = [host.domains[0] for host in hosts]
        shapes = {
            host.domains[0]: [
                "https?://(?:www\\.)?(?:" + "|".join(name.replace(".", "\\.") for name in host.domains) + ")/.+"
            ]
            for host in hosts
        }
        return Answer.json(
            {
                "cache": main,
                "directdl": main,
                "queue": main,
                "fairusefactor": {name: 3 if name == "rapidgator.net" else 1 for name in main},
                "aliases": {host.domains[0]: list(host.domains) for host in hosts},
                "regexpatterns": shapes,
            }
        )


def _size(content: Content | None, *, old: bool) -> str | int | None:
    """Digits as text today, a number from the old generation, which also said ``""`` for unknown."""
    if content is None:
        return "" if old else None
    return content.size if old else str(content.size)
