"""The three twins of the API: torrents, usenet, web downloads, with four names for one id each."""

import hashlib
from dataclasses import dataclass
from typing import Final

from sluicegate.sandbox.content import is_hash
from sluicegate.sandbox.transfers import Kind, Transfer

__all__ = ["FAMILIES", "Family", "family_of_type", "hash_of"]


@dataclass(frozen=True, slots=True)
class Family:
    """One of the twins.

    Attributes:
        kind: what it downloads.
        group: path segment.
        noun: in calls and details.
        create, control, edit: last path segments.
        created_id, control_id, link_id, edit_id: what the id is called in each place.
        prefix: of ids in the world, because the three number spaces overlap.
        first_id: where numbers begin.
        operations: of the control call.
    """

    kind: Kind
    group: str
    noun: str
    create: str
    control: str
    edit: str
    created_id: str
    control_id: str
    link_id: str
    edit_id: str
    prefix: str
    first_id: int
    operations: frozenset[str]


FAMILIES: Final = (
    Family(
        kind=Kind.TORRENT,
        group="torrents",
        noun="torrent",
        create="createtorrent",
        control="controltorrent",
        edit="edittorrent",
        created_id="torrent_id",
        control_id="torrent_id",
        link_id="torrent_id",
        edit_id="torrent_id",
        prefix="",
        first_id=9_300_001,
        operations=frozenset({"reannounce", "delete", "resume", "stop_seeding"}),
    ),
    Family(
        kind=Kind.USENET,
        group="usenet",
        noun="usenet download",
        create="createusenetdownload",
        control="controlusenetdownload",
        edit="editusenetdownload",
        created_id="usenetdownload_id",
        control_id="usenet_id",
        link_id="usenet_id",
        edit_id="usenet_download_id",
        prefix="u",
        first_id=77_001,
        operations=frozenset({"delete", "pause", "resume"}),
    ),
    Family(
        kind=Kind.WEB,
        group="webdl",
        noun="web download",
        create="createwebdownload",
        control="controlwebdownload",
        edit="editwebdownload",
        created_id="webdownload_id",
        control_id="webdl_id",
        link_id="web_id",
        edit_id="webdl_id",
        prefix="w",
        first_id=220_001,
        operations=frozenset({"delete"}),
    ),
)
"""Torrents, usenet, web."""

_TYPES: Final = {"torrent": FAMILIES[0], "usenet": FAMILIES[1], "webdl": FAMILIES[2]}


def family_of_type(name: str) -> Family | None:
    """A family by its word in ``type=``."""
    return _TYPES.get(name)


def hash_of(transfer: Transfer) -> str:
    """What the API calls ``hash``: the info hash, or an MD5 of the link or of the uploaded NZB."""
    if is_hash(transfer.source):
        return transfer.source
    return str(transfer.extra.get("md5") or hashlib.md5(transfer.source.encode(), usedforsecurity=False).hexdigest())
