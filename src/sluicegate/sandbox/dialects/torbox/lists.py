"""Lists: ``mylist`` of the three twins."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from sluicegate.sandbox.dialect import Call, Dialect, Route
from sluicegate.sandbox.dialects.torbox.answers import envelope, need_number
from sluicegate.sandbox.dialects.torbox.families import FAMILIES, Family
from sluicegate.sandbox.dialects.torbox.freshness import Snapshots
from sluicegate.sandbox.dialects.torbox.items import item, world_id
from sluicegate.sandbox.transfers import Hold, Transfer
from sluicegate.sandbox.wire import Answer

__all__ = ["ListCalls", "empty"]

_MAX_LIMIT: Final = 1000


def empty(detail: str, data: object = None) -> Answer:
    """Nothing there: a 404 that calls itself a success."""
    return envelope(data, detail, 404, "ITEM_NOT_FOUND")


class ListCalls:
    """``mylist`` of torrents, usenet and web downloads."""

    def __init__(self, dialect: Dialect, snapshots: Snapshots) -> None:
        self._world = dialect.world
        self._snapshots = snapshots

    def routes(self) -> Iterable[Route]:
        """Paths of this part."""
        for family in FAMILIES:
            yield Route("GET", f"/v1/api/{family.group}/mylist", self._mylist(family))

    def _mylist(self, family: Family) -> Callable[[Call], Answer]:
        def handler(call: Call) -> Answer:
            """``id`` gives one object, otherwise a page of the list, youngest first."""
            query = call.request.query
            if query.get("id"):
                return self._one(call, family, need_number(query, "id"))
            offset, limit = need_number(query, "offset", 0), need_number(query, "limit", _MAX_LIMIT)
            start = max(0, offset)
            stop = start + max(0, min(limit, _MAX_LIMIT))
            if query.get("bypass_cache") == "true":
                page = [self._item(call, transfer) for transfer in self._listed(call, family)[start:stop]]
            else:
                page = self._snapshot(call, family)[start:stop]
            if not page:
                return empty(f"No {family.noun}s found for this user.")
            return envelope(page, f"{family.noun.capitalize()} list retrieved successfully.")

        return handler

    def _snapshot(self, call: Call, family: Family) -> list[dict[str, Any]]:
        rows = self._snapshots.get(call.account, family.kind)
        if rows is None:
            rows = [self._item(call, transfer) for transfer in self._listed(call, family)]
            self._snapshots.keep(call.account, family.kind, rows)
        return rows

    def _one(self, call: Call, family: Family, number: int) -> Answer:
        transfer = self._world.transfer(call.account, world_id(family.kind, number))
        if transfer is None or transfer.kind is not family.kind:
            return empty(f"This {family.noun} was not found.")
        return envelope(self._item(call, transfer), f"{family.noun.capitalize()} retrieved successfully.")

    def _listed(self, call: Call, family: Family) -> list[Transfer]:
        every = self._world.transfers(call.account, family.kind)
        return [transfer for transfer in every if transfer.hold is not Hold.QUEUE]

    def _item(self, call: Call, transfer: Transfer) -> dict[str, Any]:
        content, progress = self._world.content(transfer.source), self._world.progress(transfer)
        return item(transfer, content, progress, call.account)
