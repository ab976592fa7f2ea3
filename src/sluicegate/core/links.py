"""Direct, expiring links to bytes."""

from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["Link"]


@dataclass(frozen=True, slots=True)
class Link:
    """A URL that yields a file's bytes for a while.

    Attributes:
        url: absolute http(s) URL; it grants access by itself, so it is never logged and never shared between users.
        expires_at: UTC; None when the provider does not say.
        name: file name the remote side would give, or empty.
        size: bytes, or None when unknown.
        headers: request headers the remote side demands, usually none.
        address_bound: True when the link works only from the address that asked for it.
    """

    url: str = field(repr=False)
    expires_at: datetime | None = None
    name: str = ""
    size: int | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    address_bound: bool = False
