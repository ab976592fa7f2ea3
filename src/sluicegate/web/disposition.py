"""How a file from a stranger is named and shown: headers that no file name and no media type can abuse."""

import re
import unicodedata
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from sluicegate.core.names import mime_type_of, safe_segment

__all__ = ["content_headers"]

_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}")
_UNKNOWN: Final = "application/octet-stream"
_ATTRIBUTE: Final = "!#$&+-.^_`|~"
"""What RFC 8187 leaves bare in ``filename*``, beside letters and digits."""

_INLINE: Final = frozenset(
    {
        "application/x-subrip",
        "image/avif",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/plain",
        "text/vtt",
    }
)
"""Beside audio and video, the only types that a browser may show; nothing here can run a script."""

_ACTIVE: Final = re.compile(r".*(?:html|svg|xml|script|xslt|x-shockwave|multipart|css).*")
"""Types that a browser might interpret: they travel as plain bytes, whatever the disposition says."""

_GUARDS: Final = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))
_SANDBOX: Final = (b"content-security-policy", b"sandbox; default-src 'none'")
"""For what is not shown anyway: should a browser show it all the same, it is a page without rights or origin."""


@lru_cache(maxsize=512)
def content_headers(name: str, mime_type: str | None, *, download: bool) -> tuple[tuple[bytes, bytes], ...]:
    """``Content-Type``, ``Content-Disposition`` (RFC 6266) and the headers that keep the content harmless.

    Args:
        name: the file's name, untrusted.
        mime_type: its media type as told, untrusted; None to go by the name.
        download: ask the browser to save even what it could show.
    """
    safe = safe_segment(name)
    kind = _media_type(mime_type or mime_type_of(safe))
    shown = not download and (kind in _INLINE or kind.startswith(("audio/", "video/")))
    if _ACTIVE.fullmatch(kind):
        kind, shown = _UNKNOWN, False
    lines = (
        (b"content-type", (kind + "; charset=utf-8" if kind.startswith("text/") else kind).encode("ascii")),
        (b"content-disposition", f"{'inline' if shown else 'attachment'}; {_file_name(safe)}".encode("ascii")),
        *_GUARDS,
    )
    return lines if shown else (*lines, _SANDBOX)


def _media_type(text: str) -> str:
    """``type/subtype`` alone, lower-case; parameters are dropped, anything else is plain bytes."""
    kind = text.partition(";")[0].strip().lower()
    return kind if _TYPE.fullmatch(kind) else _UNKNOWN


def _file_name(safe: str) -> str:
    """Both spellings: a plain one that every client reads, and the exact one where that differs."""
    decomposed = unicodedata.normalize("NFKD", safe).encode("ascii", "ignore").decode("ascii")
    # A percent sign is decoded by some browsers, and a semicolon ends the parameter in others, quoted or not.
    plain = re.sub(r'["\\%;]', "_", decomposed).strip()
    if not plain or (plain.startswith(".") and not safe.startswith(".")):
        plain = "file" + plain
    if plain == safe:
        return f'filename="{plain}"'
    return f"filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe=_ATTRIBUTE)}"
