"""Reads ``.torrent`` files: version 1 (BEP 3), version 2 and hybrid (BEP 52)."""

import hashlib
from typing import Final

from sluicegate.core.bencode import Bencoded, decode
from sluicegate.core.errors import MalformedSource, UnsafeSource
from sluicegate.core.magnets import tracker_urls
from sluicegate.core.names import display_text, safe_relative_path, safe_segment
from sluicegate.core.sources import TorrentFile
from sluicegate.core.torrent_listing import ListedFile, entries, list_v1, list_v2, name_of, text_of, total_size

__all__ = ["parse_torrent"]

_PIECE_LENGTH_MAX: Final = 2**29
_V2_PIECE_LENGTH_MIN: Final = 16_384
_V1_DIGEST: Final = 20
_V2_DIGEST: Final = 32


def parse_torrent(raw: bytes) -> TorrentFile:
    """Reads an uploaded ``.torrent``.

    The hashes are taken over the original bytes of the ``info`` value, never over a re-encoding. Takes up to a few
    seconds of CPU for the largest files allowed (10 MiB, 100,000 files): call it in a thread.

    Raises:
        MalformedSource: it is not a torrent, or contradicts itself.
        UnsafeSource: it exceeds a limit, or its file names are hostile.
    """
    document = decode(raw)
    info = document.root.get(b"info")
    if not isinstance(info, dict):
        raise MalformedSource("This file has no 'info' dictionary, so it is not a .torrent file.")
    start, stop = document.spans[b"info"]
    v1, v2 = _versions(info)
    files = _listed(info, v1=v1, v2=v2)
    hash_v2 = hashlib.sha256(raw[start:stop]).hexdigest() if v2 else None
    hash_v1 = hashlib.sha1(raw[start:stop], usedforsecurity=False).hexdigest() if v1 else ""
    info_hash = hash_v1 or (hash_v2 or "")[:40]
    _check_layers(document.root.get(b"piece layers"))
    return TorrentFile(
        info_hash=info_hash,
        info_hash_v2=hash_v2,
        name=_root_name(info, fallback=info_hash),
        files=entries(files),
        raw=raw,
        private=info.get(b"private") == 1,
        trackers=tracker_urls(_announced(document.root)),
    )


def _versions(info: dict[bytes, Bencoded]) -> tuple[bool, bool]:
    """Which metadata versions the dictionary carries: (v1, v2)."""
    v1, v2 = b"pieces" in info, b"meta version" in info or b"file tree" in info
    if v2 and info.get(b"meta version") != 2:
        raise MalformedSource("This torrent has an unknown metadata version; only 1 and 2 exist.")
    if not v1 and not v2:
        raise MalformedSource("This torrent has no piece hashes.")
    return v1, v2


def _listed(info: dict[bytes, Bencoded], *, v1: bool, v2: bool) -> list[ListedFile]:
    """The checked file list; a hybrid must tell the same files twice."""
    piece_length = _piece_length(info, v2=v2)
    if not v2:
        files = list_v1(info)
        _check_pieces(info, total_size(files), piece_length)
        return files
    tree = list_v2(info, piece_length)
    total_size(tree)
    if not v1:
        return tree
    files = list_v1(info)
    _check_pieces(info, total_size(files), piece_length)
    if [f for f in files if not f.padding] != [f for f in tree if not f.padding]:
        raise MalformedSource("The version 1 and version 2 file lists of this hybrid torrent differ.")
    return files


def _piece_length(info: dict[bytes, Bencoded], *, v2: bool) -> int:
    length = info.get(b"piece length")
    if not isinstance(length, int) or not 0 < length <= _PIECE_LENGTH_MAX:
        raise MalformedSource("This torrent has no usable piece length.")
    if v2 and (length < _V2_PIECE_LENGTH_MIN or length & (length - 1)):
        raise MalformedSource("The piece length of a version 2 torrent is a power of two of at least 16,384.")
    return length


def _check_pieces(info: dict[bytes, Bencoded], total: int, piece_length: int) -> None:
    pieces = info[b"pieces"]
    expected = -(-total // piece_length) * _V1_DIGEST
    if not isinstance(pieces, bytes) or len(pieces) != expected:
        raise MalformedSource("The piece hashes of this torrent do not match the size of its files.")


def _check_layers(layers: Bencoded | None) -> None:
    """Shape only; the hashes themselves are checked by the engine, against the roots in the info dictionary."""
    if layers is None:
        return
    if not isinstance(layers, dict):
        raise MalformedSource("The piece layers of this torrent are not a dictionary.")
    for root, hashes in layers.items():
        whole = isinstance(hashes, bytes) and hashes and len(hashes) % _V2_DIGEST == 0
        if len(root) != _V2_DIGEST or not whole:
            raise MalformedSource("The piece layers of this torrent are malformed.")


def _root_name(info: dict[bytes, Bencoded], *, fallback: str) -> str:
    raw = name_of(info)
    if len(raw) > 65_536:
        raise UnsafeSource("The name of this torrent is longer than 65,536 bytes.")
    if raw in {b"", b"."}:
        return fallback
    safe_relative_path([text_of(raw)])  # refuses climbing and absolute names
    return safe_segment(display_text(text_of(raw)), fallback)


def _announced(root: dict[bytes, Bencoded]) -> list[str]:
    """``announce`` and the flattened tiers of ``announce-list`` (BEP 12), as they stand."""
    tiers = root.get(b"announce-list")
    lists = [tier for tier in tiers if isinstance(tier, list)] if isinstance(tiers, list) else []
    found = [root.get(b"announce"), *(url for tier in lists for url in tier)]
    return [text_of(url) for url in found if isinstance(url, bytes)]
