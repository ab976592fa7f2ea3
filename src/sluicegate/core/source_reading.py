"""Decides by form what a person handed in, and has it read."""

from typing import Final

from sluicegate.core.errors import MalformedSource
from sluicegate.core.magnets import looks_like_info_hash, parse_info_hash, parse_magnet
from sluicegate.core.nzb import parse_nzb
from sluicegate.core.sources import Magnet, Nzb, TorrentFile, WebLink
from sluicegate.core.torrent_files import parse_torrent
from sluicegate.core.web_links import parse_link

__all__ = ["read_source", "read_upload"]

_XML_STARTS: Final = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<\x00", b"\xfe\xff\x00<")
_PAGE_STARTS: Final = (b"<!doctype html", b"<html")


def read_source(text: str) -> Magnet | WebLink:
    """Reads a magnet, a bare info hash or an http(s) link. A link to a ``.torrent`` is a link like any other.

    Raises:
        MalformedSource: it is none of these, or is broken; the sentence says which form was recognised.
        UnsafeSource: it exceeds a limit.
    """
    text = text.strip()
    if not text:
        raise MalformedSource("Nothing was handed in.")
    head = text[:8].lower()
    if head.startswith("magnet:"):
        return parse_magnet(text)
    if "://" in text[:64] or head.startswith("-"):
        return parse_link(text)
    if looks_like_info_hash(text):
        return parse_info_hash(text)
    raise MalformedSource("This is neither a magnet link, nor an info hash, nor a link that begins with https://.")


def read_upload(name: str, raw: bytes) -> TorrentFile | Nzb:
    """Reads an uploaded ``.torrent`` or NZB; its first bytes decide, not its name.

    Like ``parse_torrent`` it may take seconds of CPU for the largest files: call it in a thread.

    Raises:
        MalformedSource: it is neither, or is broken.
        UnsafeSource: it exceeds a limit or carries hostile names.
    """
    if not raw:
        raise MalformedSource("The uploaded file is empty.")
    if raw.startswith(b"d"):
        return parse_torrent(raw)
    start = raw[:512].lstrip()
    if start.lower().startswith(_PAGE_STARTS):
        raise MalformedSource("The uploaded file is a web page; download the .torrent or NZB itself.")
    if start.startswith(_XML_STARTS):
        return parse_nzb(name, raw)
    raise MalformedSource("The uploaded file is neither a .torrent nor an NZB.")
