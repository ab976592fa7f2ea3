"""Changing downloads: control, edit, export, and what can be read about a hash."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from sluicegate.sandbox.content import Content
from sluicegate.sandbox.dialect import Call, Dialect, Route
from sluicegate.sandbox.dialects.torbox.answers import envelope, flag_of, invalid, need_number, refuse
from sluicegate.sandbox.dialects.torbox.families import FAMILIES, Family
from sluicegate.sandbox.dialects.torbox.freshness import Snapshots
from sluicegate.sandbox.dialects.torbox.items import world_id
from sluicegate.sandbox.sources import read_hash, read_magnet, read_torrent
from sluicegate.sandbox.transfers import Hold, Transfer
from sluicegate.sandbox.wire import Answer, Form

__all__ = ["ControlCalls"]

_MAX_NAME: Final = 255


class ControlCalls:
    """``control…``, ``edit…``, ``torrents/exportdata``, ``torrents/torrentinfo``, ``torrents/magnettofile``."""

    def __init__(self, dialect: Dialect, snapshots: Snapshots) -> None:
        self._world = dialect.world
        self._snapshots = snapshots

    def routes(self) -> Iterable[Route]:
        """Paths of this part."""
        for family in FAMILIES:
            root = f"/v1/api/{family.group}"
            yield Route("POST", f"{root}/{family.control}", self._control(family))
            yield Route("PUT", f"{root}/{family.edit}", self._edit(family))
        root = "/v1/api/torrents"
        yield Route("GET", f"{root}/exportdata", self.export)
        yield Route("GET", f"{root}/torrentinfo", self.torrent_info, open=True)
        yield Route("POST", f"{root}/torrentinfo", self.torrent_info_posted, open=True)
        yield Route("POST", f"{root}/magnettofile", self.magnet_to_file, open=True)

    def _control(self, family: Family) -> Callable[[Call], Answer]:
        def handler(call: Call) -> Answer:
            """JSON with an operation and an id, or ``all``."""
            told = _json(call)
            if "operation" not in told:
                raise invalid("body", "operation")
            operation = told["operation"]
            if operation not in family.operations:
                raise refuse("INVALID_OPTION")
            for transfer in self._meant(call, family, told, family.control_id):
                if operation == "delete":
                    self._world.remove(call.account, transfer.id)
            self._snapshots.renew(call.account)
            return envelope(None, f"{family.noun.capitalize()} {operation}d successfully.")

        return handler

    def _meant(self, call: Call, family: Family, told: dict[str, Any], id_name: str) -> list[Transfer]:
        if flag_of(told.get("all")):
            every = self._world.transfers(call.account, family.kind)
            return [transfer for transfer in every if transfer.hold is not Hold.QUEUE]
        if told.get(id_name) is None:
            raise refuse("MISSING_REQUIRED_OPTION")
        if not str(told[id_name]).isdecimal():
            raise invalid("body", id_name, "int_parsing", told[id_name])
        found = self._world.transfer(call.account, world_id(family.kind, int(told[id_name])))
        if found is None:
            raise refuse("NOT_OWNER")
        return [found]

    def _edit(self, family: Family) -> Callable[[Call], Answer]:
        def handler(call: Call) -> Answer:
            """Another name, tags or hashes for a finished download."""
            told = _json(call)
            transfer = self._meant(call, family, told | {"all": False}, family.edit_id)[0]
            changes = {key: told[key] for key in ("name", "tags", "alternative_hashes") if told.get(key)}
            if not changes:
                raise refuse("NO_CHANGES")
            if len(str(changes.get("name", ""))) > _MAX_NAME:
                raise refuse("NAME_TOO_LONG")
            if not self._world.progress(transfer).ready:
                raise refuse("DOWNLOAD_NOT_CACHED")
            transfer.extra |= changes
            self._world.save(transfer)
            self._snapshots.renew(call.account)
            return envelope(None, f"{family.noun.capitalize()} edited successfully.")

        return handler

    def export(self, call: Call) -> Answer:
        """The magnet of a torrent; files cannot be exported from this world, which has no pieces."""
        query = call.request.query
        found = self._world.transfer(call.account, str(need_number(query, "torrent_id")))
        if found is None:
            raise refuse("ITEM_NOT_FOUND")
        if query.get("type", "magnet") != "magnet":
            raise refuse("INVALID_OPTION")
        return envelope(f"magnet:?xt=urn:btih:{found.source}", "Magnet exported.")

    def torrent_info(self, call: Call) -> Answer:
        """What a hash holds."""
        return self._info(call.request.query)

    def torrent_info_posted(self, call: Call) -> Answer:
        """What a hash, magnet or ``.torrent`` holds."""
        return self._info(call.request.form)

    def _info(self, form: Form) -> Answer:
        upload = form.file("file")
        found = read_torrent(upload.data) if upload else read_magnet(form.get("magnet"))
        info_hash = found.info_hash if found else read_hash(form.get("hash"))
        if info_hash is None:
            if not (form.get("hash") or form.get("magnet") or upload):
                raise invalid("query", "hash")
            raise refuse("INVALID_HASH")
        return envelope(_described(self._world.content(info_hash)), "Torrent info retrieved.")

    def magnet_to_file(self, call: Call) -> Answer:
        """Switched off: a world without pieces has no ``.torrent`` files."""
        raise refuse("TEMPORARILY_DISABLED")


def _json(call: Call) -> dict[str, Any]:
    told = call.request.json
    if not isinstance(told, dict):
        raise invalid("body", "body")
    return told


def _described(content: Content) -> dict[str, Any]:
    return {
        "name": content.name,
        "hash": content.source,
        "size": content.size,
        "trackers": [],
        "seeds": 14,
        "peers": 3,
        "files": [{"name": f"{content.name}/{file.path}", "size": file.size} for file in content.files],
    }
