"""The cache check."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from sluicegate.sandbox.content import Content, is_hash
from sluicegate.sandbox.dialect import Call, Dialect, Route
from sluicegate.sandbox.dialects.torbox.answers import envelope, invalid, refuse
from sluicegate.sandbox.dialects.torbox.families import FAMILIES, Family
from sluicegate.sandbox.dialects.torbox.items import file_rows
from sluicegate.sandbox.transfers import Kind
from sluicegate.sandbox.wire import Answer

__all__ = ["CacheCalls"]

_FILE_MEMBERS = ("id", "name", "size", "opensubtitles_hash", "short_name", "mimetype")


class CacheCalls:
    """``checkcached`` of the three twins, by GET and POST."""

    def __init__(self, dialect: Dialect) -> None:
        self._world = dialect.world

    def routes(self) -> Iterable[Route]:
        """Paths of this part."""
        for family in FAMILIES:
            path = f"/v1/api/{family.group}/checkcached"
            yield Route("GET", path, self._asked_in_query(family))
            yield Route("POST", path, self._asked_in_body(family))

    def _asked_in_query(self, family: Family) -> Callable[[Call], Answer]:
        def handler(call: Call) -> Answer:
            """``hash`` repeated or comma-separated."""
            values = call.request.query.all("hash")
            if not values:
                raise invalid("query", "hash")
            return self._check(call, family, [one for value in values for one in value.split(",")])

        return handler

    def _asked_in_body(self, family: Family) -> Callable[[Call], Answer]:
        def handler(call: Call) -> Answer:
            """JSON ``hashes``."""
            told = call.request.json
            hashes = told.get("hashes") if isinstance(told, dict) else None
            if not isinstance(hashes, list):
                raise invalid("body", "hashes")
            return self._check(call, family, [str(one) for one in hashes])

        return handler

    def _check(self, call: Call, family: Family, hashes: list[str]) -> Answer:
        """Hits only: what is not cached is absent."""
        form = call.request.query.get("format", "object")
        if form not in {"object", "list"}:
            raise refuse("INVALID_OPTION")
        find = self._finder(family)
        rows: dict[str, dict[str, Any]] = {}
        for digest in dict.fromkeys(one.strip().lower() for one in hashes):
            content = find(digest)
            if content is not None and "torbox" in content.cached_on:
                rows[digest] = _row(content, digest, family, listed=call.request.query.flag("list_files"))
        data: object = rows if form == "object" else list(rows.values())
        return envelope(data, f"{family.noun.capitalize()} cache status retrieved successfully.")

    def _finder(self, family: Family) -> Callable[[str], Content | None]:
        """How a hash of that family is looked up: other hashes than torrents' are MD5s of links."""
        if family.kind is Kind.TORRENT:
            return lambda digest: self._world.content(digest) if is_hash(digest) else None
        links = {hashlib.md5(link.encode(), usedforsecurity=False).hexdigest(): link for link in self._world.links()}
        return lambda digest: self._world.content(links[digest]) if digest in links else None


def _row(content: Content, digest: str, family: Family, *, listed: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"name": content.name, "size": content.size, "hash": digest}
    if listed:
        files = file_rows(content, digest, rooted=family.kind is Kind.TORRENT)
        row["files"] = [{key: one[key] for key in _FILE_MEMBERS} for one in files]
    return row
