"""``https://real-debrid.com/d/…`` links: what a finished torrent shows and unrestricting takes."""

import re
from dataclasses import dataclass
from typing import Final

from sluicegate.sandbox.accounts import Account, Plan
from sluicegate.sandbox.content import Content
from sluicegate.sandbox.links import PACKED
from sluicegate.sandbox.transfers import Transfer
from sluicegate.sandbox.world import World

__all__ = ["HostLink", "HostLinks", "is_video"]

_LINK: Final = re.compile(r"https?://(?:www\.)?real-debrid\.com/d/([A-Z0-9]{13})[A-Z0-9]*", re.IGNORECASE)
_VIDEO: Final = (".mkv", ".mp4", ".avi", ".mov", ".wmv", ".m4v", ".ts", ".m2ts", ".webm", ".mpg", ".mpeg", ".flv")
_EVERYBODY: Final = Account("realdebrid", "-", "", Plan.FREE)


def is_video(path: str) -> bool:
    """Whether the provider takes a file for a video."""
    return path.lower().endswith(_VIDEO)


@dataclass(frozen=True, slots=True)
class HostLink:
    """What a link leads to: ``index`` in the content's files, or ``PACKED`` for the RAR of all chosen ones."""

    account: Account
    transfer_id: str
    index: int


class HostLinks:
    """Link codes, made when files are selected; the first 13 characters are what counts."""

    def __init__(self, world: World) -> None:
        self._world = world

    def make(self, account: Account, transfer: Transfer, content: Content) -> None:
        """One code for each chosen file, or one for the archive if the choice is mixed."""
        chosen = range(len(content.files)) if transfer.selected is None else transfer.selected
        packed = len(chosen) > 1 and not all(is_video(content.files[index].path) for index in chosen)
        codes = []
        for index in [PACKED] if packed else chosen:
            code = self._world.code(16)
            row = [account.id, account.name, account.plan, transfer.id, index]
            self._world.keep_record(_EVERYBODY, "d", code[:13], row)
            codes.append(code)
        transfer.extra["links"] = codes

    def urls(self, transfer: Transfer) -> list[str]:
        """Links in the order of file ids."""
        return [f"https://real-debrid.com/d/{code}" for code in transfer.extra.get("links", [])]

    def forget(self, transfer: Transfer) -> None:
        """Let a torrent's links die."""
        for code in transfer.extra.get("links", []):
            self._world.keep_record(_EVERYBODY, "d", code[:13], None)

    @staticmethod
    def is_own(url: str) -> bool:
        """Whether a link is one of the provider's own."""
        return _LINK.fullmatch(url) is not None

    @staticmethod
    def short(url: str) -> str:
        """The canonical form of 39 characters."""
        found = _LINK.fullmatch(url)
        return f"https://real-debrid.com/d/{found[1].upper()}" if found else url

    def find(self, url: str) -> HostLink | None:
        """The target of an own link, None for a dead one."""
        found = _LINK.fullmatch(url)
        row = self._world.record(_EVERYBODY, "d", found[1].upper()) if found else None
        if row is None:
            return None
        account_id, name, plan, transfer_id, index = row
        return HostLink(Account("realdebrid", account_id, name, Plan(plan)), transfer_id, index)
