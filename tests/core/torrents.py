"""Builds .torrent files: hand-made ones of any shape, and real ones made by libtorrent from real files."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import libtorrent as lt

from sluicegate.core.bencode import Bencoded, encode

PIECE = 16_384
VERSIONS = {"v1": lt.create_torrent.v1_only, "hybrid": 0, "v2": lt.create_torrent.v2_only}


def v1_info(files: Sequence[tuple[Sequence[bytes], int]], **extra: Bencoded) -> dict[bytes, Bencoded]:
    total = sum(size for _, size in files)
    info: dict[bytes, Bencoded] = {
        b"name": b"root",
        b"piece length": PIECE,
        b"pieces": b"\x11" * 20 * -(-total // PIECE),
        b"files": [{b"length": size, b"path": list(path)} for path, size in files],
    }
    return info | {key.encode(): value for key, value in extra.items()}


def v2_info(tree: Mapping[bytes, Bencoded], **extra: Bencoded) -> dict[bytes, Bencoded]:
    info: dict[bytes, Bencoded] = {
        b"name": b"root",
        b"piece length": PIECE,
        b"meta version": 2,
        b"file tree": dict(tree),
    }
    return info | {key.encode(): value for key, value in extra.items()}


def leaf(size: int, **extra: Bencoded) -> dict[bytes, Bencoded]:
    facts: dict[bytes, Bencoded] = {b"length": size, b"pieces root": hashlib.sha256(b"%d" % size).digest()}
    return {b"": facts | {key.encode(): value for key, value in extra.items()}}


def torrent(info: Mapping[bytes, Bencoded], **extra: Bencoded) -> bytes:
    root: dict[bytes, Bencoded] = {b"info": dict(info)}
    return encode(root | {key.encode(): value for key, value in extra.items()})


def real_torrent(folder: Path, files: Mapping[str, int], version: str) -> bytes:
    """A torrent of real files that libtorrent itself hashed and encoded."""
    entries = []
    for name, size in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(hashlib.shake_128(name.encode()).digest(size))
        entries.append(lt.create_file_entry(name, size))
    made = lt.create_torrent(entries, PIECE, VERSIONS[version])
    made.add_tracker("http://tracker.example/announce")
    lt.set_piece_hashes(made, str(folder))
    return lt.bencode(made.generate())
