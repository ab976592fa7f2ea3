"""The cloud folders of an account, and the files that finished transfers leave there."""

from collections.abc import Collection, Iterable
from typing import Any, Final

import msgspec

from sluicegate.sandbox.accounts import Account
from sluicegate.sandbox.content import Content
from sluicegate.sandbox.transfers import Transfer
from sluicegate.sandbox.world import World

__all__ = ["ROOT", "Cloud", "Item", "new_id"]

ROOT: Final = "0"
_SHELF: Final = "cloud"
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Item(msgspec.Struct, kw_only=True):
    """A folder or a file.

    Attributes:
        id: 22 characters of the URL-safe base64 alphabet.
        name: one path part; names are compared without case.
        parent: id of the folder it lies in.
        at: world time it appeared.
        source: of the content whose file this is, empty for folders.
        index: which of the content's files.
        transfer: id of the job that brought it, empty for folders made by hand.
    """

    id: str
    name: str
    parent: str
    at: float
    source: str = ""
    index: int = 0
    transfer: str = ""

    @property
    def folder(self) -> bool:
        """Folders have no content."""
        return not self.source


def new_id(world: World) -> str:
    """An id for a job or an item."""
    return world.code(22, _ALPHABET)


class Cloud:
    """All accounts' items, kept in the world's records."""

    def __init__(self, world: World) -> None:
        self._world = world

    def item(self, account: Account, id_: str) -> Item | None:
        """One item; the root folder is no item."""
        row = self._world.record(account, _SHELF, id_)
        return msgspec.convert(row, Item) if row else None

    def size(self, item: Item) -> int:
        """Bytes of a file; 0 if its content was defined anew without it."""
        files = self._world.content(item.source).files
        return files[item.index].size if item.index < len(files) else 0

    def children(self, account: Account, folder: str) -> list[Item]:
        """What lies in a folder, oldest first."""
        rows = self._rows(account)
        return [msgspec.convert(row, Item) for row in rows if row["parent"] == folder]

    def items(self, account: Account) -> list[Item]:
        """Every file and folder of the account."""
        return [msgspec.convert(row, Item) for row in self._rows(account)]

    def files(self, account: Account) -> list[Item]:
        """Every file of the account."""
        return [item for item in self.items(account) if not item.folder]

    def child(self, account: Account, folder: str, name: str) -> Item | None:
        """An item by its name, in any case."""
        found = (item for item in self.children(account, folder) if item.name.lower() == name.lower())
        return next(found, None)

    def exists(self, account: Account, folder: str) -> bool:
        """Whether there is such a folder."""
        item = self.item(account, folder)
        return folder == ROOT or (item is not None and item.folder)

    def path(self, account: Account, item: Item) -> str:
        """Where an item lies, names joined with slashes."""
        names, above = [item.name], self.item(account, item.parent)
        while above is not None:
            names.append(above.name)
            above = self.item(account, above.parent)
        return "/".join(reversed(names))

    def within(self, account: Account, id_: str, folder: str) -> bool:
        """Whether an item is a folder or lies below it."""
        while id_ != folder:
            above = self.item(account, id_)
            if above is None:
                return False
            id_ = above.parent
        return True

    def add(self, account: Account, name: str, parent: str) -> Item:
        """A new folder; a taken name gets a number."""
        return self._add(account, _Names(self._rows(account)), name, parent)

    def _add(self, account: Account, names: "_Names", name: str, parent: str, **more: Any) -> Item:  # noqa: ANN401 - members of an item
        made = Item(id=new_id(self._world), name=names.free(name, parent), parent=parent, at=self._now, **more)
        self.keep(account, made)
        return made

    def keep(self, account: Account, item: Item) -> None:
        """Write an item after a change."""
        self._world.keep_record(account, _SHELF, item.id, msgspec.to_builtins(item))

    def remove(self, account: Account, id_: str) -> None:
        """Take an item away with all below it."""
        for child in self.children(account, id_):
            self.remove(account, child.id)
        self._world.keep_record(account, _SHELF, id_, None)

    def settle(self, account: Account) -> None:
        """Place the files of all transfers that became ready since the last call."""
        names = _Names(self._rows(account))
        for transfer in reversed(self._world.transfers(account)):
            content = self._world.content(transfer.source)
            refused = transfer.provider in content.blocked_on
            if not transfer.extra.get("settled") and not refused and self._world.progress(transfer).ready:
                self._place(account, names, transfer, content)

    def _place(self, account: Account, names: "_Names", transfer: Transfer, content: Content) -> None:
        """A single file lands in the destination itself, many files in a folder of their own."""
        into = str(transfer.extra.get("into", ROOT))
        into = into if self.exists(account, into) else ROOT
        brought = {"source": content.source, "transfer": transfer.id}
        if len(content.files) == 1 and "/" not in content.files[0].path:
            made = self._add(account, names, content.files[0].path, into, **brought)
            transfer.extra |= {"folder_id": into, "file_id": made.id}
        else:
            top = self._add(account, names, content.name, into, transfer=transfer.id)
            folders: dict[str, str] = {"": top.id}
            for index, file in enumerate(content.files):
                above, _, name = file.path.rpartition("/")
                parent = self._folder(account, names, folders, above, transfer.id)
                self._add(account, names, name, parent, index=index, **brought)
            transfer.extra |= {"folder_id": top.id, "file_id": None, "unlinked": not transfer.cached}
        transfer.extra["settled"] = True
        self._world.save(transfer)

    def _folder(self, account: Account, names: "_Names", made: dict[str, str], path: str, transfer: str) -> str:
        """The folder for a path inside a transfer, with all above it."""
        if path not in made:
            above, _, name = path.rpartition("/")
            parent = self._folder(account, names, made, above, transfer)
            made[path] = self._add(account, names, name, parent, transfer=transfer).id
        return made[path]

    def _rows(self, account: Account) -> Collection[dict[str, Any]]:
        return self._world.records(account, _SHELF).values()

    @property
    def _now(self) -> float:
        return self._world.clock.now()


class _Names:
    """The names in an account's folders, read once for many additions."""

    def __init__(self, rows: Iterable[dict[str, Any]]) -> None:
        self._taken: dict[str, set[str]] = {}
        self._last: dict[tuple[str, str], int] = {}
        for row in rows:
            self._taken.setdefault(row["parent"], set()).add(row["name"].lower())

    def free(self, name: str, parent: str) -> str:
        """The name, or one with a number; taken from now on."""
        taken = self._taken.setdefault(parent, set())
        number, free = self._last.get((parent, name), 0), name
        while free.lower() in taken:
            number += 1
            free = f"{name} ({number})"
        taken.add(free.lower())
        self._last[parent, name] = number
        return free
