"""Direct links: where a file's bytes are fetched, signed and expiring on world time."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import quote

__all__ = ["PACKED", "FileLink", "LinkFault", "LinkSigner"]

PACKED: Final = -1
"""Index of the archive that holds a transfer's files (Real-Debrid's RAR, a ZIP) instead of one of them."""

_FORM: Final = re.compile(
    r"/files/(?P<provider>[a-z]+)/(?P<id>[0-9a-f]{40})-(?P<index>p|\d{1,7})-(?P<size>[0-9a-f]{1,12})"
    r"-(?P<expires>[0-9a-f]{1,12})-(?P<nonce>[0-9a-f]{8})-(?P<signature>[0-9a-f]{20})/(?P<name>[^/]*)"
)


class LinkFault(Enum):
    """Why a path gives no bytes."""

    FORGED = "forged"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class FileLink:
    """What a link leads to.

    Attributes:
        provider: who gave it out.
        content_id: ``Content.id``.
        index: position in ``Content.files``, or ``PACKED``.
        size: bytes that were promised.
        name: last path segment.
    """

    provider: str
    content_id: str
    index: int
    size: int
    name: str


class LinkSigner:
    """Makes links and reads them back.

    Args:
        secret: key of the signatures; links of another world do not open here.
        root: the sandbox's own address, ``http://host:port``.
    """

    def __init__(self, secret: bytes, root: str) -> None:
        self._secret = secret
        self._root = root

    def link(self, target: FileLink, expires: float) -> str:
        """An absolute URL that works until world time ``expires``; two calls give two URLs."""
        index = "p" if target.index == PACKED else str(target.index)
        body = f"{target.provider}/{target.content_id}-{index}-{target.size:x}-{int(expires):x}-{secrets.token_hex(4)}"
        return f"{self._root}/files/{body}-{self._sign(body)}/{quote(target.name, safe='')}"

    def read(self, path: str, now: float) -> FileLink | LinkFault:
        """The target of a percent-decoded path, or why there is none."""
        found = _FORM.fullmatch(path)
        if found is None:
            return LinkFault.FORGED
        body = path.removeprefix("/files/").rpartition("/")[0].rpartition("-")[0]
        if not hmac.compare_digest(self._sign(body), found["signature"]):
            return LinkFault.FORGED
        if now >= int(found["expires"], 16):
            return LinkFault.EXPIRED
        index = PACKED if found["index"] == "p" else int(found["index"])
        return FileLink(found["provider"], found["id"], index, int(found["size"], 16), found["name"])

    def _sign(self, body: str) -> str:
        return hmac.new(self._secret, body.encode(), hashlib.sha256).hexdigest()[:20]
