"""Reads the file list of a torrent's info dictionary.

Version 1 lists (BEP 3) and version 2 trees (BEP 52), both with the attributes of BEP 47.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sluicegate.core.bencode import Bencoded
from sluicegate.core.errors import MalformedSource, UnsafeSource
from sluicegate.core.names import disambiguate, safe_relative_path
from sluicegate.core.sources import TorrentEntry

__all__ = ["ListedFile", "entries", "list_v1", "list_v2", "name_of", "text_of", "total_size"]

_FILES_MAX: Final = 100_000
_SIZE_LIMIT: Final = 2**63
_TREE_DEPTH_MAX: Final = 64
_PADDING_FOLDER: Final = b".pad"
_PADDING_PREFIX: Final = b"_____padding_file_"
"""BitComet's name for padding, from before BEP 47."""


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file as the torrent spells it.

    Attributes:
        segments: raw path segments below the root folder.
        size: bytes, not negative.
        padding: it only fills a piece up and is never kept.
    """

    segments: tuple[bytes, ...]
    size: int
    padding: bool = False


def list_v1(info: dict[bytes, Bencoded]) -> list[ListedFile]:
    """The files of a version 1 info dictionary, padding included.

    Raises:
        MalformedSource: sizes or paths are missing or of the wrong type.
        UnsafeSource: too many files, or a symbolic link.
    """
    files = info.get(b"files")
    if files is None:
        return [ListedFile((name_of(info),), _size_of(info), padding=False)]
    if not isinstance(files, list) or not files:
        raise MalformedSource("The file list of this torrent is empty or not a list.")
    _refuse_many(len(files))
    return [_v1_file(file) for file in files]


def list_v2(info: dict[bytes, Bencoded], piece_length: int) -> list[ListedFile]:
    """The files of a version 2 info dictionary in the tree's order.

    Version 2 files begin at piece boundaries; the gaps are listed as padding, which is how engines number the files.

    Raises:
        MalformedSource: the tree has no files, or a node of the wrong shape.
        UnsafeSource: too many files, too many levels, or a symbolic link.
    """
    tree = info.get(b"file tree")
    if not isinstance(tree, dict) or not tree:
        raise MalformedSource("The file tree of this torrent is empty or not a dictionary.")
    files: list[ListedFile] = []
    gap = 0
    for count, (segments, leaf) in enumerate(_leaves(tree), start=1):
        _refuse_many(count)
        if gap:
            files.append(ListedFile((_PADDING_FOLDER,), gap, padding=True))
        files.append(_v2_file(segments, leaf))
        gap = -files[-1].size % piece_length
    return files


def entries(files: list[ListedFile]) -> tuple[TorrentEntry, ...]:
    """The files worth keeping, under safe names that are unique also where case does not count.

    Raises:
        UnsafeSource: a path climbs, is absolute, or holds NUL.
        MalformedSource: nothing but padding is listed.
    """
    kept = [(index, file) for index, file in enumerate(files) if not file.padding]
    if not kept:
        raise MalformedSource("This torrent lists no files.")
    paths = disambiguate(safe_relative_path([text_of(s) for s in file.segments]) for _, file in kept)
    return tuple(
        TorrentEntry(path=path, size=file.size, index=index) for path, (index, file) in zip(paths, kept, strict=True)
    )


def total_size(files: list[ListedFile]) -> int:
    """Bytes of all files, padding included.

    Raises:
        UnsafeSource: 2**63 or more.
        MalformedSource: none at all.
    """
    total = sum(file.size for file in files)
    if total >= _SIZE_LIMIT:
        raise UnsafeSource("This torrent promises more bytes than any disk could hold.")
    if total == 0:
        raise MalformedSource("This torrent promises no bytes at all.")
    return total


def name_of(info: dict[bytes, Bencoded]) -> bytes:
    """The raw name of the root folder or single file; empty when there is none."""
    for key in (b"name.utf-8", b"name"):
        name = info.get(key)
        if isinstance(name, bytes):
            return name
    return b""


def text_of(raw: bytes) -> str:
    """UTF-8 as text; anything else, over-long forms included, becomes replacement characters."""
    return raw.decode("utf-8", "replace")


def _v1_file(file: Bencoded) -> ListedFile:
    if not isinstance(file, dict):
        raise MalformedSource("A file of this torrent is not a dictionary.")
    _refuse_link(file)
    segments = file.get(b"path.utf-8", file.get(b"path"))
    if not isinstance(segments, list) or not segments:
        raise MalformedSource("A file of this torrent has no path.")
    raw = tuple(segment for segment in segments if isinstance(segment, bytes))
    if len(raw) != len(segments):
        raise MalformedSource("A path in this torrent holds something that is not a name.")
    marked = b"p" in _attributes(file) or raw[0] == _PADDING_FOLDER or raw[-1].startswith(_PADDING_PREFIX)
    return ListedFile(raw, _size_of(file), padding=marked)


def _leaves(tree: dict[bytes, Bencoded]) -> Iterator[tuple[tuple[bytes, ...], dict[bytes, Bencoded]]]:
    """Depth-first walk in the tree's order; a node with an empty key is a file."""
    stack = [((), iter(tree.items()))]  # type: list[tuple[tuple[bytes, ...], Iterator[tuple[bytes, Bencoded]]]]
    while stack:
        folder, children = stack[-1]
        child = next(children, None)
        if child is None:
            stack.pop()
            continue
        name, node = child
        if not isinstance(node, dict) or not node or not name:
            raise MalformedSource("The file tree of this torrent has a node that is neither file nor folder.")
        if len(stack) > _TREE_DEPTH_MAX:
            raise UnsafeSource(f"A file of this torrent lies more than {_TREE_DEPTH_MAX} folders deep.")
        leaf = node.get(b"")
        if leaf is None:
            stack.append(((*folder, name), iter(node.items())))
        elif isinstance(leaf, dict) and len(node) == 1:
            yield (*folder, name), leaf
        else:
            raise MalformedSource("The file tree of this torrent has a node that is file and folder at once.")


def _v2_file(segments: tuple[bytes, ...], leaf: dict[bytes, Bencoded]) -> ListedFile:
    _refuse_link(leaf)
    size = _size_of(leaf)
    root = leaf.get(b"pieces root")
    if size > 0 and (not isinstance(root, bytes) or len(root) != 32):
        raise MalformedSource("A file of this torrent has no 'pieces root' of 32 bytes.")
    return ListedFile(segments, size, padding=b"p" in _attributes(leaf))


def _size_of(file: dict[bytes, Bencoded]) -> int:
    size = file.get(b"length")
    if not isinstance(size, int):
        raise MalformedSource("A file of this torrent has no length.")
    if size < 0:
        raise MalformedSource("A file of this torrent has a negative length.")
    return size


def _attributes(file: dict[bytes, Bencoded]) -> bytes:
    attributes = file.get(b"attr", b"")
    return attributes if isinstance(attributes, bytes) else b""


def _refuse_link(file: dict[bytes, Bencoded]) -> None:
    if b"l" in _attributes(file) or b"symlink path" in file:
        raise UnsafeSource("This torrent contains a symbolic link.")


def _refuse_many(count: int) -> None:
    if count > _FILES_MAX:
        raise UnsafeSource(f"This torrent has more than {_FILES_MAX:,} files.")
