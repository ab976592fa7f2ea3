"""Premiumize's cloud: folders, items, search, archives."""

import mimetypes
from typing import Any, Final

from sluicegate.sandbox.dialect import Call, Dialect
from sluicegate.sandbox.dialects.premiumize.answers import refuse, success
from sluicegate.sandbox.dialects.premiumize.arguments import many, one
from sluicegate.sandbox.dialects.premiumize.cloud import ROOT, Cloud, Item
from sluicegate.sandbox.wire import Answer

__all__ = ["Folders"]

_FORBIDDEN: Final = frozenset('"\\/')
_LONGEST: Final = 255
_VIDEO: Final = {"acodec": "aac", "vcodec": "h264", "resx": "1920", "resy": "1080", "duration": "1312.4"}
_NO_VIDEO: Final = {"acodec": None, "vcodec": None, "resx": None, "resy": None, "duration": None}


class Folders:
    """Handlers below ``/api/folder``, ``/api/item`` and ``/api/zip``."""

    def __init__(self, dialect: Dialect, cloud: Cloud) -> None:
        self._dialect = dialect
        self._world = dialect.world
        self._cloud = cloud

    # Folders

    def listing(self, call: Call) -> Answer:
        """One folder by ``id`` or ``path``, the root without either."""
        self._cloud.settle(call.account)
        folder = self._by_path(call) if one(call.request, "path") else self._folder(call, one(call.request, "id"))
        content = [self._entry(call, item) for item in self._cloud.children(call.account, folder)]
        self._links_are_seen(call, folder)
        item = self._cloud.item(call.account, folder)
        shown = {"name": item.name if item else "root", "parent_id": item.parent if item else None}
        crumbs = {"breadcrumbs": self._crumbs(call, folder)} if _wanted(call) else {}
        return success(content=content, **crumbs, **shown, folder_id=folder)

    def create(self, call: Call) -> Answer:
        """A folder; names are unique without regard to case."""
        parent, name = self._folder(call, one(call.request, "parent_id")), self._new_name(call)
        if self._cloud.child(call.account, parent, name):
            raise refuse("invalid_request", "This folder already exists.")
        return success(id=self._cloud.add(call.account, name, parent).id)

    def rename(self, call: Call) -> Answer:
        """Another name, for a folder or a file."""
        item, name = self._item(call), self._new_name(call)
        taken = self._cloud.child(call.account, item.parent, name)
        if taken and taken.id != item.id:
            raise refuse("invalid_request", "This name is taken.")
        item.name = name
        self._cloud.keep(call.account, item)
        return success()

    def delete(self, call: Call) -> Answer:
        """An item with everything below it."""
        self._cloud.settle(call.account)
        self._cloud.remove(call.account, self._item(call).id)
        return success()

    def paste(self, call: Call) -> Answer:
        """Move ``files[]`` and ``folders[]`` (or ``items[0][id]``, as rclone says it) into ``id``."""
        into = self._folder(call, one(call.request, "id"))
        named = [value for key, values in call.request.form.fields.items() if key.endswith("][id]") for value in values]
        for id_ in many(call.request, "files") + many(call.request, "folders") + named:
            item = self._cloud.item(call.account, id_)
            if item is None or self._cloud.within(call.account, into, id_):
                raise refuse("not_found", "Item not found.")
            item.parent = into
            self._cloud.keep(call.account, item)
        return success()

    def search(self, call: Call) -> Answer:
        """Files and folders whose name holds ``q``; StremThru finds its own folders that way."""
        self._cloud.settle(call.account)
        wanted = one(call.request, "q").lower()
        found = [item for item in self._cloud.items(call.account) if wanted in item.name.lower()]
        return success(content=[self._entry(call, item) for item in found])

    def upload_info(self, call: Call) -> Answer:
        """The sandbox derives every byte it serves, so it keeps no uploads."""
        raise refuse("permission_denied", "Uploads of own files are not part of the sandbox.")

    # Items

    def details(self, call: Call) -> Answer:
        """One file, bare: without a ``status``."""
        self._cloud.settle(call.account)
        item = self._item(call)
        if item.folder:
            raise refuse("not_found", "Item not found.")
        entry = self._entry(call, item, linked=True)
        video = str(entry["mime_type"]).startswith("video/")
        more = {
            "transcode_status": "good_as_is" if video else "not_applicable",
            "folder_id": item.parent,
            **(_VIDEO if video else _NO_VIDEO),
            "opensubtitles_hash": "8e245d9679d31e12",
            "audio_track_names": ["eng"],
            "crc32": "9c1185a5",
            "directlink": entry.get("link"),
            "unpackable": False,
        }
        return Answer.json({**entry, **more})

    def everything(self, call: Call) -> Answer:
        """All files of the cloud, unpaged, without links."""
        self._cloud.settle(call.account)
        told = ("id", "name", "created_at", "size", "mime_type", "virus_scan")
        rows = []
        for item in self._cloud.files(call.account):
            entry = self._entry(call, item)
            rows.append({name: entry[name] for name in told} | {"path": self._cloud.path(call.account, item)})
        return success(files=rows)

    def archive(self, call: Call) -> Answer:
        """A link to a ZIP of ``files[]`` and ``folders[]``."""
        self._cloud.settle(call.account)
        roots = many(call.request, "files") + many(call.request, "folders")
        chosen = [
            item
            for item in self._cloud.files(call.account)
            if any(self._cloud.within(call.account, item.id, root) for root in roots)
        ]
        if not chosen:
            raise refuse("not_found", "Item not found.")
        size = sum(self._cloud.size(item) for item in chosen)
        content = self._world.content(chosen[0].source)
        return success(location=self._dialect.packed_link(content, "archive.zip", size))

    # Parts

    def _entry(self, call: Call, item: Item, *, linked: bool = False) -> dict[str, Any]:
        """A row of a folder; files of a fresh job have no link the first time they are listed."""
        shown: dict[str, Any] = {"id": item.id, "name": item.name, "type": "folder", "created_at": int(item.at)}
        if item.folder:
            return shown
        mime = mimetypes.guess_type(item.name)[0] or "application/octet-stream"
        brought = self._world.transfer(call.account, item.transfer)
        seen = linked or brought is None or not brought.extra.get("unlinked")
        content = self._world.content(item.source)
        link = self._dialect.file_link(content, item.index) if seen and item.index < len(content.files) else None
        return {
            **shown,
            "type": "file",
            "size": self._cloud.size(item),
            "mime_type": mime,
            "transcode_status": "not_applicable",
            **({"link": link} if link else {}),
            "stream_link": None,
            "virus_scan": "ok",
        }

    def _links_are_seen(self, call: Call, folder: str) -> None:
        for item in self._cloud.children(call.account, folder):
            transfer = self._world.transfer(call.account, item.transfer)
            if not item.folder and transfer is not None and transfer.extra.pop("unlinked", False):
                self._world.save(transfer)

    def _crumbs(self, call: Call, folder: str) -> list[dict[str, Any]]:
        crumbs: list[dict[str, Any]] = []
        item = self._cloud.item(call.account, folder)
        while item is not None:
            crumbs.insert(0, {"id": item.id, "name": item.name, "parent_id": item.parent})
            item = self._cloud.item(call.account, item.parent)
        return [{"id": ROOT, "name": "My Files", "parent_id": None}, *crumbs]

    def _folder(self, call: Call, id_: str) -> str:
        if id_ and not self._cloud.exists(call.account, id_):
            raise refuse("not_found", "Folder not found.")
        return id_ or ROOT

    def _by_path(self, call: Call) -> str:
        folder = ROOT
        for name in filter(None, one(call.request, "path").split("/")):
            item = self._cloud.child(call.account, folder, name)
            if item is None or not item.folder:
                raise refuse("not_found", "Folder not found.")
            folder = item.id
        return folder

    def _item(self, call: Call) -> Item:
        item = self._cloud.item(call.account, one(call.request, "id"))
        if item is None:
            raise refuse("not_found", "Item not found.")
        return item

    @staticmethod
    def _new_name(call: Call) -> str:
        name = one(call.request, "name")
        if not name or len(name) > _LONGEST or _FORBIDDEN & set(name):
            raise refuse("invalid_request", "This name is not possible.")
        return name


def _wanted(call: Call) -> bool:
    return one(call.request, "includebreadcrumbs").lower() in {"true", "1"}
