"""The queue: downloads that wait for a slot, under ids of their own."""

from collections.abc import Iterable
from typing import Any, Final

from sluicegate.sandbox.accounts import Account
from sluicegate.sandbox.dialect import Call, Dialect, Route
from sluicegate.sandbox.dialects.torbox.answers import envelope, flag_of, invalid, need_number, refuse, stamp
from sluicegate.sandbox.dialects.torbox.families import FAMILIES, family_of_type, hash_of
from sluicegate.sandbox.dialects.torbox.freshness import Snapshots
from sluicegate.sandbox.dialects.torbox.lists import empty
from sluicegate.sandbox.dialects.torbox.plans import slots_of
from sluicegate.sandbox.transfers import Hold, Kind, Transfer
from sluicegate.sandbox.wire import Answer

__all__ = ["QueueCalls"]

_LEAST_SECONDS: Final = 5.0
_MAX_LIMIT: Final = 1000
_TYPE: Final = {Kind.TORRENT: "torrent", Kind.USENET: "usenet", Kind.WEB: "webdl"}
_FAMILY: Final = {family.kind: family for family in FAMILIES}


class QueueCalls:
    """``queued/*`` and the old paths under ``torrents``."""

    def __init__(self, dialect: Dialect, snapshots: Snapshots) -> None:
        self._dialect = dialect
        self._world = dialect.world
        self._snapshots = snapshots

    def routes(self) -> Iterable[Route]:
        """Paths of this part."""
        for group in ("queued", "torrents"):
            yield Route("GET", f"/v1/api/{group}/getqueued", self.listing)
            yield Route("POST", f"/v1/api/{group}/controlqueued", self.control)

    def move_on(self, account: Account) -> None:
        """Start what has waited at least five world seconds while slots are free."""
        now = self._world.clock.now()
        for transfer in self._world.held(account):
            free = not self._dialect.limited or len(self._world.active(account)) < slots_of(account)
            if transfer.hold is Hold.QUEUE and free and now - transfer.created_at >= _LEAST_SECONDS:
                self._start(account, transfer)

    def _start(self, account: Account, transfer: Transfer) -> None:
        """Out of the queue under a new id; only the hash tells that it is the same."""
        family = _FAMILY[transfer.kind]
        number = self._world.number(f"torbox.{family.group}", family.first_id)
        self._world.remove(account, transfer.id)
        self._world.add(
            account,
            transfer.source,
            id=f"{family.prefix}{number}",
            kind=transfer.kind,
            name=transfer.name,
            metadata=transfer.metadata,
            extra=transfer.extra,
        )
        self._snapshots.renew(account)

    def listing(self, call: Call) -> Answer:
        """Waiting downloads of one type."""
        query = call.request.query
        family = family_of_type(query.get("type", "torrent"))
        if family is None:
            raise refuse("INVALID_OPTION")
        offset, limit = need_number(query, "offset", 0), need_number(query, "limit", _MAX_LIMIT)
        wanted = need_number(query, "id") if query.get("id") else None
        rows = [
            _row(transfer)
            for transfer in self._world.held(call.account)
            if transfer.hold is Hold.QUEUE and transfer.kind is family.kind
        ]
        if wanted is not None:
            found = [row for row in rows if row["id"] == wanted]
            return envelope(found[0], "Queued item retrieved.") if found else empty("This item was not found.", [])
        page = rows[max(0, offset) : max(0, offset) + max(0, limit)]
        return envelope(page, "Queued items retrieved.") if page else empty("No queued items found.", [])

    def control(self, call: Call) -> Answer:
        """``delete`` or ``start``, by id or for all."""
        told = call.request.json
        if not isinstance(told, dict) or "operation" not in told:
            raise invalid("body", "operation")
        operation, everything = told["operation"], flag_of(told.get("all"))
        if operation not in {"delete", "start"} or (operation == "start" and everything):
            raise refuse("INVALID_OPTION")
        waiting = [row for row in self._world.held(call.account) if row.hold is Hold.QUEUE]
        if not everything:
            if told.get("queued_id") is None:
                raise refuse("MISSING_REQUIRED_OPTION")
            waiting = [row for row in waiting if row.id == f"q{told['queued_id']}"]
            if not waiting:
                raise refuse("NOT_OWNER")
        for transfer in waiting:
            if operation == "start":
                self._start(call.account, transfer)
            else:
                self._world.remove(call.account, transfer.id)
        return envelope(None, f"Queued items: {operation} done.")


def _row(transfer: Transfer) -> dict[str, Any]:
    torrent = transfer.kind is Kind.TORRENT
    return {
        "id": int(transfer.id[1:]),
        "created_at": stamp(transfer.created_at),
        "magnet": f"magnet:?xt=urn:btih:{transfer.source}" if torrent else None,
        "torrent_file": None,
        "hash": hash_of(transfer),
        "name": transfer.name or transfer.source,
        "type": _TYPE[transfer.kind],
        "name_override": None,
        "seed_torrent_override": None,
    }
