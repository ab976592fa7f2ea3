"""Stream proxies: a user's own MediaFlow or StremThru, through which links go (library sheet, section 14)."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from sluicegate.core.secrets import Secret

__all__ = ["ProxyCheck", "ProxyCredential", "ProxyKind", "StreamProxy", "StreamProxyRepository", "stream_proxy_kind"]


class ProxyKind(StrEnum):
    """Kinds of stream proxies, spelled as on the wire."""

    MEDIAFLOW = "mediaflow"
    STREMTHRU = "stremthru-proxy"


class ProxyCheck(StrEnum):
    """What is known about a proxy's credential."""

    UNTESTED = "untested"
    OK = "ok"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class StreamProxy:
    """A user's proxy as we keep it; a user has at most one of each kind.

    Attributes:
        base_url: where it is reached, without a trailing slash.
        token_hint: the secret, masked.
        reason: why the last check failed, in words.
    """

    user_id: UUID
    kind: ProxyKind
    label: str
    base_url: str
    token_hint: str
    state: ProxyCheck
    created_at: datetime
    updated_at: datetime
    reason: str = ""
    checked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProxyCredential:
    """What is needed to use a proxy: MediaFlow's ``api_password``, or StremThru's ``user:password``."""

    kind: ProxyKind
    base_url: str
    token: Secret = field(repr=False)


def stream_proxy_kind(kind: ProxyKind, base_url: str) -> str:
    """The ``kind`` a proxy's secret is sealed under: pointing the row at another address makes it unreadable."""
    return f"stream_proxy:{kind}:{base_url}"


class StreamProxyRepository(Protocol):
    """Stream proxies and their sealed secrets."""

    async def put(self, proxy: StreamProxy, *, sealed_token: bytes) -> bool:
        """Keeps a proxy in place of the user's other of this kind; True when there was none."""
        ...

    async def page(self, user_id: UUID) -> list[StreamProxy]:
        """All of one user, oldest first."""
        ...

    async def get(self, user_id: UUID, kind: ProxyKind) -> StreamProxy:
        """Raises NotFound."""
        ...

    async def credential(self, user_id: UUID, kind: ProxyKind) -> ProxyCredential | None:
        """Opens the secret; None when the user has no such proxy. Raises InternalError (wrong master key)."""
        ...

    async def checked(self, user_id: UUID, kind: ProxyKind, *, state: ProxyCheck, reason: str, at: datetime) -> None:
        """Notes the outcome of a check."""
        ...

    async def remove(self, user_id: UUID, kind: ProxyKind) -> bool:
        """Deletes a proxy and its secret; False when there is none."""
        ...
