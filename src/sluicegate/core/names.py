"""File names from strangers, turned into names that every file system, bucket and header can carry.

Torrents, providers, ``Content-Disposition`` headers and page titles all name files. What merely is awkward (control
characters, ``CON``, trailing dots, 400 bytes of title) is repaired; what tries to leave its folder (``..``, absolute
paths, NUL) is refused. Every function is deterministic: the same input gives the same name on every machine.
"""

import hashlib
import mimetypes
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

from sluicegate.core.errors import UnsafeSource

__all__ = [
    "PATH_BYTES_MAX",
    "SEGMENT_BYTES_MAX",
    "content_disposition_name",
    "disambiguate",
    "display_text",
    "mime_type_of",
    "safe_relative_path",
    "safe_segment",
]

SEGMENT_BYTES_MAX: Final = 255
"""Bytes of UTF-8 in one path segment: the limit of ext4, XFS, APFS and (in other units) NTFS."""

PATH_BYTES_MAX: Final = 900
"""Bytes of UTF-8 in a relative path: S3 keys end at 1,024 bytes, and a job's folder goes in front."""

_DEPTH_MAX: Final = 64
_EXTENSION_BYTES_MAX: Final = 24
_FORBIDDEN: Final = frozenset('<>:"/\\|?*')
"""What Windows, SMB shares and shells do not take in a name."""

_JOINERS: Final = frozenset("\u200c\u200d")
"""Invisible, but part of the spelling of Persian, Indic scripts and emoji; all other format characters are dropped."""

_PLAIN: Final = re.compile(r"[ !#-)+-.0-9;=@-\[\]-{}~]+")
"""Printable ASCII without the forbidden characters: most names, and worth a short cut."""

_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)", re.IGNORECASE)
_DRIVE: Final = re.compile(r"[A-Za-z]:(?:[/\\]|$)")
_SEPARATORS: Final = re.compile(r"[/\\]")

_HEADER_LENGTH_MAX: Final = 4096
_PARAMETER: Final = re.compile(r"""(?:^|;)\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)""", re.ASCII)
_CHARSETS: Final = {"utf-8": "utf-8", "utf8": "utf-8", "iso-8859-1": "latin-1"}

_MEDIA_TYPES: Final = {
    ".7z": "application/x-7z-compressed",
    ".aac": "audio/aac",
    ".ass": "text/x-ssa",
    ".avi": "video/x-msvideo",
    ".cbr": "application/vnd.comicbook-rar",
    ".cbz": "application/vnd.comicbook+zip",
    ".epub": "application/epub+zip",
    ".flac": "audio/flac",
    ".iso": "application/x-iso9660-image",
    ".m2ts": "video/mp2t",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m4a": "audio/mp4",
    ".m4b": "audio/mp4",
    ".m4v": "video/x-m4v",
    ".mka": "audio/x-matroska",
    ".mkv": "video/x-matroska",
    ".mobi": "application/x-mobipocket-ebook",
    ".mpd": "application/dash+xml",
    ".mts": "video/mp2t",
    ".nfo": "text/plain",
    ".nzb": "application/x-nzb",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".rar": "application/vnd.rar",
    ".srt": "application/x-subrip",
    ".ssa": "text/x-ssa",
    ".torrent": "application/x-bittorrent",
    ".ts": "video/mp2t",
    ".vtt": "text/vtt",
    ".wmv": "video/x-ms-wmv",
}
"""What players and indexers expect; the standard library's table lacks most of them."""

_STANDARD_TYPES: Final = mimetypes.MimeTypes()
"""The library's own table only: the module functions would read the machine's files and differ between machines."""


def display_text(text: str, limit: int = 500) -> str:
    """Untrusted text fit for one line of a page, a log or a database column, at most ``limit`` characters.

    Control characters, line breaks and runs of spaces become one space; direction overrides and other invisible
    characters, NUL and lone surrogates vanish.
    """
    if text.isascii() and text.isprintable():
        # Nearly all names: nothing to replace and nothing to normalise, only spaces to fold.
        return " ".join(text[: limit * 8].split())[:limit].strip()
    visible = "".join(" " if _is_control(c) else _shown(c) for c in text[: limit * 8])
    return unicodedata.normalize("NFC", " ".join(visible.split()))[:limit].strip()


def safe_segment(text: str, fallback: str = "file") -> str:
    """One path segment without separators, at most 255 bytes long with its extension kept.

    ``fallback``, itself a safe segment, is the answer when nothing usable is left (also for ``.`` and ``..``).
    """
    if _PLAIN.fullmatch(text):
        return _fitted(text, SEGMENT_BYTES_MAX) or fallback
    spelled = "".join("_" if c in _FORBIDDEN or _is_control(c) else _shown(c) for c in text)
    return _fitted(unicodedata.normalize("NFC", spelled), SEGMENT_BYTES_MAX) or fallback


def safe_relative_path(path: str | Sequence[str]) -> str:
    r"""A relative POSIX path of safe segments, at most ``PATH_BYTES_MAX`` bytes long.

    Args:
        path: text that is split at ``/`` only, or the segments one by one. ``.`` and empty segments are left out.

    Raises:
        UnsafeSource: it climbs (``..``), is absolute (``/x``, ``C:\x``), holds NUL, is too deep, or has no name.
    """
    segments = path.split("/") if isinstance(path, str) else list(path)
    _refuse_hostile(segments)
    named = [segment for segment in segments if segment not in {"", "."}]
    if not named:
        raise UnsafeSource("A file in it has no name.")
    if len(named) > _DEPTH_MAX:
        raise UnsafeSource(f"A file in it lies more than {_DEPTH_MAX} folders deep.")
    path = "/".join(safe_segment(segment, "_") for segment in named)
    return path if len(path.encode()) <= PATH_BYTES_MAX else _shortened(named)


def disambiguate(paths: Iterable[str]) -> tuple[str, ...]:
    """The same safe relative paths, in order, made unique on file systems that ignore case and normal form.

    The first path of a spelling keeps it; later ones get `` (2)``, `` (3)`` … before the extension. A file whose name
    is also a folder's is renamed too.
    """
    wanted = list(paths)
    keys = [_folded(path) for path in wanted]
    ordered = sorted(keys)
    taken, seen = set(keys), set[str]()
    counters: dict[str, int] = {}
    result = []
    for path, key in zip(wanted, keys, strict=True):
        unique = path
        if key in seen or _is_folder(key, ordered):
            unique = _numbered(path, key, lambda name: name in taken or _is_folder(name, ordered), counters)
            taken.add(_folded(unique))
        seen.add(key)
        result.append(unique)
    return tuple(result)


def content_disposition_name(header: str) -> str | None:
    """The file name that a ``Content-Disposition`` header (RFC 6266) proposes, as a safe segment, or None.

    ``filename*`` (RFC 8187, UTF-8 or ISO-8859-1) wins over ``filename``. Only the last segment of a path counts.
    ``header`` is the value as HTTP libraries hand it over: each byte one character, or proper text already.
    """
    parameters: dict[str, str] = {}
    for name, value in _PARAMETER.findall(header[:_HEADER_LENGTH_MAX]):
        parameters.setdefault(name.lower(), value.strip())
    proposed = _extended_value(parameters.get("filename*", "")) or _plain_value(parameters.get("filename", ""))
    return safe_segment(_SEPARATORS.split(proposed)[-1], "") or None


def mime_type_of(name: str) -> str:
    """Media type by the extension of ``name``; ``application/octet-stream`` when it is unknown."""
    extension = _extension_of(name).lower()
    standard = _STANDARD_TYPES.types_map[True]
    return _MEDIA_TYPES.get(extension) or standard.get(extension) or "application/octet-stream"


def _extended_value(value: str) -> str:
    """Decodes ``charset'language'percent-encoded``; empty when it is malformed, so that ``filename`` is used."""
    charset, *rest = value.strip('"').split("'", 2)
    codec = _CHARSETS.get(charset.lower())
    if codec is None or len(rest) != 2:
        return ""
    try:
        return unquote_to_bytes(rest[1]).decode(codec)
    except UnicodeDecodeError:
        return ""


def _plain_value(value: str) -> str:
    """Unquotes; servers send raw UTF-8 here, which arrives as one character per byte."""
    if len(value) > 1 and value.startswith('"') and value.endswith('"'):
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def _refuse_hostile(segments: Sequence[str]) -> None:
    if any("\0" in segment for segment in segments):
        raise UnsafeSource("A file name in it contains a NUL character.")
    if any(part.strip() == ".." for segment in segments for part in _SEPARATORS.split(segment)):
        raise UnsafeSource("A file name in it climbs out of its folder with '..'.")
    first = segments[0] if segments else ""
    rooted = (first == "" and len(segments) > 1) or any(segment.startswith(("/", "\\")) for segment in segments)
    if rooted or any(_DRIVE.match(segment) for segment in segments):
        raise UnsafeSource("A file name in it is an absolute path.")


def _shortened(segments: Sequence[str]) -> str:
    """Ever shorter segments until the path fits, with a digest of the whole so that two such paths stay apart."""
    digest = hashlib.sha256("/".join(segments).encode(errors="surrogatepass")).hexdigest()[:8]
    *folders, name = (safe_segment(segment, "_") for segment in segments)
    limit = SEGMENT_BYTES_MAX
    while True:
        limit = limit * 3 // 4
        short = [_fitted(_cut(folder, max(limit, 8)), SEGMENT_BYTES_MAX) or "_" for folder in folders]
        path = "/".join([*short, _with_suffix(name, f" {digest}", max(limit, 40))])
        if len(path.encode()) <= PATH_BYTES_MAX:
            return path


def _fitted(text: str, limit: int) -> str:
    """``text`` cut to ``limit`` bytes, extension kept, without what Windows strips or reserves; maybe empty."""
    text = text.strip(" ").rstrip(". ")
    if _RESERVED.match(text):
        text = "_" + text
    if len(text.encode()) > limit:
        extension = _extension_of(text)
        stem = _cut(text[: len(text) - len(extension)], limit - len(extension.encode()))
        text = stem.rstrip(". ") + extension
    return text


def _with_suffix(name: str, suffix: str, limit: int = SEGMENT_BYTES_MAX) -> str:
    extension = _extension_of(name)
    stem = _cut(name[: len(name) - len(extension)], limit - len((suffix + extension).encode()))
    return stem.rstrip(". ") + suffix + extension


def _numbered(path: str, key: str, is_taken: Callable[[str], bool], counters: dict[str, int]) -> str:
    folder, slash, name = path.rpartition("/")
    number = counters.get(key, 1)
    while True:
        number += 1
        candidate = folder + slash + _with_suffix(name, f" ({number})")
        if not is_taken(_folded(candidate)):
            counters[key] = number
            return candidate


def _extension_of(name: str) -> str:
    """The extension with its dot, or nothing when there is none worth keeping."""
    stem, dot, extension = name.rpartition(".")
    plausible = stem and extension and " " not in extension and len(extension.encode()) <= _EXTENSION_BYTES_MAX
    return dot + extension if plausible else ""


def _cut(text: str, limit: int) -> str:
    return text.encode()[: max(limit, 1)].decode("utf-8", "ignore")


def _folded(path: str) -> str:
    """The caseless form under which two spellings are the same name (Unicode's canonical caseless match)."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


def _is_folder(key: str, ordered: Sequence[str]) -> bool:
    """Whether some path lies below ``key``; a search instead of a set of all folders, which could be huge."""
    below = key + "/"
    at = bisect_left(ordered, below)
    return at < len(ordered) and ordered[at].startswith(below)


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cs"} or ord(char) & 0xFFFE == 0xFFFE or char == "\ufffd"


def _shown(char: str) -> str:
    """``char`` where it is visible, a plain space for anything blank, nothing for the rest."""
    if char.isspace() or (category := unicodedata.category(char)) in {"Zs", "Zl", "Zp"}:
        return " "
    if category in {"Cc", "Cs"} or (category == "Cf" and char not in _JOINERS):
        return ""
    return char
