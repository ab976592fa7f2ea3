"""AllDebrid's magnets: upload, status, live mode, files, delete, restart."""

from typing import Any, Final

from sluicegate.sandbox.accounts import Account
from sluicegate.sandbox.dialect import Call, Dialect
from sluicegate.sandbox.dialects.alldebrid.answers import problem, refuse, success
from sluicegate.sandbox.dialects.alldebrid.arguments import many, one, uploads
from sluicegate.sandbox.dialects.alldebrid.live import LiveSessions
from sluicegate.sandbox.dialects.alldebrid.rows import status_code, status_row, tree, upload_row
from sluicegate.sandbox.sources import Submitted, read_hash, read_magnet, read_torrent
from sluicegate.sandbox.transfers import Transfer
from sluicegate.sandbox.wire import Answer, Refused

__all__ = ["READY", "Magnets"]

_MOST_ACTIVE: Final = 30
_MOST: Final = 1000
_FIRST_ID: Final = 318_840_000
READY: Final = 4
"""The status code whose magnets have files."""

_EXPIRED: Final = 11
_REFUSED_PLACES: Final = {"server": "NO_SERVER", "vpn": "MAGNET_NO_SERVER"}


class Magnets:
    """Handlers below ``/v4/magnet`` and ``/v4.1/magnet``."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._world = dialect.world
        self._sessions = LiveSessions()

    # Upload

    def upload(self, call: Call) -> Answer:
        """``magnets[]``: magnets or bare hashes; what is wrong with one is told at that one."""
        texts = many(call.request, "magnets")
        self._admit(call.account, texts)
        return success({"magnets": [{"magnet": text, **self._taken(call.account, text)} for text in texts]})

    def _taken(self, account: Account, text: str) -> dict[str, Any]:
        found = read_magnet(text)
        if found is None and (info_hash := read_hash(text)):
            found = Submitted(info_hash)
        return self._take(account, found, metadata=False) if found else {"error": problem("MAGNET_INVALID_URI")}

    def upload_files(self, call: Call) -> Answer:
        """``files[]``: torrent files, told by their file names."""
        parts = uploads(call.request, "files")
        self._admit(call.account, parts)
        rows: list[dict[str, Any]] = []
        for part in parts:
            found = read_torrent(part.data)
            taken = (
                self._take(call.account, found, metadata=True) if found else {"error": problem("MAGNET_INVALID_FILE")}
            )
            rows.append({"file": part.filename, **taken})
        return success({"files": rows})

    def _admit(self, account: Account, items: list[Any]) -> None:
        """What refuses the whole call."""
        place = _REFUSED_PLACES.get(account.name.partition("-")[0])
        if place:
            raise refuse(place)
        if not account.premium:
            raise refuse("MAGNET_MUST_BE_PREMIUM")
        if not items:
            raise refuse("MAGNET_NO_URI")
        if self._dialect.limited and len(self._world.transfers(account)) >= _MOST:
            raise refuse("MAGNET_TOO_MANY")

    def _take(self, account: Account, found: Submitted, *, metadata: bool) -> dict[str, Any]:
        content = self._world.content(found.info_hash)
        transfer = next(self._world.find(account, found.info_hash), None)
        if transfer is None:
            if self._dialect.name in content.blocked_on:
                return {"error": problem("MAGNET_PROCESSING_FAILED")}
            cached = self._dialect.name in content.cached_on
            if self._dialect.limited and not cached and len(self._world.active(account)) >= _MOST_ACTIVE:
                return {"error": problem("MAGNET_TOO_MANY_ACTIVE")}
            number = self._world.number("alldebrid.magnet", _FIRST_ID)
            transfer = self._world.add(account, found.info_hash, id=str(number), name=found.name, metadata=metadata)
        return upload_row(transfer, content, self._world.progress(transfer), self.code(transfer))

    # Status

    def retired_status(self, call: Call) -> Answer:
        """The v4 shape with a flat link list answers no more."""
        raise refuse("DISCONTINUED")

    def status(self, call: Call) -> Answer:
        """One magnet as an object, all as a list, a filtered list as PHP leaves it, or what changed (live mode)."""
        if one(call.request, "id"):
            transfer = self._transfer(call.account, one(call.request, "id"))
            return success({"magnets": self._single(transfer)})
        rows = [self._row(transfer) for transfer in self._world.transfers(call.account)]
        session = one(call.request, "session")
        if session:
            counter = one(call.request, "counter")
            number = int(counter) if counter.isdecimal() else 0
            owner = f"{self._world.epoch}/{call.account.id}"
            return success(self._sessions.answer(owner, session, number, rows))
        return success({"magnets": _filtered(rows, one(call.request, "status"))})

    def code(self, transfer: Transfer) -> int:
        """The status code of a magnet now."""
        content, progress = self._world.content(transfer.source), self._world.progress(transfer)
        return status_code(transfer, content, progress, self._world.clock.now())

    def _row(self, transfer: Transfer, *, whole: bool = False) -> dict[str, Any]:
        content, progress = self._world.content(transfer.source), self._world.progress(transfer)
        return status_row(transfer, content, progress, self.code(transfer), whole=whole)

    def _single(self, transfer: Transfer) -> dict[str, Any]:
        files = tree(transfer, self._world.content(transfer.source)) if self.code(transfer) == READY else []
        return {**self._row(transfer, whole=True), "files": files}

    def files(self, call: Call) -> Answer:
        """Trees of ``id[]``, empty before a magnet is ready."""
        ids = many(call.request, "id")
        if not ids:
            raise refuse("MAGNET_INVALID_ID")
        return success({"magnets": [{"id": id_, **self._files(call.account, id_)} for id_ in ids]})

    def _files(self, account: Account, id_: str) -> dict[str, Any]:
        transfer = self._world.transfer(account, id_)
        if transfer is None:
            return {"error": problem("MAGNET_INVALID_ID")}
        code = self.code(transfer)
        if code == _EXPIRED:
            return {"error": problem("MAGNET_LINKS_REMOVED")}
        return {"files": tree(transfer, self._world.content(transfer.source)) if code == READY else []}

    # Delete and restart

    def delete(self, call: Call) -> Answer:
        """One ``id``; the second time it is unknown."""
        if not self._world.remove(call.account, one(call.request, "id")):
            raise refuse("MAGNET_INVALID_ID")
        return success({"message": "Magnet was successfully deleted"})

    def restart(self, call: Call) -> Answer:
        """One ``id`` or several ``ids[]``, failed ones only."""
        ids = many(call.request, "ids")
        if not ids:
            self._restart(self._transfer(call.account, one(call.request, "id")))
            return success({"message": "Magnet was successfully restarted"})
        return success({"magnets": [{"magnet": id_, **self._restarted(call.account, id_)} for id_ in ids]})

    def _restarted(self, account: Account, id_: str) -> dict[str, Any]:
        transfer = self._world.transfer(account, id_)
        if transfer is None:
            return {"error": problem("MAGNET_INVALID_ID")}
        try:
            self._restart(transfer)
        except Refused:
            return {"error": problem("MAGNET_PROCESSING")}
        return {"message": "Magnet was successfully restarted"}

    def _restart(self, transfer: Transfer) -> None:
        if self.code(transfer) <= READY:
            raise refuse("MAGNET_PROCESSING")
        transfer.cached = False
        self._world.start(transfer)

    def _transfer(self, account: Account, id_: str) -> Transfer:
        found = self._world.transfer(account, id_)
        if found is None:
            raise refuse("MAGNET_INVALID_ID")
        return found


def _filtered(rows: list[dict[str, Any]], status: str) -> list[dict[str, Any]] | dict[str, dict[str, Any]]:
    """Rows of one state; where some were left out, a map with the old indices in place of a list."""
    kept = {index: row for index, row in enumerate(rows) if status in {"", _state(row["statusCode"])}}
    if list(kept) == list(range(len(kept))):
        return list(kept.values())
    return {str(index): row for index, row in kept.items()}


def _state(code: int) -> str:
    if code == _EXPIRED:
        return "expired"
    if code == READY:
        return "ready"
    return "active" if code < READY else "error"
