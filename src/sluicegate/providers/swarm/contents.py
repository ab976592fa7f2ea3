"""The file list of a torrent, checked and with safe names."""

import libtorrent as lt

from sluicegate.core.errors import UnsafeSource
from sluicegate.core.names import disambiguate, display_text, safe_relative_path
from sluicegate.providers.swarm.options import SwarmOptions
from sluicegate.providers.swarm.records import Content, Entry

__all__ = ["read_content"]


def read_content(info: lt.torrent_info, options: SwarmOptions) -> Content:
    """Files of ``info`` without padding and symbolic links, in the torrent's order.

    Raises:
        UnsafeSource: more files or bytes than allowed, names that climb or are absolute, or no file at all.
    """
    layout = info.layout()
    total = layout.num_files()
    if total > options.max_files:
        raise UnsafeSource(f"This torrent has {total:,} files; at most {options.max_files:,} are accepted.")
    skipped = lt.file_storage.flag_pad_file | lt.file_storage.flag_symlink
    indexes = [index for index in range(total) if not layout.file_flags(index) & skipped]
    if not indexes:
        raise UnsafeSource("This torrent has no files.")
    root = f"{info.name()}/"
    paths = disambiguate(safe_relative_path(layout.file_path(index).removeprefix(root)) for index in indexes)
    sizes = [layout.file_size(index) for index in indexes]
    if options.max_bytes and sum(sizes) > options.max_bytes:
        raise UnsafeSource(f"This torrent holds {sum(sizes):,} bytes; at most {options.max_bytes:,} are accepted.")
    entries = tuple(Entry(index, path, size) for index, path, size in zip(indexes, paths, sizes, strict=True))
    return Content(display_text(info.name()), entries, total)
